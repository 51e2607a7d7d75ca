//! `labels`, `commonLabels` and `commonAnnotations`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::field::{Missing, visit};
use crate::kustomization::{LabelReach, Labels};
use crate::resource::Resource;

type Path = &'static [&'static str];

/// Sets labels as far as they reach.
pub(crate) fn set_labels(resources: &mut [Resource], labels: &Labels) {
    if labels.pairs.is_empty() {
        return;
    }
    for resource in resources {
        let kind = resource.kind().to_owned();
        let group = resource.group().to_owned();
        put(&mut resource.value, &["metadata", "labels"], Missing::Create, &labels.pairs);
        if labels.reach >= LabelReach::Templates {
            for path in templates(&kind) {
                put_in_metadata(&mut resource.value, path, "labels", &labels.pairs);
            }
        }
        if labels.reach >= LabelReach::Selectors {
            for &(_, _, path, missing) in SELECTORS.iter().filter(|row| row.0 == group && row.1 == kind) {
                put(&mut resource.value, path, missing, &labels.pairs);
            }
            put_in_claims(&mut resource.value, &kind, &labels.pairs);
        }
    }
}

/// Sets annotations on objects and on the templates of their pods.
pub(crate) fn set_annotations(resources: &mut [Resource], annotations: &BTreeMap<String, String>) {
    if annotations.is_empty() {
        return;
    }
    for resource in resources {
        let kind = resource.kind().to_owned();
        put(&mut resource.value, &["metadata", "annotations"], Missing::Create, annotations);
        for path in templates(&kind) {
            put_in_metadata(&mut resource.value, path, "annotations", annotations);
        }
    }
}

/// Where a kind keeps what it makes others from.
fn templates(kind: &str) -> &'static [Path] {
    match kind {
        "DaemonSet" | "Deployment" | "Job" | "ReplicaSet" | "ReplicationController" | "StatefulSet" => {
            &[&["spec", "template"]]
        }
        "CronJob" => &[&["spec", "jobTemplate"], &["spec", "jobTemplate", "spec", "template"]],
        _ => &[],
    }
}

fn put_in_metadata(value: &mut Value, template: Path, field: &'static str, pairs: &BTreeMap<String, String>) {
    let path: Vec<&str> = template.iter().copied().chain(["metadata", field]).collect();
    put(value, &path, Missing::Create, pairs);
}

/// Claims are a list: it is never made, only its items are labelled.
fn put_in_claims(value: &mut Value, kind: &str, pairs: &BTreeMap<String, String>) {
    if kind == "StatefulSet"
        && let Some(Value::Array(claims)) = value.pointer_mut("/spec/volumeClaimTemplates")
    {
        claims.iter_mut().for_each(|claim| put(claim, &["metadata", "labels"], Missing::Create, pairs));
    }
}

fn put(value: &mut Value, path: &[&str], missing: Missing, pairs: &BTreeMap<String, String>) {
    visit(value, path, missing, &mut |found| {
        if found.is_null() {
            *found = Value::Object(Map::new());
        }
        if let Value::Object(map) = found {
            map.extend(pairs.iter().map(|(key, text)| (key.clone(), Value::String(text.clone()))));
        }
    });
}

const AFFINITY_PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";
const AFFINITY_REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";

/// Group, kind and path of selectors, and whether one is made where none is.
const SELECTORS: &[(&str, &str, Path, Missing)] = &[
    ("", "Service", &["spec", "selector"], Missing::Create),
    ("", "ReplicationController", &["spec", "selector"], Missing::Create),
    ("apps", "Deployment", &["spec", "selector", "matchLabels"], Missing::Create),
    ("apps", "ReplicaSet", &["spec", "selector", "matchLabels"], Missing::Create),
    ("apps", "DaemonSet", &["spec", "selector", "matchLabels"], Missing::Create),
    ("apps", "StatefulSet", &["spec", "selector", "matchLabels"], Missing::Create),
    ("apps", "Deployment", AFFINITIES[0], Missing::Skip),
    ("apps", "Deployment", AFFINITIES[1], Missing::Skip),
    ("apps", "Deployment", ANTI_AFFINITIES[0], Missing::Skip),
    ("apps", "Deployment", ANTI_AFFINITIES[1], Missing::Skip),
    ("apps", "Deployment", SPREAD, Missing::Skip),
    ("apps", "StatefulSet", AFFINITIES[0], Missing::Skip),
    ("apps", "StatefulSet", AFFINITIES[1], Missing::Skip),
    ("apps", "StatefulSet", ANTI_AFFINITIES[0], Missing::Skip),
    ("apps", "StatefulSet", ANTI_AFFINITIES[1], Missing::Skip),
    ("apps", "StatefulSet", SPREAD, Missing::Skip),
    ("batch", "Job", &["spec", "selector", "matchLabels"], Missing::Skip),
    ("batch", "CronJob", &["spec", "jobTemplate", "spec", "selector", "matchLabels"], Missing::Skip),
    ("policy", "PodDisruptionBudget", &["spec", "selector", "matchLabels"], Missing::Skip),
    ("networking.k8s.io", "NetworkPolicy", &["spec", "podSelector", "matchLabels"], Missing::Skip),
    (
        "networking.k8s.io",
        "NetworkPolicy",
        &["spec", "ingress", "from", "podSelector", "matchLabels"],
        Missing::Skip,
    ),
    (
        "networking.k8s.io",
        "NetworkPolicy",
        &["spec", "egress", "to", "podSelector", "matchLabels"],
        Missing::Skip,
    ),
];

const AFFINITIES: [Path; 2] = [
    &[
        "spec",
        "template",
        "spec",
        "affinity",
        "podAffinity",
        AFFINITY_PREFERRED,
        "podAffinityTerm",
        "labelSelector",
        "matchLabels",
    ],
    &[
        "spec",
        "template",
        "spec",
        "affinity",
        "podAffinity",
        AFFINITY_REQUIRED,
        "labelSelector",
        "matchLabels",
    ],
];
const ANTI_AFFINITIES: [Path; 2] = [
    &[
        "spec",
        "template",
        "spec",
        "affinity",
        "podAntiAffinity",
        AFFINITY_PREFERRED,
        "podAffinityTerm",
        "labelSelector",
        "matchLabels",
    ],
    &[
        "spec",
        "template",
        "spec",
        "affinity",
        "podAntiAffinity",
        AFFINITY_REQUIRED,
        "labelSelector",
        "matchLabels",
    ],
];
const SPREAD: Path =
    &["spec", "template", "spec", "topologySpreadConstraints", "labelSelector", "matchLabels"];
