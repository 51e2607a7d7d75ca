//! The volumes of a pod: first what they should hold (pure), then that, on the host.

mod atomic;
pub(crate) mod claim;
mod host_path;
mod memory;
mod ownership;
mod projection;

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::{EmptyDirVolumeSource, Pod, PodSpec, Volume};

use self::claim::{ClaimError, Kind};
use self::host_path::HostPathError;
use self::ownership::ChangePolicy;
pub(crate) use self::projection::Payload;
use self::projection::ProjectionError;
use super::fields::Addresses;
use super::objects::{Objects, claim_of};
use super::resources::memory_limit;
use super::{paths, quantity};
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
    #[error(transparent)]
    Claim(#[from] ClaimError),
    #[error("emptyDir.sizeLimit: found {found:?}, expected a quantity such as 64Mi")]
    SizeLimit { found: String },
    #[error("path {path:?} does not exist")]
    NoFolder { path: PathBuf },
    #[error("failed to write {path:?}")]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// Where a volume lies, and how containers may use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) path: PathBuf,
    /// Whatever a container asks for: the node writes it, or the manifest says so of the whole volume.
    pub(crate) is_read_only: bool,
}

/// A volume as it should be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Prepared {
    name: String,
    place: Place,
    content: Content,
    group: Option<Group>,
    /// Exists when the pod's group owns what was in the volume before the pod came.
    owned_mark: PathBuf,
}

/// The pod's `fsGroup`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Group {
    id: u32,
    policy: ChangePolicy,
}

#[derive(Debug, PartialEq, Eq)]
enum Content {
    /// A folder that the pod fills.
    EmptyDir,
    /// The same in memory, of so many bytes at most.
    Memory(Option<i64>),
    /// Files that the node keeps up to date.
    Projected(Payload),
    /// Something of the host, of this type.
    HostPath(String),
    /// What a claim is bound to.
    Claimed(Kind),
}

/// What all volumes of the pod should be.
pub(crate) fn prepare(
    config: &NodeConfig,
    pod: &Pod,
    spec: &PodSpec,
    objects: &Objects,
    addresses: &Addresses,
) -> Result<Vec<Prepared>, VolumeError> {
    let group = group(spec);
    let uid = pod.metadata.uid.as_deref().unwrap_or_default();
    let prepare_one = |volume: &Volume| {
        let (place, content) = place_and_content(config, volume, pod, spec, objects, addresses)
            .map_err(|source| VolumeError { volume: volume.name.clone(), source })?;
        let owned_mark = paths::plugin_dir(config, uid, "bythos.dev~owned").join(&volume.name);
        Ok(Prepared { name: volume.name.clone(), place, content, group, owned_mark })
    };
    spec.volumes.iter().flatten().map(prepare_one).collect()
}

/// Makes the volumes what they should be and returns where they lie.
///
/// What is there already is left alone, so it may be called whenever something changed.
pub(crate) fn realize(
    config: &NodeConfig,
    prepared: Vec<Prepared>,
) -> Result<BTreeMap<String, Place>, VolumeError> {
    let realize_one = |volume: Prepared| {
        volume
            .realize(config)
            .map_err(|source| VolumeError { volume: volume.name.clone(), source })
            .map(|()| (volume.name.clone(), volume.place.clone()))
    };
    prepared.into_iter().map(realize_one).collect()
}

fn group(spec: &PodSpec) -> Option<Group> {
    let context = spec.security_context.as_ref()?;
    let policy = match context.fs_group_change_policy.as_deref() {
        Some("OnRootMismatch") => ChangePolicy::OnRootMismatch,
        _ => ChangePolicy::Always,
    };
    Some(Group { id: u32::try_from(context.fs_group?).ok()?, policy })
}

