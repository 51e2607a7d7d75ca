//! The volumes of a pod: first what they should hold (pure), then that, on the host.
//!
//! Where a volume lies is noted once it is there. If what it is made of goes away afterwards (a config map, a claim),
//! the volume stays as it is, and containers of the pod can be started again with it.

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

use bythos_quantity::Quantity;
use k8s_openapi::api::core::v1::{EmptyDirVolumeSource, Pod, PodSpec, Volume};

use self::claim::{ClaimError, Kind};
use self::host_path::HostPathError;
use self::ownership::ChangePolicy;
pub(crate) use self::projection::Payload;
use self::projection::ProjectionError;
use super::fields::Addresses;
use super::objects::{Objects, claim_of};
use super::paths;
use super::resources::memory_limit;
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
#[derive(Debug)]
pub(crate) struct Prepared {
    name: String,
    /// Or what is missing for it.
    wanted: Result<Wanted, Cause>,
    is_read_only: bool,
    group: Option<Group>,
    /// Exists when the pod's group owns what was in the volume before the pod came.
    owned_mark: PathBuf,
    /// A link to the place of the volume, once it is there.
    place_note: PathBuf,
}

#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    path: PathBuf,
    content: Content,
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
) -> Vec<Prepared> {
    let uid = pod.metadata.uid.as_deref().unwrap_or_default();
    let note = |kind: &str, volume: &Volume| paths::plugin_dir(config, uid, kind).join(&volume.name);
    let prepare_one = |volume: &Volume| Prepared {
        name: volume.name.clone(),
        wanted: wanted(config, volume, pod, spec, objects, addresses),
        is_read_only: is_read_only(volume),
        group: group(spec),
        owned_mark: note("bythos.dev~owned", volume),
        place_note: note("bythos.dev~place", volume),
    };
    spec.volumes.iter().flatten().map(prepare_one).collect()
}

/// Whether no container may write, whatever it asks for: the node writes it, or the manifest says so.
fn is_read_only(volume: &Volume) -> bool {
    let is_written_by_node = volume.config_map.is_some()
        || volume.secret.is_some()
        || volume.projected.is_some()
        || volume.downward_api.is_some();
    let claim = volume.persistent_volume_claim.as_ref();
    is_written_by_node || claim.is_some_and(|claim| claim.read_only == Some(true))
}

