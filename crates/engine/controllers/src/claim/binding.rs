//! What a claim waits for, or which volume it gets. Pure.

use std::sync::Arc;

use bythos_quantity::Quantity;
use k8s_openapi::api::core::v1::{Node, PersistentVolume, PersistentVolumeClaim, PersistentVolumeClaimSpec};
use k8s_openapi::api::storage::v1::StorageClass;
use kube::core::{Selector, SelectorExt as _};

use super::BIND_COMPLETED;
use crate::node_selector;
use crate::storageclass::{self, PROVISIONER};

/// Written by the scheduler when it has chosen a node for the first pod.
const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";

const FIRST_CONSUMER: &str = "WaitForFirstConsumer";
const FIRST_CONSUMER_WORDS: &str = "waiting for first consumer to be created before binding";

/// What there is.
pub(super) struct Sight {
    pub(super) volumes: Vec<Arc<PersistentVolume>>,
    pub(super) classes: Vec<Arc<StorageClass>>,
    pub(super) nodes: Vec<Arc<Node>>,
    /// The node of a pod that uses the claim.
    pub(super) node: Option<String>,
    /// Whether a pod uses the claim, on a node or not.
    pub(super) has_users: bool,
}

/// What to do.
#[derive(Debug)]
pub(super) enum Decision {
    Nothing,
    /// The volume of a bound claim is gone, or somebody else's.
    Lost,
    /// It names no class, and there is a default one.
    Classify {
        class: String,
    },
    Bind {
        volume: Arc<PersistentVolume>,
    },
    Provision {
        class: Arc<StorageClass>,
        node: String,
    },
    Wait {
        reason: &'static str,
        message: String,
    },
    Refuse {
        reason: &'static str,
        message: String,
    },
}

/// The decision about a claim that is not on its way out.
pub(super) fn decide(claim: &PersistentVolumeClaim, sight: &Sight) -> Decision {
    let spec = claim.spec.clone().unwrap_or_default();
    if let Some(name) = spec.volume_name.as_deref().filter(|name| !name.is_empty()) {
        return decide_named(claim, name, sight);
    }
    match spec.storage_class_name.as_deref() {
        None => match default_class(sight) {
            Some(class) => Decision::Classify { class },
            None => decide_unclassified(claim, &spec, sight),
        },
        Some("") => decide_unclassified(claim, &spec, sight),
        Some(class) => decide_classified(claim, &spec, class, sight),
    }
}

/// The newest of the classes that are the default.
fn default_class(sight: &Sight) -> Option<String> {
    let defaults = sight.classes.iter().filter(|class| storageclass::is_default(class));
    let created = |class: &StorageClass| class.metadata.creation_timestamp.as_ref().map(|time| time.0);
    defaults.max_by_key(|class| created(class))?.metadata.name.clone()
}

fn decide_classified(
    claim: &PersistentVolumeClaim,
    spec: &PersistentVolumeClaimSpec,
    class_name: &str,
    sight: &Sight,
) -> Decision {
    if let Some(volume) = reserved(claim, sight) {
        return Decision::Bind { volume };
    }
    let class = sight.classes.iter().find(|class| class.metadata.name.as_deref() == Some(class_name));
    let waits =
        class.is_some_and(|class| class.volume_binding_mode.as_deref() == Some("WaitForFirstConsumer"));
    let node = selected_node(claim).map(str::to_owned).or_else(|| sight.node.clone());
    if waits && node.is_none() {
        let (reason, message) = if sight.has_users {
            ("WaitForPodScheduled", "waiting for the pod that uses this claim to be scheduled")
        } else {
            (FIRST_CONSUMER, FIRST_CONSUMER_WORDS)
        };
        return Decision::Wait { reason, message: message.to_owned() };
    }
    // Where the node is known, a volume that is out of its reach would keep the pod from it.
    match (smallest_fit(spec, sight, node.as_deref()), class) {
        (Some(volume), _) => Decision::Bind { volume },
        (None, Some(class)) => decide_unfit(spec, class, node),
        (None, None) => Decision::Refuse {
            reason: "ProvisioningFailed",
            message: format!("storageclass.storage.k8s.io {class_name:?} not found"),
        },
    }
}