/// The kubelet's layout, so that what looks for volumes on the host finds them; but secrets stay in memory.
fn place_and_content(
    config: &NodeConfig,
    volume: &Volume,
    pod: &Pod,
    spec: &PodSpec,
    objects: &Objects,
    addresses: &Addresses,
) -> Result<(Place, Content), Cause> {
    let uid = pod.metadata.uid.as_deref().unwrap_or_default();
    let place = |path: PathBuf, is_read_only| Place { path, is_read_only };
    let in_plugin = |plugin: &str| paths::plugin_dir(config, uid, plugin).join(&volume.name);
    if let Some(host_path) = &volume.host_path {
        let type_ = host_path.type_.clone().unwrap_or_default();
        return Ok((place(PathBuf::from(&host_path.path), false), Content::HostPath(type_)));
    }
    if let Some(empty_dir) = &volume.empty_dir {
        return Ok((place(in_plugin("kubernetes.io~empty-dir"), false), empty(empty_dir, spec)?));
    }
    if let Some(name) = claim_of(pod, volume) {
        let claim = objects.claims.get(&name);
        let is_owner = |claim: &super::objects::Claim| {
            let owners = claim.claim.metadata.owner_references.iter().flatten();
            owners.into_iter().any(|owner| owner.uid == uid)
        };
        if volume.ephemeral.is_some() && claim.is_some_and(|claim| !is_owner(claim)) {
            return Err(ClaimError::NotOwned { claim: name }.into());
        }
        let found = claim::locate(config, &name, claim)?;
        let claimed = volume.persistent_volume_claim.as_ref();
        let is_read_only = claimed.is_some_and(|claim| claim.read_only == Some(true));
        return Ok((place(found.path, is_read_only), Content::Claimed(found.kind)));
    }
    let content = Content::Projected(projection::payload(volume, pod, objects, addresses)?);
    let path = if volume.secret.is_some() || volume.projected.is_some() {
        paths::secret_dir(config, uid).join(&volume.name)
    } else if volume.config_map.is_some() {
        in_plugin("kubernetes.io~configmap")
    } else {
        in_plugin("kubernetes.io~downward-api")
    };
    Ok((place(path, true), content))
}

fn empty(source: &EmptyDirVolumeSource, spec: &PodSpec) -> Result<Content, Cause> {
    if source.medium.as_deref() != Some("Memory") {
        return Ok(Content::EmptyDir);
    }
    let asked = source.size_limit.as_ref().map(|limit| {
        let bytes = quantity::whole(&limit.0).filter(|bytes| *bytes >= 0);
        bytes.ok_or_else(|| Cause::SizeLimit { found: limit.0.clone() })
    });
    // Nobody may fill more memory than all containers of the pod together.
    let limits = [asked.transpose()?.filter(|bytes| *bytes > 0), memory_limit(spec)];
    Ok(Content::Memory(limits.into_iter().flatten().min()))
}

impl Prepared {
    fn realize(&self, config: &NodeConfig) -> Result<(), Cause> {
        let path = &self.place.path;
        let group = self.group.map(|group| group.id);
        match &self.content {
            Content::HostPath(type_) => Ok(host_path::check(path, type_)?),
            Content::EmptyDir => self.make_empty_dir().map_err(|source| self.failed(source)),
            Content::Memory(bytes) => {
                memory::make(config, path, *bytes, group).map_err(|source| self.failed(source))
            }
            Content::Projected(payload) => {
                atomic::write(path, payload, group).map_err(|source| self.failed(source))
            }
            Content::Claimed(Kind::HostPath(type_)) => Ok(host_path::check(path, type_)?),
            Content::Claimed(Kind::Local) if !path.exists() => Err(Cause::NoFolder { path: path.clone() }),
            Content::Claimed(Kind::Local) => self.give_once().map_err(|source| self.failed(source)),
            Content::Claimed(Kind::Provisioned) => {
                self.make_claimed().and_then(|()| self.give_once()).map_err(|source| self.failed(source))
            }
        }
    }

    fn failed(&self, source: io::Error) -> Cause {
        Cause::Write { path: self.place.path.clone(), source }
    }

    fn make_empty_dir(&self) -> io::Result<()> {
        let path = &self.place.path;
        if path.is_dir() {
            return Ok(());
        }
        std::fs::create_dir_all(path)?;
        let set_group_id = if self.group.is_some() { 0o2000 } else { 0 };
        give_to_group(path, self.group.map(|group| group.id))?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777 | set_group_id))
    }

    /// Nobody but root passes through the folder that holds them all, so each may be open to everyone.
    fn make_claimed(&self) -> io::Result<()> {
        let path = &self.place.path;
        if path.is_dir() {
            return Ok(());
        }
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
            std::fs::set_permissions(parent, std::fs::Permissions::from_mode(0o700))?;
        }
        std::fs::create_dir(path)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777))
    }

    /// What somebody else has written belongs to the pod's group from its start; later the pod may do as it likes.
    fn give_once(&self) -> io::Result<()> {
        let Some(group) = self.group.filter(|_| !self.owned_mark.exists()) else { return Ok(()) };
        ownership::give(&self.place.path, group.id, group.policy)?;
        std::fs::create_dir_all(&self.owned_mark)
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
