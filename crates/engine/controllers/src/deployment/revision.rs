//! Revisions: the ReplicaSet of a template, its number, and the annotations by which `kubectl rollout` finds it. Pure.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{ReplicaSet, ReplicaSetSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Value, json};

use super::desired::Desired;
use super::plan::Step;
use super::view::{TEMPLATE_HASH, View, without_hash};
use crate::{ownership, suffix};

/// Number of the template, counted per Deployment.
pub(super) const REVISION: &str = "deployment.kubernetes.io/revision";
const REVISION_HISTORY: &str = "deployment.kubernetes.io/revision-history";
const DESIRED_REPLICAS: &str = "deployment.kubernetes.io/desired-replicas";
const MAX_REPLICAS: &str = "deployment.kubernetes.io/max-replicas";
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// Annotations that are not passed on from a Deployment to its ReplicaSets.
const NOT_PASSED_ON: [&str; 5] = [LAST_APPLIED, REVISION, REVISION_HISTORY, DESIRED_REPLICAS, MAX_REPLICAS];
/// Room for the numbers of former revisions, in characters.
const HISTORY_LENGTH_MAX: usize = 2000;

/// The number of `set`; 0 where it has none.
pub(super) fn of(set: &ReplicaSet) -> i64 {
    annotation(&set.metadata, REVISION).and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// The wanted number of pods when `set` got its size.
pub(super) fn desired_when_sized(set: &ReplicaSet) -> Option<i32> {
    annotation(&set.metadata, DESIRED_REPLICAS)?.parse().ok()
}

/// The largest allowed number of pods when `set` got its size.
pub(super) fn max_when_sized(set: &ReplicaSet) -> Option<i32> {
    annotation(&set.metadata, MAX_REPLICAS)?.parse().ok()
}

/// The annotations that tell later for which wish a size was decided.
pub(super) fn size_annotations(desired: &Desired) -> BTreeMap<String, String> {
    BTreeMap::from([
        (DESIRED_REPLICAS.to_owned(), desired.replicas.to_string()),
        (MAX_REPLICAS.to_owned(), desired.replicas_max().to_string()),
    ])
}

/// The ReplicaSet of the present template, to be created with `replicas` pods.
pub(super) fn new_replica_set(view: &View<'_>, replicas: i32) -> ReplicaSet {
    let deployment = view.deployment;
    let hash = template_hash(view);
    let mut template = without_hash(&view.spec.template);
    let labels = template.metadata.get_or_insert_default().labels.get_or_insert_default();
    labels.insert(TEMPLATE_HASH.to_owned(), hash.clone());
    let labels = labels.clone();
    let mut selector = view.spec.selector.clone();
    selector.match_labels.get_or_insert_default().insert(TEMPLATE_HASH.to_owned(), hash.clone());
    let mut annotations = passed_on(&deployment.metadata);
    annotations.insert(REVISION.to_owned(), next_revision(view).to_string());
    annotations.extend(size_annotations(&view.desired));
    let name = deployment.metadata.name.as_deref().unwrap_or_default();
    ReplicaSet {
        metadata: ObjectMeta {
            name: Some(format!("{name}-{hash}")),
            namespace: deployment.metadata.namespace.clone(),
            labels: Some(labels),
            annotations: Some(annotations),
            owner_references: Some(vec![ownership::controller_reference(deployment)]),
            ..ObjectMeta::default()
        },
        spec: ReplicaSetSpec {
            replicas: Some(replicas),
            min_ready_seconds: (view.desired.min_ready_seconds > 0).then_some(view.desired.min_ready_seconds),
            selector,
            template: Some(template),
        },
        status: None,
    }
}

/// The step that brings the new ReplicaSet up to date with what the Deployment says besides its template.
pub(super) fn update<'a>(view: &View<'a>) -> Option<Step<'a>> {
    let set = view.new?;
    let mut wanted = passed_on(&view.deployment.metadata);
    let (old, new) = (of(set), next_revision(view));
    if old < new {
        wanted.insert(REVISION.to_owned(), new.to_string());
        wanted.extend(history(set, old).map(|history| (REVISION_HISTORY.to_owned(), history)));
    }
    wanted.retain(|key, value| annotation(&set.metadata, key) != Some(value));
    let min_ready = set.spec.min_ready_seconds.unwrap_or_default();
    if wanted.is_empty() && min_ready == view.desired.min_ready_seconds {
        return None;
    }
    let annotations: Value = json!({
        "metadata": { "annotations": wanted },
        "spec": { "minReadySeconds": view.desired.min_ready_seconds },
    });
    Some(Step::Update { set, annotations })
}

/// The number of the present template, if the Deployment does not show it yet.
pub(super) fn to_record(view: &View<'_>) -> Option<String> {
    let number = annotation(&view.new?.metadata, REVISION)?;
    (annotation(&view.deployment.metadata, REVISION) != Some(number)).then(|| number.to_owned())
}

fn next_revision(view: &View<'_>) -> i64 {
    view.old.iter().map(|set| of(set)).max().unwrap_or_default() + 1
}

/// Former numbers of `set`, with `old` added; the first ones go when there is no room.
fn history(set: &ReplicaSet, old: i64) -> Option<String> {
    if old == 0 {
        return None;
    }
    let before = annotation(&set.metadata, REVISION_HISTORY).map_or("", String::as_str);
    let mut numbers: Vec<&str> = before.split(',').filter(|number| !number.is_empty()).collect();
    let old = old.to_string();
    numbers.push(&old);
    while numbers.iter().map(|number| number.len() + 1).sum::<usize>() > HISTORY_LENGTH_MAX {
        numbers.remove(0);
    }
    Some(numbers.join(","))
}

/// Stands for the template; a collision counted in the status gives another one.
fn template_hash(view: &View<'_>) -> String {
    // A template came from JSON, so it can be written as JSON; the empty text would only be a worse hash.
    let template = serde_json::to_vec(&without_hash(&view.spec.template)).unwrap_or_default();
    let collisions = view.status().collision_count.unwrap_or_default();
    suffix::hash(&[&template, &collisions.to_be_bytes()])
}

fn passed_on(meta: &ObjectMeta) -> BTreeMap<String, String> {
    let mut annotations = meta.annotations.clone().unwrap_or_default();
    annotations.retain(|key, _| !NOT_PASSED_ON.contains(&key.as_str()));
    annotations
}

fn annotation<'a>(meta: &'a ObjectMeta, key: &str) -> Option<&'a String> {
    meta.annotations.as_ref()?.get(key)
}
