//! Where the volume of a claim lies on this host: pure.

use std::path::PathBuf;

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeSpec};

use super::super::objects::Claim;
use crate::config::NodeConfig;

/// The provisioner whose folders the node makes.
pub(crate) const PROVISIONER: &str = "bythos.dev/local";
const PROVISIONED_BY: &str = "pv.kubernetes.io/provisioned-by";

/// The volume of a claim cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ClaimError {
    #[error("persistentvolumeclaim {claim:?} not found")]
    NotFound { claim: String },
    #[error("persistentvolumeclaim {claim:?} is being deleted")]
    BeingDeleted { claim: String },
    #[error("persistentvolumeclaim {claim:?} is not bound to a volume yet")]
    Unbound { claim: String },
    #[error("persistentvolume {volume:?} not found")]
    NoVolume { volume: String },
    #[error("persistentvolume {volume:?} is bound to another claim")]
    OfAnother { volume: String },
    #[error(
        "persistentvolume {volume:?}: found volumeMode Block, expected Filesystem; this node has no block devices to give"
    )]
    Block { volume: String },
    #[error(
        "persistentvolume {volume:?}: expected spec.local or spec.hostPath; this node can mount no other kind"
    )]
    Source { volume: String },
    #[error(
        "pod does not own persistentvolumeclaim {claim:?}, which was made for an ephemeral volume of another"
    )]
    NotOwned { claim: String },
}

/// A volume that was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) kind: Kind,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A folder that the node makes before its first use.
    Provisioned,
    /// One that somebody else has made.
    Local,
    /// Anything of the host, of this type (`hostPath.type`).
    HostPath(String),
}

/// The volume that `claim` is bound to; `name` is that of the claim.
pub(super) fn locate(config: &NodeConfig, name: &str, claim: Option<&Claim>) -> Result<Found, ClaimError> {
    let own_name = || name.to_owned();
    let Claim { claim, volume } = claim.ok_or_else(|| ClaimError::NotFound { claim: own_name() })?;
    if claim.metadata.deletion_timestamp.is_some() {
        return Err(ClaimError::BeingDeleted { claim: own_name() });
    }
    let is_bound = claim
        .status
        .as_ref()
        .and_then(|status| status.phase.as_deref())
        .is_some_and(|phase| phase == "Bound");
    let bound_to = claim.spec.as_ref().and_then(|spec| spec.volume_name.clone()).filter(|_| is_bound);
    let bound_to = bound_to.ok_or_else(|| ClaimError::Unbound { claim: own_name() })?;
    let (Some(volume), name) = (volume, bound_to.clone()) else {
        return Err(ClaimError::NoVolume { volume: bound_to });
    };
    let spec = volume.spec.clone().unwrap_or_default();
    let owner = spec.claim_ref.as_ref().and_then(|claim| claim.uid.as_ref());
    if owner.is_some() && owner != claim.metadata.uid.as_ref() {
        return Err(ClaimError::OfAnother { volume: name });
    }
    if spec.volume_mode.as_deref() == Some("Block") {
        return Err(ClaimError::Block { volume: name });
    }
    of_source(config, volume, &spec).ok_or(ClaimError::Source { volume: name })
}

fn of_source(config: &NodeConfig, volume: &PersistentVolume, spec: &PersistentVolumeSpec) -> Option<Found> {
    if let Some(local) = &spec.local {
        let kind = match provisioned_folder(config, volume) {
            Some(_) => Kind::Provisioned,
            None => Kind::Local,
        };
        return Some(Found { path: PathBuf::from(&local.path), kind });
    }
    let host_path = spec.host_path.as_ref()?;
    let kind = Kind::HostPath(host_path.type_.clone().unwrap_or_default());
    Some(Found { path: PathBuf::from(&host_path.path), kind })
}

/// The folder of a volume that the node itself makes and removes: it lies where all of them do, so that no other
/// folder is ever taken for one.
pub(crate) fn provisioned_folder(config: &NodeConfig, volume: &PersistentVolume) -> Option<PathBuf> {
    let annotations = volume.metadata.annotations.as_ref()?;
    let folder = config.claimed_volumes_dir().join(volume.metadata.name.as_deref()?);
    let path = PathBuf::from(&volume.spec.as_ref()?.local.as_ref()?.path);
    let is_ours = annotations.get(PROVISIONED_BY).is_some_and(|by| by == PROVISIONER) && path == folder;
    is_ours.then_some(folder)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;

    fn claim(phase: &str, volume: Option<Value>) -> Claim {
        Claim {
            claim: Arc::new(
                serde_json::from_value(json!({
                    "metadata": {"name": "data", "uid": "c"},
                    "spec": {"volumeName": "pv"},
                    "status": {"phase": phase},
                }))
                .unwrap(),
            ),
            volume: volume.map(|spec| {
                let metadata = json!({"name": "pv", "annotations": {PROVISIONED_BY: PROVISIONER}});
                Arc::new(serde_json::from_value(json!({"metadata": metadata, "spec": spec})).unwrap())
            }),
        }
    }

    #[track_caller]
    fn check(claim: Option<&Claim>, expected: &Result<(&str, Kind), &str>) {
        let found = locate(&crate::config::example(), "data", claim);
        let found = found.as_ref().map(|found| (found.path.to_str().unwrap(), &found.kind));
        let found = found.map_err(ToString::to_string);
        assert_eq!(found, expected.as_ref().map(|(path, kind)| (*path, kind)).map_err(|e| (*e).to_string()));
    }

    #[test]
    fn a_bound_claim_leads_to_a_folder_of_this_host() {
        let own = json!({"local": {"path": "/var/lib/bythos/volumes/pv"}, "claimRef": {"uid": "c"}});
        check(Some(&claim("Bound", Some(own))), &Ok(("/var/lib/bythos/volumes/pv", Kind::Provisioned)));
        let local = json!({"local": {"path": "/srv/data"}});
        check(Some(&claim("Bound", Some(local))), &Ok(("/srv/data", Kind::Local)));
        let host_path = json!({"hostPath": {"path": "/srv", "type": "Directory"}});
        let kind = Kind::HostPath("Directory".to_owned());
        check(Some(&claim("Bound", Some(host_path))), &Ok(("/srv", kind)));
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        check(None, &Err("persistentvolumeclaim \"data\" not found"));
        let unbound = "persistentvolumeclaim \"data\" is not bound to a volume yet";
        check(Some(&claim("Pending", None)), &Err(unbound));
        check(Some(&claim("Bound", None)), &Err("persistentvolume \"pv\" not found"));
        let other = json!({"local": {"path": "/srv"}, "claimRef": {"uid": "other"}});
        check(Some(&claim("Bound", Some(other))), &Err("persistentvolume \"pv\" is bound to another claim"));
        let nfs = json!({"nfs": {"server": "s", "path": "/"}});
        let source = "persistentvolume \"pv\": expected spec.local or spec.hostPath; this node can mount no other kind";
        check(Some(&claim("Bound", Some(nfs))), &Err(source));
        let block = json!({"local": {"path": "/dev/sda"}, "volumeMode": "Block"});
        let refused = "persistentvolume \"pv\": found volumeMode Block, expected Filesystem; \
                       this node has no block devices to give";
        check(Some(&claim("Bound", Some(block))), &Err(refused));
    }
}
