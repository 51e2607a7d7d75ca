//! What pods have on the host: processes, cgroups, mounts, links, folders.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use bythos_testing::machine::{Machine, cgroups, stdout};
use serde_json::Value;

/// How many bytes a uid has, as text.
const UID_BYTES: usize = 36;

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Remains {
    /// Uids of pods that have any of it, with what.
    of_pods: BTreeSet<(String, String)>,
    links: usize,
    networks: usize,
    /// What containerd has mounted for sandboxes and containers.
    mounts: usize,
    shims: usize,
}

impl Remains {
    /// What is there now.
    pub(crate) fn of(machine: &Machine) -> Result<Remains> {
        let id = machine.id();
        let containerd = machine.containerd().context("containerd runs")?;
        let mut found = BTreeSet::new();
        let mut note = |path: &Path| {
            if let Some(uid) = uid_in(&path.to_string_lossy()) {
                found.insert((uid, path.display().to_string()));
            }
        };
        for folder in [machine.root().join("pods"), PathBuf::from(format!("/run/bythos/{id}/volumes"))] {
            std::fs::read_dir(&folder).into_iter().flatten().flatten().for_each(|entry| note(&entry.path()));
        }
        for cgroup in cgroups_of(&id)? {
            note(&cgroup);
        }
        let mounts = std::fs::read_to_string(format!("/proc/{containerd}/mountinfo"))?;
        let points: Vec<&str> = mounts.lines().filter_map(|line| line.split(' ').nth(4)).collect();
        for point in &points {
            note(Path::new(point));
        }
        let of_engine = || points.iter().filter(|point| point.contains(&id));
        let links = stdout(machine.command("ip").args(["-o", "link"]))?;
        Ok(Remains {
            of_pods: found,
            links: links.lines().filter(|line| line.contains("veth")).count(),
            networks: of_engine().filter(|point| point.contains("/netns/")).count(),
            mounts: of_engine().filter(|point| point.ends_with("/rootfs")).count(),
            shims: shims_of(&id)?,
        })
    }

    /// Holds that it is just what these pods of one container each have.
    pub(crate) fn belong_to(&self, pods: &[Value]) -> Result<()> {
        let uids: BTreeSet<&str> = pods.iter().filter_map(|pod| pod["metadata"]["uid"].as_str()).collect();
        let strays: Vec<_> = self.of_pods.iter().filter(|(uid, _)| !uids.contains(uid.as_str())).collect();
        ensure!(strays.is_empty(), "left of pods that are gone: {strays:#?}");
        ensure!(self.links == pods.len(), "{} links for {} pods", self.links, pods.len());
        ensure!(self.networks == pods.len(), "{} networks for {} pods", self.networks, pods.len());
        ensure!(self.shims == pods.len(), "{} shims for {} pods", self.shims, pods.len());
        // That of the sandbox, and that of the container.
        ensure!(self.mounts == 2 * pods.len(), "{} root file systems for {} pods", self.mounts, pods.len());
        Ok(())
    }
}

/// The first uid in a path, as of `/sys/fs/cgroup/memory/bythos-0a1b2c3d/pod<uid>/...`.
fn uid_in(path: &str) -> Option<String> {
    let is_uid = |text: &str| {
        text.len() == UID_BYTES
            && text.bytes().enumerate().all(|(place, byte)| match place {
                8 | 13 | 18 | 23 => byte == b'-',
                _ => byte.is_ascii_hexdigit(),
            })
    };
    path.split('/')
        .map(|part| part.strip_prefix("pod").unwrap_or(part))
        .find(|part| is_uid(part))
        .map(str::to_owned)
}

fn cgroups_of(id: &str) -> Result<Vec<PathBuf>> {
    let cloud = format!("bythos-{id}");
    cgroups(|path| path.parent().is_some_and(|parent| parent.iter().any(|part| part == cloud.as_str())))
}

fn shims_of(id: &str) -> Result<usize> {
    let address = format!("/run/bythos/{id}/containerd.sock");
    let mut count = 0;
    for process in std::fs::read_dir("/proc")? {
        let command = std::fs::read(process?.path().join("cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        let is_shim = command.contains("containerd-shim-runc-v2") && command.contains(&address);
        count += usize::from(is_shim);
    }
    Ok(count)
}

/// Processes that were given all of these variables.
pub(crate) fn processes_with(variables: &[String]) -> Result<Vec<u32>> {
    let mut found = Vec::new();
    for process in std::fs::read_dir("/proc")? {
        let process = process?;
        // Most entries are not processes, and a process may end at any time.
        let Ok(environment) = std::fs::read(process.path().join("environ")) else { continue };
        let has =
            |variable: &String| environment.split(|byte| *byte == 0).any(|one| one == variable.as_bytes());
        if variables.iter().all(has) {
            found.extend(process.file_name().to_string_lossy().parse::<u32>());
        }
    }
    Ok(found)
}
