//! How the claims of a pod that have no volume yet get one on a node: of those that lie ready the smallest that fits,
//! or one that is made there. Pure.

use std::collections::BTreeSet;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, ObjectReference, PersistentVolume, PersistentVolumeClaim};

use super::{Claims, Unbound};
use crate::filter::affinity;
use crate::labels;
use crate::quantity::Amount;

const FILESYSTEM: &str = "Filesystem";

/// What is to be written so that all claims get their volumes; empty while others still work on what was written.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plan {
    /// Claims with the volumes that are kept for them from now on.
    pub(crate) reserved: Vec<(Arc<PersistentVolumeClaim>, Arc<PersistentVolume>)>,
    /// Claims whose volumes are to be made for the node.
    pub(crate) made: Vec<Unbound>,
}

/// The plan for `node`; `None` if a claim can get no volume there.
pub(crate) fn plan(claims: &Claims, node: &Node) -> Option<Plan> {
    let mut unbound: Vec<_> = claims.unbound.iter().collect();
    // The small ones first: they leave the large volumes to those that need them.
    unbound.sort_by_key(|claim| requested(&claim.claim));
    let (mut plan, mut chosen) = (Plan::default(), BTreeSet::new());
    for claim in unbound {
        if let Some(volume) = kept_for(&claim.claim, &claims.volumes) {
            if !is_reached_from(volume, node) {
                return None;
            }
        } else if let Some(selected) = claim.selected_node() {
            if Some(selected) != node.metadata.name.as_deref() || !claim.is_provisioned() {
                return None;
            }
            plan.made.push(claim.clone());
        } else if let Some(volume) = smallest_fit(&claim.claim, &claims.volumes, node, &chosen) {
            chosen.insert(volume.metadata.name.clone());
            plan.reserved.push((claim.claim.clone(), volume.clone()));
        } else if claim.is_provisioned() && is_allowed(claim, node) {
            plan.made.push(claim.clone());
        } else {
            return None;
        }
    }
    Some(plan)
}

/// Whether pods on `node` reach the volume.
pub(crate) fn is_reached_from(volume: &PersistentVolume, node: &Node) -> bool {
    let required = volume.spec.as_ref().and_then(|spec| spec.node_affinity.as_ref()?.required.as_ref());
    required.is_none_or(|required| affinity::is_any(&required.node_selector_terms, node))
}

fn is_allowed(claim: &Unbound, node: &Node) -> bool {
    let topologies = claim.class.allowed_topologies.as_deref().unwrap_or_default();
    topologies.is_empty() || topologies.iter().any(|term| affinity::allows(term, node))
}

/// The volume that names this claim already.
fn kept_for<'v>(
    claim: &PersistentVolumeClaim,
    volumes: &'v [Arc<PersistentVolume>],
) -> Option<&'v Arc<PersistentVolume>> {
    let names_it = |owner: &ObjectReference| {
        owner.name == claim.metadata.name
            && owner.namespace == claim.metadata.namespace
            && (owner.uid.is_none() || owner.uid == claim.metadata.uid)
    };
    volumes.iter().find(|volume| owner(volume).is_some_and(names_it))
}

fn owner(volume: &PersistentVolume) -> Option<&ObjectReference> {
    volume.spec.as_ref()?.claim_ref.as_ref()
}

fn smallest_fit<'v>(
    claim: &PersistentVolumeClaim,
    volumes: &'v [Arc<PersistentVolume>],
    node: &Node,
    chosen: &BTreeSet<Option<String>>,
) -> Option<&'v Arc<PersistentVolume>> {
    let is_free = |volume: &PersistentVolume| {
        owner(volume).is_none()
            && volume.metadata.deletion_timestamp.is_none()
            && !chosen.contains(&volume.metadata.name)
    };
    let fits = volumes.iter().filter(|volume| {
        is_free(volume)
            && has_shape(volume, claim)
            && capacity(volume) >= requested(claim)
            && is_reached_from(volume, node)
    });
    fits.min_by_key(|volume| capacity(volume))
}

