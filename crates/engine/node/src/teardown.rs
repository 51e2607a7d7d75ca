//! Ends everything of this engine's node: for `bythos down`, also when neither the API nor Bythos itself runs.

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use futures::StreamExt as _;
use rustix::process::Signal;
use tokio::time::Instant;
use tracing::warn;

use crate::config::NodeConfig;
use crate::containerd::cgroup::{CgroupError, Hierarchies};
use crate::containerd::process::{ProcessIdentity, shims_of};
use crate::containerd::start::{ContainerdError, stop};
use crate::cri::{Cri, CriError};
use crate::pods::hooks::{Hook, HookTarget};
use crate::pods::runtime::{Container, PodInRuntime, look_at_all};
use crate::pods::stop::LAST_GRACE;

/// A pod that asks for more is ended by force after this time.
const GRACE_MAX: Duration = Duration::from_secs(60);
/// Most of the time is spent with waiting: a machine that shuts down has two minutes for a hundred pods.
const PODS_AT_ONCE: usize = 64;
const END_LIMIT: Duration = Duration::from_secs(10);
const ATTEMPTS_MAX: u32 = 100;
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(50);

/// Something of the node is left.
#[derive(Debug, thiserror::Error)]
pub enum StopError {
    /// Containerd does not end.
    #[error("failed to stop containerd")]
    Containerd(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Processes do not end.
    #[error("these processes do not end, even by force: {processes:?}")]
    Processes {
        /// Their process ids.
        processes: Vec<i32>,
    },
    /// A process cannot be ended.
    #[error("failed to end a process")]
    Signal(#[source] io::Error),
    /// A cgroup is left.
    #[error("failed to remove the cgroups")]
    Cgroups(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A file or folder is left.
    #[error("failed to remove {path:?}")]
    Remove {
        /// What is left.
        path: PathBuf,
        /// The system's words.
        #[source]
        source: io::Error,
    },
}

impl From<ContainerdError> for StopError {
    fn from(error: ContainerdError) -> Self {
        StopError::Containerd(Box::new(error))
    }
}

impl From<CgroupError> for StopError {
    fn from(error: CgroupError) -> Self {
        StopError::Cgroups(Box::new(error))
    }
}

/// Stops and removes all pods, stops containerd, and removes what both leave on the host: processes, cgroups,
/// sockets, mounts (they live in a namespace that ends with the processes) and links (they end with the pods'
/// network namespaces). Images, logs, volumes and what the API knows stay. `progress` is told each step.
///
/// Bythos itself must have ended before, or it starts everything again.
///
/// # Errors
/// Something is left, and what; calling it again goes on where it stopped.
pub async fn stop_all(config: &NodeConfig, mut progress: impl FnMut(&str)) -> Result<(), StopError> {
    stop_pods(config, &mut progress).await;
    if let Some(containerd) = ProcessIdentity::of_containerd(&config.containerd_identity_file()) {
        progress("stopping containerd");
        stop(containerd).await?;
    }
    end_leftovers(config).await?;
    progress("removing cgroups and sockets");
    remove_cgroups(config).await?;
    remove_files(config)
}

/// What fails here is ended by force afterwards.
async fn stop_pods(config: &NodeConfig, progress: &mut impl FnMut(&str)) {
    let Ok(cri) = Cri::new(&config.containerd_socket()) else { return };
    let Ok(pods) = look_at_all(&cri).await else { return };
    if pods.is_empty() {
        return;
    }
    let count = pods.len();
    progress(&format!("stopping {count} pods"));
    let mut stopped = futures::stream::iter(pods.into_values())
        .map(|pod| stop_pod(cri.clone(), config.node_address, pod))
        .buffer_unordered(PODS_AT_ONCE)
        .enumerate();
    while let Some((index, name)) = stopped.next().await {
        progress(&format!("stopped {name} ({} of {count})", index + 1));
    }
}

async fn stop_pod(cri: Cri, node_address: IpAddr, pod: PodInRuntime) -> String {
    let name = format!("{}/{}", pod.identity.namespace, pod.identity.name);
    let network = match pod.ready_sandbox() {
        Some(sandbox) => cri.sandbox_status(&sandbox.id).await.ok().and_then(|status| status.network),
        None => None,
    };
    // One on the network of the host has no address of its own.
    let own = network.map(|network| network.ip).filter(|address| !address.is_empty());
    let address = own.unwrap_or_else(|| node_address.to_string());
    let stops = pod.running().map(|container| stop_container(&cri, container, &address));
    let mut results = futures::future::join_all(stops).await;
    for sandbox in &pod.sandboxes {
        results.push(cri.stop_sandbox(&sandbox.id).await);
        results.push(cri.remove_sandbox(&sandbox.id).await);
    }
    for error in results.into_iter().filter_map(Result::err) {
        warn!(pod = name, %error, "a pod did not stop as it should");
    }
    name
}

/// Its `preStop` hook and the end of its program, both within the pod's grace.
async fn stop_container(cri: &Cri, container: &Container, address: &str) -> Result<(), CriError> {
    let grace = Duration::from_secs(container.notes.grace_seconds).min(GRACE_MAX);
    if grace.is_zero() {
        return cri.stop_container(&container.id, grace).await;
    }
    let deadline = Instant::now() + grace;
    match tokio::time::timeout_at(deadline, run_pre_stop_hook(cri, container, address)).await {
        Ok(Ok(())) => {}
        Ok(Err(failure)) => warn!(container = container.notes.name, failure, "a preStop hook failed"),
        Err(_) => warn!(container = container.notes.name, "a preStop hook did not end within the grace"),
    }
    let left = deadline.saturating_duration_since(Instant::now());
    cri.stop_container(&container.id, left.max(LAST_GRACE)).await
}

async fn run_pre_stop_hook(cri: &Cri, container: &Container, address: &str) -> Result<(), String> {
    let Some(hook) = Hook::of_notes(&container.notes) else { return Ok(()) };
    let target =
        HookTarget { cri: cri.clone(), container_id: container.id.clone(), address: address.to_owned() };
    hook?.run(&target).await
}

/// Ends shims and containers that outlived containerd, for example one that was killed.
async fn end_leftovers(config: &NodeConfig) -> Result<(), StopError> {
    // A container may start a process while the others are being ended.
    for _ in 0..ATTEMPTS_MAX {
        let left = leftovers(config)?;
        if left.is_empty() {
            return Ok(());
        }
        for process in &left {
            process.signal(Signal::KILL).map_err(StopError::Signal)?;
        }
        let all_ended = async {
            for process in &left {
                process.ended().await?;
            }
            Ok(())
        };
        match tokio::time::timeout(END_LIMIT, all_ended).await {
            Ok(ended) => ended.map_err(StopError::Signal)?,
            Err(_) => break,
        }
    }
    let processes: Vec<_> = leftovers(config)?.into_iter().map(|process| process.pid).collect();
    if processes.is_empty() { Ok(()) } else { Err(StopError::Processes { processes }) }
}

fn leftovers(config: &NodeConfig) -> Result<Vec<ProcessIdentity>, StopError> {
    let mut left = shims_of(&config.containerd_socket());
    let in_cgroups = Hierarchies::of_host()?.processes(&config.cgroup())?;
    left.extend(in_cgroups.into_iter().filter_map(ProcessIdentity::of_pid));
    Ok(left)
}

/// The kernel lets go of a cgroup only when the last process in it has been reaped, by whoever is its parent.
async fn remove_cgroups(config: &NodeConfig) -> Result<(), StopError> {
    let hierarchies = Hierarchies::of_host()?;
    let mut attempts = 0;
    loop {
        match hierarchies.remove(&config.cgroup()) {
            Ok(()) => return Ok(()),
            Err(error) if attempts == ATTEMPTS_MAX => return Err(error.into()),
            Err(_) => attempts += 1,
        }
        tokio::time::sleep(BETWEEN_ATTEMPTS).await;
    }
}

fn remove_files(config: &NodeConfig) -> Result<(), StopError> {
    let socket = config.containerd_socket();
    let mut second_socket = socket.clone().into_os_string();
    second_socket.push(".ttrpc");
    let paths = [
        config.containerd_identity_file(),
        config.containerd_state(),
        config.shim_dir(),
        config.cni_state_dir(),
        config.secret_volumes_dir(),
        config.parking_socket(),
        socket,
        second_socket.into(),
    ];
    for path in paths {
        let removed =
            if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        match removed {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(StopError::Remove { path, source });
            }
            _ => {}
        }
    }
    Ok(())
}