/// There is no volume yet: whoever the class names makes one.
fn decide_unfit(
    spec: &PersistentVolumeClaimSpec,
    class: &Arc<StorageClass>,
    node: Option<String>,
) -> Decision {
    match class.provisioner.as_str() {
        PROVISIONER => provision(spec, class, node),
        "kubernetes.io/no-provisioner" => Decision::Wait {
            reason: "FailedBinding",
            message: "no persistent volumes available for this claim and its class makes none".to_owned(),
        },
        other => Decision::Wait {
            reason: "ExternalProvisioning",
            message: format!(
                "Waiting for a volume to be created either by the external provisioner '{other}' or manually by the \
                 system administrator. If volume creation is delayed, please verify that the provisioner is \
                 running and correctly registered."
            ),
        },
    }
}

fn provision(spec: &PersistentVolumeClaimSpec, class: &Arc<StorageClass>, node: Option<String>) -> Decision {
    if spec.volume_mode.as_deref() == Some("Block") {
        let message =
            format!("provisioner {PROVISIONER} makes folders; volumeMode must be Filesystem, found Block");
        return Decision::Refuse { reason: "ProvisioningFailed", message };
    }
    match node {
        Some(node) => Decision::Provision { class: class.clone(), node },
        // Only a class of somebody's own binds at once; its folder needs a node all the same.
        None => Decision::Wait { reason: FIRST_CONSUMER, message: FIRST_CONSUMER_WORDS.to_owned() },
    }
}

fn decide_unclassified(
    claim: &PersistentVolumeClaim,
    spec: &PersistentVolumeClaimSpec,
    sight: &Sight,
) -> Decision {
    match reserved(claim, sight).or_else(|| smallest_fit(spec, sight, sight.node.as_deref())) {
        Some(volume) => Decision::Bind { volume },
        None => Decision::Wait {
            reason: "FailedBinding",
            message: "no persistent volumes available for this claim and no storage class is set".to_owned(),
        },
    }
}

/// A claim that names its volume, by itself or since it is bound.
fn decide_named(claim: &PersistentVolumeClaim, name: &str, sight: &Sight) -> Decision {
    let annotations = claim.metadata.annotations.as_ref();
    let was_bound = annotations.is_some_and(|annotations| annotations.contains_key(BIND_COMPLETED));
    let lost_or_waiting = if was_bound { Decision::Lost } else { Decision::Nothing };
    let Some(volume) = sight.volumes.iter().find(|volume| volume.metadata.name.as_deref() == Some(name))
    else {
        return lost_or_waiting;
    };
    match volume.spec.as_ref().and_then(|spec| spec.claim_ref.as_ref()) {
        None => Decision::Bind { volume: volume.clone() },
        Some(owner) if owner.uid.is_some() && owner.uid != claim.metadata.uid => lost_or_waiting,
        Some(owner) if is_for(claim, owner) => Decision::Bind { volume: volume.clone() },
        Some(_) => lost_or_waiting,
    }
}

fn is_for(claim: &PersistentVolumeClaim, owner: &k8s_openapi::api::core::v1::ObjectReference) -> bool {
    owner.name == claim.metadata.name && owner.namespace == claim.metadata.namespace
}

/// A volume that names this claim already.
fn reserved(claim: &PersistentVolumeClaim, sight: &Sight) -> Option<Arc<PersistentVolume>> {
    let is_reserved = |volume: &&Arc<PersistentVolume>| {
        let owner = volume.spec.as_ref().and_then(|spec| spec.claim_ref.as_ref());
        owner.is_some_and(|owner| {
            is_for(claim, owner) && (owner.uid.is_none() || owner.uid == claim.metadata.uid)
        })
    };
    sight.volumes.iter().find(is_reserved).cloned()
}

/// Of the free volumes that fit and that pods on `node` reach, the smallest.
fn smallest_fit(
    spec: &PersistentVolumeClaimSpec,
    sight: &Sight,
    node: Option<&str>,
) -> Option<Arc<PersistentVolume>> {
    let node = sight.nodes.iter().find(|one| node.is_some() && one.metadata.name.as_deref() == node);
    let wanted = spec.resources.as_ref().and_then(|resources| resources.requests.as_ref()?.get("storage"));
    let wanted = wanted.and_then(|quantity| quantity.0.parse::<Quantity>().ok()).unwrap_or(Quantity::ZERO);
    let selector = spec.selector.clone().map(Selector::try_from);
    let fits = |volume: &&Arc<PersistentVolume>| {
        let no_labels = Default::default();
        let labels = volume.metadata.labels.as_ref().unwrap_or(&no_labels);
        let is_selected = match &selector {
            None => true,
            Some(Ok(selector)) => selector.matches(labels),
            Some(Err(_)) => false,
        };
        let is_reached = node.is_none_or(|node| is_reached_from(volume, node));
        is_selected && is_free(volume) && has_shape(volume, spec) && capacity(volume) >= wanted && is_reached
    };
    sight.volumes.iter().filter(fits).min_by_key(|volume| capacity(volume)).cloned()
}