/// Whether class, mode, ways of access and labels are those that the claim wants.
fn has_shape(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> bool {
    let (Some(spec), Some(wanted)) = (&volume.spec, &claim.spec) else { return false };
    let mode = |mode: &Option<String>| mode.clone().unwrap_or_else(|| FILESYSTEM.to_owned());
    let modes = spec.access_modes.as_deref().unwrap_or_default();
    let is_selected = wanted.selector.is_none()
        || labels::selects(wanted.selector.as_ref(), volume.metadata.labels.as_ref());
    is_selected
        && spec.storage_class_name == wanted.storage_class_name
        && mode(&spec.volume_mode) == mode(&wanted.volume_mode)
        && wanted.access_modes.iter().flatten().all(|wanted| modes.contains(wanted))
}

/// What the claim asks for; one that cannot be read asks for nothing.
fn requested(claim: &PersistentVolumeClaim) -> Amount {
    let requests = claim.spec.as_ref().and_then(|spec| spec.resources.as_ref()?.requests.as_ref());
    requests
        .and_then(|requests| requests.get("storage"))
        .and_then(|quantity| Amount::parse(quantity).ok())
        .unwrap_or_default()
}

fn capacity(volume: &PersistentVolume) -> Amount {
    let capacity = volume.spec.as_ref().and_then(|spec| spec.capacity.as_ref());
    capacity
        .and_then(|capacity| capacity.get("storage"))
        .and_then(|quantity| Amount::parse(quantity).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::storage::v1::StorageClass;
    use serde_json::{Value, from_value, json};

    use super::*;
    use crate::testdata;

    fn claim(name: &str, provisioner: &str, storage: &str, selected: Option<&str>) -> Unbound {
        let annotations = selected.map(|node| json!({ crate::volumes::SELECTED_NODE: node }));
        let claim = json!({
            "metadata": { "name": name, "namespace": "default", "uid": name, "annotations": annotations },
            "spec": {
                "storageClassName": "disks",
                "accessModes": ["ReadWriteOnce"],
                "resources": { "requests": { "storage": storage } },
            },
        });
        let class = json!({ "metadata": { "name": "disks" }, "provisioner": provisioner });
        let class: StorageClass = from_value(class).unwrap();
        Unbound { claim: Arc::new(from_value(claim).unwrap()), class: Arc::new(class) }
    }

    /// A volume of class `disks` on a node, kept for the claim of this name.
    fn volume(name: &str, storage: &str, node: &str, kept_for: Option<&str>) -> Arc<PersistentVolume> {
        let owner = kept_for.map(|claim| json!({ "namespace": "default", "name": claim }));
        let term = json!({ "matchExpressions": [
            { "key": "kubernetes.io/hostname", "operator": "In", "values": [node] } ] });
        let volume: Value = json!({
            "metadata": { "name": name },
            "spec": {
                "storageClassName": "disks",
                "accessModes": ["ReadWriteOnce"],
                "capacity": { "storage": storage },
                "local": { "path": "/mnt" },
                "claimRef": owner,
                "nodeAffinity": { "required": { "nodeSelectorTerms": [term] } },
            },
        });
        Arc::new(from_value(volume).unwrap())
    }

    #[track_caller]
    fn check(case: &str, unbound: &[Unbound], volumes: &[Arc<PersistentVolume>], expected: Option<&str>) {
        let claims = Claims { bound: Vec::new(), unbound: unbound.to_vec(), volumes: volumes.to_vec() };
        let name = |name: &Option<String>| name.clone().unwrap();
        let found = plan(&claims, &testdata::node(json!({}))).map(|plan| {
            let kept = plan.reserved.iter().map(|(claim, volume)| {
                format!("{} gets {}", name(&claim.metadata.name), name(&volume.metadata.name))
            });
            let made = plan.made.iter().map(|claim| format!("{} is made", claim.key().name));
            kept.chain(made).collect::<Vec<_>>().join(", ")
        });
        assert_eq!(found.as_deref(), expected, "{case}");
    }

    #[test]
    fn a_claim_gets_the_smallest_volume_that_lies_ready_on_the_node() {
        let nobody = "kubernetes.io/no-provisioner";
        let (small, large) = (claim("small", nobody, "1Gi", None), claim("large", nobody, "2Gi", None));
        let one = |name: &str, storage: &str| volume(name, storage, "one", None);
        let both = [large.clone(), small.clone()];
        check("nothing is there", std::slice::from_ref(&small), &[], None);
        check("elsewhere", std::slice::from_ref(&small), &[volume("a", "1Gi", "two", None)], None);
        check("too small", std::slice::from_ref(&large), &[one("a", "1Gi")], None);
        let two = [one("b", "5Gi"), one("a", "1Gi")];
        check("each its own", &both, &two, Some("small gets a, large gets b"));
        check("one for two", &both, &two[..1], None);
        let taken = [volume("a", "1Gi", "one", Some("other"))];
        check("kept for another", std::slice::from_ref(&small), &taken, None);
        let kept = [volume("a", "1Gi", "one", Some("small"))];
        check("kept for it", std::slice::from_ref(&small), &kept, Some(""));
        let kept = [volume("a", "1Gi", "two", Some("small"))];
        check("kept for it elsewhere", &[small], &kept, None);
    }

    #[test]
    fn where_none_lies_ready_one_is_made_if_somebody_makes_any() {
        let somebody = "example.com/disks";
        check("made", &[claim("a", somebody, "1Gi", None)], &[], Some("a is made"));
        let ready = [volume("v", "1Gi", "one", None)];
        check("lies ready", &[claim("a", somebody, "1Gi", None)], &ready, Some("a gets v"));
        check("being made here", &[claim("a", somebody, "1Gi", Some("one"))], &ready, Some("a is made"));
        check("being made elsewhere", &[claim("a", somebody, "1Gi", Some("two"))], &ready, None);
    }
}
