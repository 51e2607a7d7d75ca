//! How much of the disk a pod uses.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::Pod;

use super::limits::Limits;
use crate::cri::CriError;
use crate::node::Node;
use crate::pods::paths;
use crate::pods::runtime::PodInRuntime;

/// The kernel counts blocks of this size, whatever the file system does.
const BLOCK_BYTES: u64 = 512;

/// It is not known how much a pod uses.
#[derive(Debug, thiserror::Error)]
pub(super) enum UsageError {
    #[error("failed to add up {folder:?}")]
    Folder {
        folder: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("failed to wait for the sum of a folder")]
    Join(#[from] tokio::task::JoinError),
    #[error(transparent)]
    Cri(#[from] CriError),
}

/// In bytes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Usage {
    /// Of each `emptyDir` on disk, by name.
    pub(super) volumes: BTreeMap<String, u64>,
    /// What each container has written into its own file system and its log, by name.
    pub(super) containers: BTreeMap<String, u64>,
}

impl Usage {
    /// Only what `limits` concern is looked at.
    pub(super) async fn of(
        node: &Node,
        pod: &Pod,
        runtime: &PodInRuntime,
        limits: &Limits,
    ) -> Result<Usage, UsageError> {
        let mut usage = Usage::default();
        let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
        let on_disk = volumes.filter(|volume| {
            volume.empty_dir.as_ref().is_some_and(|source| source.medium.as_deref() != Some("Memory"))
        });
        let folder = paths::plugin_dir(&node.config, &runtime.identity.uid, "kubernetes.io~empty-dir");
        for volume in on_disk {
            usage.volumes.insert(volume.name.clone(), bytes_in(folder.join(&volume.name)).await?);
        }
        if limits.concern_containers() {
            let logs = paths::log_dir(&node.config, &runtime.identity);
            for container in runtime.running() {
                let written = node.cri.written_bytes(&container.id).await?;
                let logged = bytes_in(logs.join(&container.notes.name)).await?;
                usage.containers.insert(container.notes.name.clone(), written.saturating_add(logged));
            }
        }
        Ok(usage)
    }

    pub(super) fn total(&self) -> u64 {
        self.volumes.values().chain(self.containers.values()).copied().fold(0, u64::saturating_add)
    }
}

async fn bytes_in(folder: PathBuf) -> Result<u64, UsageError> {
    tokio::task::spawn_blocking(move || {
        add_up(&folder).map_err(|source| UsageError::Folder { folder: folder.clone(), source })
    })
    .await?
}

/// What a folder takes of its file system. Links are not followed, and a file with several names counts once; what is
/// removed meanwhile counts for nothing.
fn add_up(folder: &Path) -> io::Result<u64> {
    let Some(own) = unless_gone(std::fs::symlink_metadata(folder))? else { return Ok(0) };
    let (mut bytes, mut seen, mut folders) = (0_u64, BTreeSet::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        let Some(entries) = unless_gone(std::fs::read_dir(&folder))? else { continue };
        for entry in entries {
            let Some(entry) = unless_gone(entry)? else { continue };
            let Some(found) = unless_gone(entry.metadata())? else { continue };
            if found.dev() != own.dev() || found.nlink() > 1 && !found.is_dir() && !seen.insert(found.ino()) {
                continue;
            }
            bytes = bytes.saturating_add(found.blocks().saturating_mul(BLOCK_BYTES));
            if found.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    Ok(bytes)
}

fn unless_gone<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_below_count_once_and_links_for_nothing_but_themselves() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let megabyte = vec![1; 1 << 20];
        std::fs::create_dir_all(path("deep/down")).unwrap();
        std::fs::write(path("deep/down/file"), &megabyte).unwrap();
        let one = add_up(folder.path()).unwrap();
        assert!((1 << 20..(1 << 20) + (64 << 10)).contains(&one), "{one}");
        std::fs::hard_link(path("deep/down/file"), path("again")).unwrap();
        std::os::unix::fs::symlink("/usr", path("elsewhere")).unwrap();
        let with_links = add_up(folder.path()).unwrap();
        assert!(with_links < one + (64 << 10), "{with_links}");
        std::fs::write(path("second"), &megabyte).unwrap();
        assert!(add_up(folder.path()).unwrap() >= 2 << 20);
    }

    #[test]
    fn a_folder_that_is_gone_uses_nothing() {
        assert_eq!(add_up(Path::new("/no/such/folder")).unwrap(), 0);
    }
}
