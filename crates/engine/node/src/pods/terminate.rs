//! Steps of a pod that should end: its containers, its sandboxes, its files, its object.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;
use rustix::process::Signal;
use tracing::warn;

use super::resources::QosClass;
use super::runtime::Sandbox;
use super::spec::grace_seconds;
use super::status::Outlook;
use super::worker::{Outcome, StepError, Worker};
use super::{paths, report, sandbox};
use crate::config::NodeConfig;
use crate::containerd::cgroup::Hierarchies;
use crate::containerd::orphans;
use crate::containerd::process::ProcessIdentity;
use crate::cri::labels::PodIdentity;

/// A process that is killed ends at once, unless the kernel is busy for it.
const KILL_LIMIT: Duration = Duration::from_secs(5);

impl Worker {
    /// Ends the pod step by step; without an object in the API it has no time to lose.
    pub(super) async fn end(&mut self, pod: Option<&Arc<Pod>>) -> Result<Outcome, StepError> {
        self.waiting.clear();
        let runtime = self.look().await?;
        if runtime.running().next().is_some() {
            match self.static_pod.clone().filter(|_| pod.is_none()) {
                Some(last) => {
                    let grace = last.spec.as_ref().map_or(0, grace_seconds);
                    self.stop_in_order(Some(&last), &runtime, Duration::from_secs(grace)).await?;
                }
                None => {
                    let grace = pod.map_or(Duration::from_secs(1), |pod| grace_left(pod));
                    self.stop_in_order(pod, &runtime, grace).await?;
                }
            }
            if let Some(pod) = pod {
                self.write_status(pod, &runtime, &Outlook::GoesOn).await?;
            }
            return Ok(Outcome::Wait(None));
        }
        self.probes.clear();
        if let Some(ready) = runtime.ready_sandbox() {
            self.node.cri.stop_sandbox(&ready.id).await?;
        }
        let runtime = self.look().await?;
        if let Some(pod) = pod {
            self.write_status(pod, &runtime, &Outlook::Finished).await?;
        }
        for container in &runtime.containers {
            self.remove_container(container).await?;
        }
        for sandbox in &runtime.sandboxes {
            self.remove_sandbox(sandbox).await?;
        }
        clean(&self.node.config, &self.identity).await?;
        if let Some(pod) = pod {
            report::remove_from_api(&self.api(), pod)
                .await
                .map_err(|source| StepError::RemoveFromApi(Box::new(source)))?;
            return Ok(Outcome::Wait(None));
        }
        Ok(Outcome::Gone)
    }

    /// Removes a sandbox, and what a containerd that died while it made it has left of it.
    pub(super) async fn remove_sandbox(&self, sandbox: &Sandbox) -> Result<(), StepError> {
        self.node.cri.remove_sandbox(&sandbox.id).await?;
        if is_older_than_containerd(&self.node.config, sandbox) {
            let failed = |error| StepError::Clean {
                what: format!("the shim of sandbox {}", sandbox.id),
                source: io::Error::other(error),
            };
            orphans::end_shim_of(&self.node.config, &sandbox.id).await.map_err(failed)?;
        }
        Ok(())
    }
}

/// Whether another containerd has made the sandbox than the one that runs.
fn is_older_than_containerd(config: &NodeConfig, sandbox: &Sandbox) -> bool {
    let started = std::fs::metadata(config.containerd_identity_file()).and_then(|file| file.modified());
    let started = started.ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    started.is_none_or(|started| i128::from(sandbox.created_at) < started.as_nanos().cast_signed())
}

/// The API sets the time of deletion to the end of the grace, so a restart of Bythos in between adds nothing to it.
fn grace_left(pod: &Pod) -> Duration {
    let whole = Duration::from_secs(
        pod.metadata.deletion_grace_period_seconds.and_then(|grace| u64::try_from(grace).ok()).unwrap_or(0),
    );
    let left = pod.metadata.deletion_timestamp.as_ref().map(|end| end.0.duration_since(Timestamp::now()));
    let left = left.and_then(|left| Duration::try_from(left).ok()).unwrap_or(Duration::ZERO);
    left.min(whole).max(Duration::from_secs(1))
}

/// Removes what the pod leaves on the host.
async fn clean(config: &NodeConfig, pod: &PodIdentity) -> Result<(), StepError> {
    let uid = &pod.uid;
    remove_folders([
        paths::pod_dir(config, uid),
        paths::secret_dir(config, uid),
        paths::log_dir(config, pod),
    ])
    .await?;
    let failed = |source: io::Error| StepError::Clean { what: "the cgroup of the pod".to_owned(), source };
    let hierarchies = Hierarchies::of_host().map_err(|error| failed(io::Error::other(error)))?;
    for class in [QosClass::Guaranteed, QosClass::Burstable, QosClass::BestEffort] {
        let cgroup = sandbox::cgroup(config, uid, class);
        end_leftovers(&hierarchies, &cgroup).await.map_err(failed)?;
        hierarchies.remove(&cgroup).map_err(|error| failed(io::Error::other(error)))?;
    }
    Ok(())
}

/// Removes the volumes of a pod that has ended, except what claims hold. Mounts end with the folders they lie on.
pub(super) async fn remove_volumes(config: &NodeConfig, uid: &str) -> Result<(), StepError> {
    let volumes = paths::volumes_dir(config, uid);
    remove_folders([volumes, paths::sub_paths_dir(config, uid), paths::secret_dir(config, uid)]).await
}

async fn remove_folders(folders: [PathBuf; 3]) -> Result<(), StepError> {
    let remove = move || {
        folders.iter().try_for_each(|folder| {
            remove_folder(folder)
                .map_err(|source| StepError::Clean { what: folder.display().to_string(), source })
        })
    };
    let failed = |error| StepError::Clean {
        what: "the folders of the pod".to_owned(),
        source: io::Error::other(error),
    };
    tokio::task::spawn_blocking(remove).await.map_err(failed)?
}

/// A containerd that died in the middle of a start may leave a process that its successor does not know.
async fn end_leftovers(hierarchies: &Hierarchies, cgroup: &str) -> io::Result<()> {
    let left = hierarchies.processes(cgroup).map_err(io::Error::other)?;
    for process in left.into_iter().filter_map(ProcessIdentity::of_pid) {
        warn!(pid = process.pid, cgroup, "ending a process that is left of a pod");
        process.signal(Signal::KILL)?;
        let ended = tokio::time::timeout(KILL_LIMIT, process.ended()).await;
        ended.unwrap_or_else(|_| Err(io::Error::other(format!("process {} does not end", process.pid))))?;
    }
    Ok(())
}

pub(crate) fn remove_folder(folder: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