fn is_reached_from(volume: &PersistentVolume, node: &Node) -> bool {
    let required = volume.spec.as_ref().and_then(|spec| spec.node_affinity.as_ref()?.required.as_ref());
    required.is_none_or(|required| node_selector::is_any(&required.node_selector_terms, node))
}

fn is_free(volume: &PersistentVolume) -> bool {
    let is_taken = volume.spec.as_ref().is_some_and(|spec| spec.claim_ref.is_some());
    !is_taken && volume.metadata.deletion_timestamp.is_none()
}

/// Whether class, mode and ways of access are those that are wanted.
fn has_shape(volume: &PersistentVolume, wanted: &PersistentVolumeClaimSpec) -> bool {
    let spec = volume.spec.clone().unwrap_or_default();
    let modes = spec.access_modes.unwrap_or_default();
    let mode = |mode: Option<String>| mode.unwrap_or_else(|| "Filesystem".to_owned());
    spec.storage_class_name.unwrap_or_default() == wanted.storage_class_name.clone().unwrap_or_default()
        && mode(spec.volume_mode) == mode(wanted.volume_mode.clone())
        && wanted.access_modes.iter().flatten().all(|mode| modes.contains(mode))
}

fn capacity(volume: &PersistentVolume) -> Quantity {
    let capacity = volume.spec.as_ref().and_then(|spec| spec.capacity.as_ref()?.get("storage"));
    capacity.and_then(|quantity| quantity.0.parse().ok()).unwrap_or(Quantity::ZERO)
}

fn selected_node(claim: &PersistentVolumeClaim) -> Option<&str> {
    claim.metadata.annotations.as_ref()?.get(SELECTED_NODE).map(String::as_str)
}

#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "cases are written in place")]
mod tests {
    use super::*;
    use serde_json::{Value, from_value, json};

    fn claim(change: Value) -> PersistentVolumeClaim {
        let mut spec = json!({
            "accessModes": ["ReadWriteOnce"],
            "resources": { "requests": { "storage": "2Gi" } },
            "storageClassName": "slow",
        });
        spec.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        from_value(json!({ "metadata": { "name": "c", "namespace": "n", "uid": "u" }, "spec": spec }))
            .unwrap()
    }

    fn volume(name: &str, storage: &str, change: Value) -> Arc<PersistentVolume> {
        let mut spec = json!({
            "accessModes": ["ReadWriteOnce", "ReadWriteMany"],
            "capacity": { "storage": storage },
            "storageClassName": "slow",
        });
        spec.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        Arc::new(
            from_value(json!({ "metadata": { "name": name, "labels": { "disk": name } }, "spec": spec }))
                .unwrap(),
        )
    }

    fn class(name: &str, provisioner: &str, mode: &str) -> Arc<StorageClass> {
        let annotations =
            json!({ "storageclass.kubernetes.io/is-default-class": (name == "local").to_string() });
        Arc::new(
            from_value(json!({
                "metadata": { "name": name, "annotations": annotations },
                "provisioner": provisioner,
                "volumeBindingMode": mode,
            }))
            .unwrap(),
        )
    }

    fn named_node(name: &str) -> Arc<Node> {
        Arc::new(from_value(json!({ "metadata": { "name": name } })).unwrap())
    }

    /// The part of a volume's spec that ties it to a node.
    fn only_on(node: &str) -> Value {
        let field = json!({ "key": "metadata.name", "operator": "In", "values": [node] });
        json!({ "required": { "nodeSelectorTerms": [{ "matchFields": [field] }] } })
    }