/// Makes the volumes what they should be and returns where they lie.
///
/// What is there already is left alone, so it may be called whenever something changed.
pub(crate) fn realize(
    config: &NodeConfig,
    prepared: Vec<Prepared>,
) -> Result<BTreeMap<String, Place>, VolumeError> {
    let realize_one = |volume: Prepared| {
        let (name, is_read_only) = (volume.name.clone(), volume.is_read_only);
        match volume.realize(config) {
            Ok(path) => Ok((name, Place { path, is_read_only })),
            Err(source) => Err(VolumeError { volume: name, source }),
        }
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
fn wanted(
    config: &NodeConfig,
    volume: &Volume,
    pod: &Pod,
    spec: &PodSpec,
    objects: &Objects,
    addresses: &Addresses,
) -> Result<Wanted, Cause> {
    let uid = pod.metadata.uid.as_deref().unwrap_or_default();
    let in_plugin = |plugin: &str| paths::plugin_dir(config, uid, plugin).join(&volume.name);
    if let Some(host_path) = &volume.host_path {
        let type_ = host_path.type_.clone().unwrap_or_default();
        return Ok(Wanted { path: PathBuf::from(&host_path.path), content: Content::HostPath(type_) });
    }
    if let Some(empty_dir) = &volume.empty_dir {
        let path = in_plugin("kubernetes.io~empty-dir");
        return Ok(Wanted { path, content: empty(empty_dir, spec)? });
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
        return Ok(Wanted { path: found.path, content: Content::Claimed(found.kind) });
    }
    let content = Content::Projected(projection::payload(volume, pod, objects, addresses)?);
    let path = if volume.secret.is_some() || volume.projected.is_some() {
        paths::secret_dir(config, uid).join(&volume.name)
    } else if volume.config_map.is_some() {
        in_plugin("kubernetes.io~configmap")
    } else {
        in_plugin("kubernetes.io~downward-api")
    };
    Ok(Wanted { path, content })
}

fn empty(source: &EmptyDirVolumeSource, spec: &PodSpec) -> Result<Content, Cause> {
    if source.medium.as_deref() != Some("Memory") {
        return Ok(Content::EmptyDir);
    }
    let asked = source.size_limit.as_ref().map(|limit| {
        let bytes = limit.0.parse::<Quantity>().ok().and_then(|limit| i64::try_from(limit.units()).ok());
        bytes.filter(|bytes| *bytes >= 0).ok_or_else(|| Cause::SizeLimit { found: limit.0.clone() })
    });
    // Nobody may fill more memory than all containers of the pod together.
    let limits = [asked.transpose()?.filter(|bytes| *bytes > 0), memory_limit(spec)];
    Ok(Content::Memory(limits.into_iter().flatten().min()))
}

impl Prepared {
    /// Makes the volume what it should be and returns where it lies. One that cannot be known any more is left as
    /// it was.
    fn realize(self, config: &NodeConfig) -> Result<PathBuf, Cause> {
        let noted = self.noted_place();
        match &self.wanted {
            Ok(wanted) => {
                self.make(config, wanted)?;
                if noted.as_ref() != Some(&wanted.path) {
                    self.note_place(&wanted.path).map_err(failed(&self.place_note))?;
                }
                Ok(wanted.path.clone())
            }
            Err(_) => noted.map_or_else(|| self.wanted.map(|wanted| wanted.path), Ok),
        }
    }

    fn make(&self, config: &NodeConfig, wanted: &Wanted) -> Result<(), Cause> {
        let Wanted { path, content } = wanted;
        let group = self.group.map(|group| group.id);
        match content {
            Content::HostPath(type_) => Ok(host_path::check(path, type_)?),
            Content::EmptyDir => make_empty_dir(path, group).map_err(failed(path)),
            Content::Memory(bytes) => memory::make(config, path, *bytes, group).map_err(failed(path)),
            Content::Projected(payload) => atomic::write(path, payload, group).map_err(failed(path)),
            Content::Claimed(Kind::HostPath(type_)) => Ok(host_path::check(path, type_)?),
            Content::Claimed(Kind::Local) if !path.exists() => Err(Cause::NoFolder { path: path.clone() }),
            Content::Claimed(Kind::Local) => self.give_once(path).map_err(failed(path)),
            Content::Claimed(Kind::Provisioned) => {
                make_claimed(path).and_then(|()| self.give_once(path)).map_err(failed(path))
            }
        }
    }

    /// What somebody else has written belongs to the pod's group from its start; later the pod may do as it likes.
    fn give_once(&self, path: &Path) -> io::Result<()> {
        let Some(group) = self.group.filter(|_| !self.owned_mark.exists()) else { return Ok(()) };
        ownership::give(path, group.id, group.policy)?;
        std::fs::create_dir_all(&self.owned_mark)
    }

    fn note_place(&self, path: &Path) -> io::Result<()> {
        if let Some(folder) = self.place_note.parent() {
            std::fs::create_dir_all(folder)?;
        }
        match std::fs::remove_file(&self.place_note) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => std::os::unix::fs::symlink(path, &self.place_note),
        }
    }

    /// Where the volume was put, if it is still there: a reboot takes what lies in memory.
    fn noted_place(&self) -> Option<PathBuf> {
        std::fs::read_link(&self.place_note).ok().filter(|path| path.exists())
    }
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> Cause {
    let path = path.to_owned();
    move |source| Cause::Write { path, source }
}

fn make_empty_dir(path: &Path, group: Option<u32>) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    std::fs::create_dir_all(path)?;
    let set_group_id = if group.is_some() { 0o2000 } else { 0 };
    give_to_group(path, group)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777 | set_group_id))
}

/// Nobody but root passes through the folder that holds them all, so each may be open to everyone.
fn make_claimed(path: &Path) -> io::Result<()> {
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

fn give_to_group(path: &Path, group: Option<u32>) -> io::Result<()> {
    match group {
        Some(group) => std::os::unix::fs::chown(path, None, Some(group)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
