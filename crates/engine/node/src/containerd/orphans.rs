//! What a containerd that died in the middle of making a sandbox leaves behind: a shim that its successor does not
//! know, and the processes in its care. Nobody else would ever end them.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;
use tracing::{debug, warn};

use super::cgroup::{CgroupError, Hierarchies};
use super::process::{ProcessIdentity, shims_of};
use crate::config::NodeConfig;
use crate::cri::{Cri, CriError};

/// A shim ends by itself within moments once its sandbox is removed.
const SHIM_END: Duration = Duration::from_secs(2);

/// Orphans cannot be found or ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OrphanError {
    #[error("failed to find what runs")]
    Look(#[from] CriError),
    #[error("failed to read the cgroups of the engine")]
    Cgroup(#[from] CgroupError),
    #[error("failed to end a process")]
    Signal(#[source] std::io::Error),
}

/// A shim, and the sandbox that it was started for.
#[derive(Debug, Clone)]
pub(super) struct Shim {
    process: ProcessIdentity,
    sandbox_id: String,
}

/// The shims that live.
pub(super) fn shims_at(socket: &Path) -> Vec<Shim> {
    let with_id = |process: ProcessIdentity| {
        let sandbox_id = id_of(&std::fs::read(format!("/proc/{}/cmdline", process.pid)).ok()?)?;
        Some(Shim { process, sandbox_id })
    };
    shims_of(socket).into_iter().filter_map(with_id).collect()
}

fn id_of(arguments: &[u8]) -> Option<String> {
    let mut arguments = arguments.split(|byte| *byte == 0);
    arguments.find(|argument| *argument == b"-id")?;
    String::from_utf8(arguments.next()?.to_vec()).ok()
}

/// Ends those of `shims` whose sandbox CRI does not know, with all that runs in their cgroups.
pub(super) async fn end(config: &NodeConfig, cri: &Cri, shims: &[Shim]) -> Result<(), OrphanError> {
    let known: BTreeSet<_> =
        cri.sandboxes(HashMap::new()).await?.into_iter().map(|sandbox| sandbox.id).collect();
    let orphans: Vec<_> = shims.iter().filter(|shim| !known.contains(&shim.sandbox_id)).collect();
    if orphans.is_empty() {
        return Ok(());
    }
    let in_care: Vec<_> = Hierarchies::of_host()?
        .processes(&config.cgroup())?
        .into_iter()
        .filter_map(ProcessIdentity::of_pid)
        .collect();
    for orphan in orphans {
        warn!(sandbox = orphan.sandbox_id, "ending what a containerd that died has left of a sandbox");
        for process in in_care.iter().filter(|process| is_in_cgroup(process.pid, &orphan.sandbox_id)) {
            debug!(pid = process.pid, "ending a process that nobody cares for");
            process.signal(Signal::KILL).map_err(OrphanError::Signal)?;
        }
        orphan.process.signal(Signal::KILL).map_err(OrphanError::Signal)?;
    }
    Ok(())
}

/// Ends the shim of a sandbox that is removed. One that a containerd before this one has started and not used yet is
/// told by nobody that there is nothing more to do.
pub(crate) async fn end_shim_of(config: &NodeConfig, sandbox_id: &str) -> Result<(), OrphanError> {
    let shims = shims_at(&config.containerd_socket());
    for shim in shims.into_iter().filter(|shim| shim.sandbox_id == sandbox_id) {
        for signal in [None, Some(Signal::TERM), Some(Signal::KILL)] {
            if let Some(signal) = signal {
                warn!(sandbox_id, ?signal, "ending the shim of a sandbox that is gone");
                shim.process.signal(signal).map_err(OrphanError::Signal)?;
            }
            if let Ok(ended) = tokio::time::timeout(SHIM_END, shim.process.ended()).await {
                ended.map_err(OrphanError::Signal)?;
                break;
            }
        }
    }
    Ok(())
}

fn is_in_cgroup(pid: i32, name: &str) -> bool {
    let cgroups = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    cgroups.lines().any(|line| line.rsplit('/').next() == Some(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sandbox_stands_in_the_arguments_of_its_shim() {
        let arguments =
            b"/usr/bin/containerd-shim-runc-v2\0-namespace\0k8s.io\0-id\0abc\0-address\0/run/c.sock\0";
        assert_eq!(id_of(arguments).as_deref(), Some("abc"));
        assert_eq!(id_of(b"shim\0-id"), None);
        assert_eq!(id_of(b"shim\0"), None);
    }
}
