//! The volumes of a pod: first what they should hold (pure), then that, on the host.

mod atomic;
mod host_path;
mod projection;

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::{Pod, PodSpec, Volume};

use self::host_path::HostPathError;
pub(crate) use self::projection::Payload;
use self::projection::ProjectionError;
use super::fields::Addresses;
use super::objects::Objects;
use super::paths;
use crate::config::NodeConfig;

/// A volume cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("MountVolume.SetUp failed for volume {volume:?}")]
pub(crate) struct VolumeError {
    volume: String,
    #[source]
    source: Cause,
}

#[derive(Debug, thiserror::Error)]
enum Cause {
    #[error(transparent)]
    Projection(#[from] ProjectionError),
    #[error(transparent)]
    HostPath(#[from] HostPathError),
    #[error("failed to write {path:?}")]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// A volume as it should be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Prepared {
    name: String,
    path: PathBuf,
    content: Content,
    /// Group that owns it, of the pod's `fsGroup`.
    group: Option<u32>,
}

#[derive(Debug, PartialEq, Eq)]
enum Content {
    /// A folder that the pod fills.
    EmptyDir,
    /// Files that the node keeps up to date.
    Projected(Payload),
    /// Something of the host, of this type.
    HostPath(String),
}

/// What all volumes of the pod should be.
pub(crate) fn prepare(
    config: &NodeConfig,
    pod: &Pod,
    spec: &PodSpec,
    objects: &Objects,
    addresses: &Addresses,
) -> Result<Vec<Prepared>, VolumeError> {
    let group = spec.security_context.as_ref().and_then(|context| context.fs_group);
    let group = group.and_then(|group| u32::try_from(group).ok());
    let uid = pod.metadata.uid.as_deref().unwrap_or_default();
    let prepare_one = |volume: &Volume| {
        let content = content(volume, pod, objects, addresses)
            .map_err(|source| VolumeError { volume: volume.name.clone(), source: source.into() })?;
        let path = path(config, uid, volume);
        Ok(Prepared { name: volume.name.clone(), path, content, group })
    };
    spec.volumes.iter().flatten().map(prepare_one).collect()
}

/// Makes the volumes what they should be and returns where they lie.
///
/// What is there already is left alone, so it may be called whenever something changed.
pub(crate) fn realize(prepared: Vec<Prepared>) -> Result<BTreeMap<String, PathBuf>, VolumeError> {
    let realize_one = |volume: Prepared| {
        volume
            .realize()
            .map_err(|source| VolumeError { volume: volume.name.clone(), source })
            .map(|()| (volume.name.clone(), volume.path.clone()))
    };
    prepared.into_iter().map(realize_one).collect()
}

fn content(
    volume: &Volume,
    pod: &Pod,
    objects: &Objects,
    addresses: &Addresses,
) -> Result<Content, ProjectionError> {
    if let Some(host_path) = &volume.host_path {
        return Ok(Content::HostPath(host_path.type_.clone().unwrap_or_default()));
    }
    if volume.empty_dir.is_some() {
        return Ok(Content::EmptyDir);
    }
    projection::payload(volume, pod, objects, addresses).map(Content::Projected)
}

/// The kubelet's layout, so that what looks for volumes on the host finds them; but secrets stay in memory.
fn path(config: &NodeConfig, uid: &str, volume: &Volume) -> PathBuf {
    if let Some(host_path) = &volume.host_path {
        return PathBuf::from(&host_path.path);
    }
    if volume.secret.is_some() || volume.projected.is_some() {
        return paths::secret_dir(config, uid).join(&volume.name);
    }
    let plugin = if volume.empty_dir.is_some() {
        "kubernetes.io~empty-dir"
    } else if volume.config_map.is_some() {
        "kubernetes.io~configmap"
    } else {
        "kubernetes.io~downward-api"
    };
    paths::pod_dir(config, uid).join("volumes").join(plugin).join(&volume.name)
}

impl Prepared {
    fn realize(&self) -> Result<(), Cause> {
        match &self.content {
            Content::HostPath(type_) => Ok(host_path::check(&self.path, type_)?),
            Content::EmptyDir => self.make_empty_dir().map_err(|source| self.failed(source)),
            Content::Projected(payload) => {
                atomic::write(&self.path, payload, self.group).map_err(|source| self.failed(source))
            }
        }
    }

    fn failed(&self, source: io::Error) -> Cause {
        Cause::Write { path: self.path.clone(), source }
    }

    fn make_empty_dir(&self) -> io::Result<()> {
        if self.path.is_dir() {
            return Ok(());
        }
        std::fs::create_dir_all(&self.path)?;
        let set_group_id = if self.group.is_some() { 0o2000 } else { 0 };
        give_to_group(&self.path, self.group)?;
        std::fs::set_permissions(&self.path, std::fs::Permissions::from_mode(0o777 | set_group_id))
    }
}

fn give_to_group(path: &Path, group: Option<u32>) -> io::Result<()> {
    match group {
        Some(group) => std::os::unix::fs::chown(path, None, Some(group)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
