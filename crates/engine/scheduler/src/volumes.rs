//! What a pod claims: volumes that are there, and claims that wait for the node that the pod gets.
//!
//! Left out: volumes made by hand for claims that wait for a consumer (`kubernetes.io/no-provisioner`), the capacity
//! and the number of volumes of a node, and claims that only one pod may use.

use std::sync::Arc;

use bythos_operator::{Cache, ObjectKey};
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, Pod};
use k8s_openapi::api::storage::v1::StorageClass;

/// By which a claim is told the node for which its volume is made.
pub(crate) const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";
const NO_PROVISIONER: &str = "kubernetes.io/no-provisioner";
const DEFAULT_CLASS: &str = "storageclass.kubernetes.io/is-default-class";

/// A claim that waits for its first consumer.
#[derive(Debug, Clone)]
pub(crate) struct Unbound {
    pub(crate) key: ObjectKey,
    pub(crate) class: Arc<StorageClass>,
    /// The node for which its volume is being made already.
    pub(crate) selected_node: Option<String>,
}

impl Unbound {
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
}

/// No node can help; upstream's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ClaimError {
    #[error("persistentvolumeclaim {name:?} not found")]
    NotFound { name: String },
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
        for name in names(pod) {
            let key = ObjectKey::namespaced(namespace, &name);
            let claim = self.claims.get(&key).ok_or_else(|| ClaimError::NotFound { name: name.clone() })?;
            if claim.metadata.deletion_timestamp.is_some() {
                return Err(ClaimError::Ending { name });
            }
            match volume_of(&claim) {
                Some(volume) => claims.bound.push(
                    self.volume(volume)
                        .ok_or_else(|| ClaimError::Lost { name: name.clone(), volume: volume.to_owned() })?,
                ),
                None => claims.unbound.push(self.unbound(key, &claim)?),
            }
        }
        Ok(claims)
    }

    fn volume(&self, name: &str) -> Option<Arc<PersistentVolume>> {
        self.volumes.get(&ObjectKey::cluster(name))
    }

    fn unbound(&self, key: ObjectKey, claim: &PersistentVolumeClaim) -> Result<Unbound, ClaimError> {
        let class = self.class_of(claim).filter(|class| waits_for_consumer(class));
        let selected_node =
            claim.metadata.annotations.as_ref().and_then(|annotations| annotations.get(SELECTED_NODE));
        Ok(Unbound { key, class: class.ok_or(ClaimError::Unbound)?, selected_node: selected_node.cloned() })
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

/// Names of the claims that the pod uses, its own generic ephemeral volumes included.
fn names(pod: &Pod) -> Vec<String> {
    let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
    let pod_name = pod.metadata.name.as_deref().unwrap_or_default();
    let name = |volume: &k8s_openapi::api::core::v1::Volume| {
        let claimed = volume.persistent_volume_claim.as_ref().map(|claim| claim.claim_name.clone());
        claimed.or_else(|| volume.ephemeral.as_ref().map(|_| format!("{pod_name}-{}", volume.name)))
    };
    volumes.filter_map(name).collect()
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
        assert_eq!(names(&pod("web", json!({ "spec": { "volumes": volumes } }))), ["data", "web-b"]);
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
