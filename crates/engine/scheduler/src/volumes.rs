//! What a pod claims: volumes that are there, and claims that wait for the node that the pod gets.
//!
//! Left out: the capacity and the number of volumes of a node, and claims that only one pod may use.

mod plan;

use std::sync::Arc;

use bythos_operator::{Cache, ObjectKey};
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, Pod};
use k8s_openapi::api::storage::v1::StorageClass;

pub(crate) use self::plan::{Plan, is_reached_from, plan};

/// By which a claim is told the node for which its volume is made.
pub(crate) const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";
const NO_PROVISIONER: &str = "kubernetes.io/no-provisioner";
const DEFAULT_CLASS: &str = "storageclass.kubernetes.io/is-default-class";

/// A claim that waits for its first consumer.
#[derive(Debug, Clone)]
pub(crate) struct Unbound {
    pub(crate) claim: Arc<PersistentVolumeClaim>,
    pub(crate) class: Arc<StorageClass>,
}

impl Unbound {
    pub(crate) fn key(&self) -> ObjectKey {
        ObjectKey::of(&*self.claim)
    }

    /// The node for which its volume is being made already.
    pub(crate) fn selected_node(&self) -> Option<&str> {
        self.claim.metadata.annotations.as_ref()?.get(SELECTED_NODE).map(String::as_str)
    }

    /// Whether somebody makes volumes of its class.
    pub(crate) fn is_provisioned(&self) -> bool {
        self.class.provisioner != NO_PROVISIONER
    }
}

/// See the module's documentation.
#[derive(Debug, Clone, Default)]
pub(crate) struct Claims {
    pub(crate) bound: Vec<Arc<PersistentVolume>>,
    pub(crate) unbound: Vec<Unbound>,
    /// Where there are unbound ones, all volumes: one that lies ready may be for them.
    pub(crate) volumes: Vec<Arc<PersistentVolume>>,
}

/// No node can help; upstream's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ClaimError {
    #[error("persistentvolumeclaim {name:?} not found")]
    NotFound { name: String },
    #[error("waiting for ephemeral volume controller to create the persistentvolumeclaim {name:?}")]
    NotMade { name: String },
    #[error("PVC {claim} was not created for pod {pod} (pod is not owner)")]
    Foreign { claim: ObjectKey, pod: ObjectKey },
    #[error("persistentvolumeclaim {name:?} is being deleted")]
    Ending { name: String },
    #[error("persistentvolumeclaim {name:?} bound to non-existent persistentvolume {volume:?}")]
    Lost { name: String, volume: String },
    #[error("pod has unbound immediate PersistentVolumeClaims")]
    Unbound,
}

/// Where claims and volumes are found.
#[derive(Clone)]
pub(crate) struct VolumeCaches {
    pub(crate) claims: Cache<PersistentVolumeClaim>,
    pub(crate) volumes: Cache<PersistentVolume>,
    pub(crate) classes: Cache<StorageClass>,
}

impl VolumeCaches {
    /// What `pod` claims, as it stands now.
    pub(crate) fn claims_of(&self, pod: &Pod) -> Result<Claims, ClaimError> {
        let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
        let mut claims = Claims::default();
        for Wish { name, is_own } in wishes(pod) {
            let key = ObjectKey::namespaced(namespace, &name);
            let Some(claim) = self.claims.get(&key) else {
                return Err(if is_own {
                    ClaimError::NotMade { name }
                } else {
                    ClaimError::NotFound { name }
                });
            };
            if is_own && !is_owned_by(&claim, pod) {
                return Err(ClaimError::Foreign { claim: key, pod: ObjectKey::of(pod) });
            }
            if claim.metadata.deletion_timestamp.is_some() {
                return Err(ClaimError::Ending { name });
            }
            match volume_of(&claim) {
                Some(volume) => claims.bound.push(
                    self.volume(volume)
                        .ok_or_else(|| ClaimError::Lost { name: name.clone(), volume: volume.to_owned() })?,
                ),
                None => claims.unbound.push(self.unbound(claim)?),
            }
        }
        if !claims.unbound.is_empty() {
            claims.volumes = self.volumes.list();
        }
        Ok(claims)
    }

