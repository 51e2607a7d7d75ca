//! Who uses claims, and which claims wait. Pure but for the index.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use bythos_operator::{Cache, ObjectKey};
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, Pod};

use crate::ephemeral_volume;

/// The claims that a pod uses.
pub(super) fn claims_of(pod: &Pod) -> Vec<ObjectKey> {
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
    let names = volumes.filter_map(|volume| match (&volume.persistent_volume_claim, &volume.ephemeral) {
        (Some(claim), _) => Some(claim.claim_name.clone()),
        (None, Some(_)) => Some(ephemeral_volume::claim_name(pod, volume)),
        (None, None) => None,
    });
    names.map(|name| ObjectKey::namespaced(namespace, name)).collect()
}

/// The claim that a volume is for.
pub(super) fn claim_of_volume(volume: &PersistentVolume) -> Option<ObjectKey> {
    let claim = volume.spec.as_ref()?.claim_ref.as_ref()?;
    Some(ObjectKey::namespaced(claim.namespace.clone()?, claim.name.clone()?))
}

fn users(claim: &PersistentVolumeClaim, pods: &Cache<Pod>) -> Vec<Arc<Pod>> {
    let key = ObjectKey::of(claim);
    let in_namespace = pods.list_in(&key.namespace).into_iter();
    in_namespace.filter(|pod| claims_of(pod).contains(&key)).collect()
}

/// Whether a pod wants the claim, on a node or not.
pub(super) fn has_any(claim: &PersistentVolumeClaim, pods: &Cache<Pod>) -> bool {
    !users(claim, pods).is_empty()
}

/// The node of a pod that uses the claim.
pub(super) fn node_of(claim: &PersistentVolumeClaim, pods: &Cache<Pod>) -> Option<String> {
    let nodes = users(claim, pods).into_iter();
    nodes.filter_map(|pod| pod.spec.as_ref()?.node_name.clone()).find(|node| !node.is_empty())
}

/// The claims that are not bound: each volume and class that appears may be for them.
#[derive(Default)]
pub(super) struct Waiting(Mutex<BTreeSet<ObjectKey>>);

impl Waiting {
    /// Keeps the index as `claims` are, for as long as somebody else holds it.
    pub(super) fn follow(self: &Arc<Self>, claims: &Cache<PersistentVolumeClaim>) {
        let index = Arc::downgrade(self);
        claims.subscribe(move |change| {
            let Some(index) = index.upgrade() else { return false };
            let Some(claim) = change.new.or(change.old) else { return true };
            let phase = claim.status.as_ref().and_then(|status| status.phase.as_deref());
            let mut waiting = index.0.lock().unwrap_or_else(PoisonError::into_inner);
            if change.new.is_some() && phase != Some("Bound") {
                waiting.insert(ObjectKey::of(claim));
            } else {
                waiting.remove(&ObjectKey::of(claim));
            }
            true
        });
    }

    pub(super) fn all(&self) -> Vec<ObjectKey> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}
