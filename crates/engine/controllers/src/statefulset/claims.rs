//! The storage claims of a StatefulSet's pods, and whom they go with. Pure.

use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use super::view::View;
use crate::ownership;

/// What happens to claims that are not needed any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    Nobody,
    Set,
    Pod,
}

/// The templates of claims with the names of their volumes.
pub(super) fn templates<'v>(
    view: &'v View<'_>,
) -> impl Iterator<Item = (&'v str, &'v PersistentVolumeClaim)> {
    let templates = view.spec.volume_claim_templates.iter().flatten();
    templates.filter_map(|template| Some((template.metadata.name.as_deref()?, template)))
}

/// The name of the claim behind a volume of a pod.
pub(super) fn name(volume: &str, pod: &str) -> String {
    format!("{volume}-{pod}")
}

/// The claims of a pod, as they are made.
pub(super) fn of(view: &View<'_>, pod: &Pod) -> Vec<PersistentVolumeClaim> {
    let pod_name = pod.metadata.name.as_deref().unwrap_or_default();
    let matched = view.spec.selector.match_labels.clone().unwrap_or_default();
    templates(view)
        .map(|(volume, template)| {
            let mut labels = template.metadata.labels.clone().unwrap_or_default();
            labels.extend(matched.clone());
            let owners = match owner(view, pod) {
                Owner::Set => Some(vec![ownership::controller_reference(view.set)]),
                // A new pod is wanted: it is not the one to take its claims along.
                Owner::Nobody | Owner::Pod => None,
            };
            PersistentVolumeClaim {
                metadata: ObjectMeta {
                    name: Some(name(volume, pod_name)),
                    namespace: view.set.metadata.namespace.clone(),
                    labels: Some(labels),
                    annotations: template.metadata.annotations.clone(),
                    owner_references: owners,
                    ..ObjectMeta::default()
                },
                spec: template.spec.clone(),
                status: None,
            }
        })
        .collect()
}

/// The owners that a claim should have, where they are others than it has.
pub(super) fn mended_owners(
    view: &View<'_>,
    pod: &Pod,
    claim: &PersistentVolumeClaim,
) -> Option<Vec<OwnerReference>> {
    let before = claim.metadata.owner_references.clone().unwrap_or_default();
    let is_ours = |owner: &OwnerReference| {
        Some(&owner.uid) == view.set.metadata.uid.as_ref()
            || owner.kind == "Pod"
            || owner.kind == "StatefulSet"
    };
    let mut owners: Vec<_> = before.iter().filter(|owner| !is_ours(owner)).cloned().collect();
    match owner(view, pod) {
        Owner::Nobody => {}
        Owner::Set => owners.push(ownership::controller_reference(view.set)),
        Owner::Pod => owners.push(ownership::controller_reference(pod)),
    }
    let has_same_uids = owners.len() == before.len()
        && owners.iter().all(|owner| before.iter().any(|other| other.uid == owner.uid));
    (!has_same_uids).then_some(owners)
}

fn owner(view: &View<'_>, pod: &Pod) -> Owner {
    let policy = view.spec.persistent_volume_claim_retention_policy.as_ref();
    let goes = |when: Option<&String>| when.is_some_and(|when| when == "Delete");
    let when_deleted = goes(policy.and_then(|policy| policy.when_deleted.as_ref()));
    let when_scaled = goes(policy.and_then(|policy| policy.when_scaled.as_ref()));
    match (when_scaled && view.is_condemned(pod), when_deleted) {
        (true, _) => Owner::Pod,
        (false, true) => Owner::Set,
        (false, false) => Owner::Nobody,
    }
}