    fn volume(&self, name: &str) -> Option<Arc<PersistentVolume>> {
        self.volumes.get(&ObjectKey::cluster(name))
    }

    fn unbound(&self, claim: Arc<PersistentVolumeClaim>) -> Result<Unbound, ClaimError> {
        let class = self.class_of(&claim).filter(|class| waits_for_consumer(class));
        Ok(Unbound { class: class.ok_or(ClaimError::Unbound)?, claim })
    }

    fn class_of(&self, claim: &PersistentVolumeClaim) -> Option<Arc<StorageClass>> {
        match claim.spec.as_ref().and_then(|spec| spec.storage_class_name.as_deref()) {
            Some(name) => self.classes.get(&ObjectKey::cluster(name)),
            None => self.classes.list().into_iter().find(|class| is_default(class)),
        }
    }
}

fn is_default(class: &StorageClass) -> bool {
    let annotations = class.metadata.annotations.as_ref();
    annotations.and_then(|annotations| annotations.get(DEFAULT_CLASS)).is_some_and(|value| value == "true")
}

fn waits_for_consumer(class: &StorageClass) -> bool {
    class.volume_binding_mode.as_deref() == Some("WaitForFirstConsumer")
}

fn volume_of(claim: &PersistentVolumeClaim) -> Option<&str> {
    let phase = claim.status.as_ref().and_then(|status| status.phase.as_deref());
    let volume = claim.spec.as_ref()?.volume_name.as_deref().filter(|name| !name.is_empty())?;
    // Until both sides know of each other it may still become another one.
    (phase == Some("Bound") || phase == Some("Lost")).then_some(volume)
}

/// A claim that a pod uses.
#[derive(Debug, PartialEq, Eq)]
struct Wish {
    name: String,
    /// It is made for the pod, as a generic ephemeral volume.
    is_own: bool,
}

fn wishes(pod: &Pod) -> Vec<Wish> {
    let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
    let pod_name = pod.metadata.name.as_deref().unwrap_or_default();
    let wish = |volume: &k8s_openapi::api::core::v1::Volume| match (
        &volume.persistent_volume_claim,
        &volume.ephemeral,
    ) {
        (Some(claim), _) => Some(Wish { name: claim.claim_name.clone(), is_own: false }),
        (None, Some(_)) => Some(Wish { name: format!("{pod_name}-{}", volume.name), is_own: true }),
        (None, None) => None,
    };
    volumes.filter_map(wish).collect()
}

fn is_owned_by(claim: &PersistentVolumeClaim, pod: &Pod) -> bool {
    let mut owners = claim.metadata.owner_references.iter().flatten();
    owners.any(|owner| owner.controller == Some(true) && Some(&owner.uid) == pod.metadata.uid.as_ref())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testdata::pod;

    #[test]
    fn the_claims_of_a_pod_are_those_it_names_and_those_it_makes() {
        let volumes = json!([
            { "name": "a", "persistentVolumeClaim": { "claimName": "data" } },
            { "name": "b", "ephemeral": { "volumeClaimTemplate": { "spec": {} } } },
            { "name": "c", "emptyDir": {} },
        ]);
        let wishes = wishes(&pod("web", json!({ "spec": { "volumes": volumes } })));
        let wish = |name: &str, is_own: bool| Wish { name: name.to_owned(), is_own };
        assert_eq!(wishes, [wish("data", false), wish("web-b", true)]);
    }

    #[test]
    fn a_claim_has_its_volume_once_both_sides_say_so() {
        let claim = |phase: &str| -> PersistentVolumeClaim {
            let claim = json!({ "spec": { "volumeName": "v" }, "status": { "phase": phase } });
            serde_json::from_value(claim).unwrap()
        };
        assert_eq!(volume_of(&claim("Pending")), None);
        assert_eq!(volume_of(&claim("Bound")), Some("v"));
    }
}