    #[track_caller]
    fn check(
        claim: &PersistentVolumeClaim,
        volumes: &[Arc<PersistentVolume>],
        node: Option<&str>,
        expected: &str,
    ) {
        let sight = Sight {
            volumes: volumes.to_vec(),
            classes: vec![
                class("local", PROVISIONER, "WaitForFirstConsumer"),
                class("slow", "kubernetes.io/no-provisioner", "Immediate"),
                class("far", "example.com/far", "Immediate"),
                class("disks", "kubernetes.io/no-provisioner", "WaitForFirstConsumer"),
            ],
            nodes: ["one", "two"].map(named_node).to_vec(),
            node: node.map(str::to_owned),
            has_users: node.is_some(),
        };
        let found = match decide(claim, &sight) {
            Decision::Nothing => "nothing".to_owned(),
            Decision::Lost => "lost".to_owned(),
            Decision::Classify { class } => format!("class {class}"),
            Decision::Bind { volume } => format!("bind {}", volume.metadata.name.as_deref().unwrap()),
            Decision::Provision { class, node } => {
                format!("provision {} on {node}", class.metadata.name.as_deref().unwrap())
            }
            Decision::Wait { reason, .. } | Decision::Refuse { reason, .. } => reason.to_owned(),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn a_claim_gets_the_smallest_volume_that_fits() {
        let all = [
            volume("small", "1Gi", json!({})),
            volume("large", "9Gi", json!({})),
            volume("right", "2048Mi", json!({})),
            volume("taken", "2Gi", json!({ "claimRef": { "name": "x", "namespace": "n", "uid": "x" } })),
            volume("other", "2Gi", json!({ "storageClassName": "fast" })),
            volume("block", "2Gi", json!({ "volumeMode": "Block" })),
        ];
        check(&claim(json!({})), &all, None, "bind right");
        check(&claim(json!({ "accessModes": ["ReadOnlyMany"] })), &all, None, "FailedBinding");
        check(
            &claim(json!({ "selector": { "matchLabels": { "disk": "large" } } })),
            &all,
            None,
            "bind large",
        );
        check(&claim(json!({ "volumeMode": "Block" })), &all, None, "bind block");
        check(&claim(json!({})), &all[..1], None, "FailedBinding");
    }

    #[test]
    fn a_volume_may_be_kept_for_a_claim_and_a_claim_may_name_its_volume() {
        let reserved = volume("mine", "1Gi", json!({ "claimRef": { "name": "c", "namespace": "n" } }));
        let foreign =
            volume("mine", "1Gi", json!({ "claimRef": { "name": "c", "namespace": "n", "uid": "old" } }));
        check(&claim(json!({})), std::slice::from_ref(&reserved), None, "bind mine");
        check(&claim(json!({})), std::slice::from_ref(&foreign), None, "FailedBinding");
        let mut named = claim(json!({ "volumeName": "mine" }));
        check(&named, &[volume("mine", "1Gi", json!({}))], None, "bind mine");
        check(&named, std::slice::from_ref(&foreign), None, "nothing");
        check(&named, &[], None, "nothing");
        named
            .metadata
            .annotations
            .get_or_insert_default()
            .insert(BIND_COMPLETED.to_owned(), "yes".to_owned());
        check(&named, &[], None, "lost");
        check(&named, &[foreign], None, "lost");
    }

    #[test]
    fn a_claim_that_waits_for_a_consumer_gets_the_volume_that_is_kept_for_it_or_in_reach_of_its_pod() {
        let waiting = claim(json!({ "storageClassName": "disks" }));
        let disk = |name: &str, change: Value| {
            let mut spec = json!({ "storageClassName": "disks" });
            spec.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            volume(name, "2Gi", spec)
        };
        let near = disk("near", json!({ "nodeAffinity": only_on("one") }));
        let far = disk("far", json!({ "nodeAffinity": only_on("two") }));
        let kept = disk("kept", json!({ "claimRef": { "name": "c", "namespace": "n", "uid": "u" } }));
        check(&waiting, std::slice::from_ref(&near), None, "WaitForFirstConsumer");
        check(&waiting, &[near.clone(), kept], None, "bind kept");
        check(&waiting, &[far.clone(), near], Some("one"), "bind near");
        check(&waiting, std::slice::from_ref(&far), Some("one"), "FailedBinding");
    }

    #[test]
    fn a_volume_is_made_when_the_first_pod_has_a_node() {
        check(&claim(json!({ "storageClassName": null })), &[], None, "class local");
        let local = claim(json!({ "storageClassName": "local" }));
        check(&local, &[], None, "WaitForFirstConsumer");
        check(&local, &[], Some("one"), "provision local on one");
        let mut chosen = claim(json!({ "storageClassName": "local" }));
        chosen
            .metadata
            .annotations
            .get_or_insert_default()
            .insert(SELECTED_NODE.to_owned(), "two".to_owned());
        check(&chosen, &[], None, "provision local on two");
        let block = claim(json!({ "storageClassName": "local", "volumeMode": "Block" }));
        check(&block, &[], Some("one"), "ProvisioningFailed");
        check(&claim(json!({ "storageClassName": "far" })), &[], None, "ExternalProvisioning");
        check(&claim(json!({ "storageClassName": "none" })), &[], None, "ProvisioningFailed");
        check(&claim(json!({ "storageClassName": "" })), &[], None, "FailedBinding");
    }
}
