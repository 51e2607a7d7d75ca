//! StatefulSets, DaemonSets and their revisions.

use serde_json::Value;

use super::{age, all_joined, column, count, number_at, template_columns};
use crate::Column;
use crate::fields::{at, integer, items, text};

pub(crate) fn stateful_set() -> Vec<Column> {
    let ready = column("Ready", |set| {
        let ready = integer(set, "status.readyReplicas").unwrap_or_default();
        format!("{ready}/{}", integer(set, "spec.replicas").unwrap_or_default()).into()
    });
    let [containers, images, _] = template_columns();
    vec![ready, age(), containers, images]
}

pub(crate) fn daemon_set() -> Vec<Column> {
    let mut columns = vec![
        count("Desired", |set| number_at(set, "status.desiredNumberScheduled")),
        count("Current", |set| number_at(set, "status.currentNumberScheduled")),
        count("Ready", |set| number_at(set, "status.numberReady")),
        count("Up-to-date", |set| number_at(set, "status.updatedNumberScheduled")),
        count("Available", |set| number_at(set, "status.numberAvailable")),
        column("Node Selector", |set| {
            crate::selector::printed(at(set, "spec.template.spec.nodeSelector")).into()
        }),
        age(),
    ];
    columns.extend(template_columns());
    columns
}

pub(crate) fn controller_revision() -> Vec<Column> {
    vec![
        column("Controller", |revision| {
            let owners = items(revision, "metadata.ownerReferences").iter();
            let controllers = owners.filter(|owner| owner["controller"].as_bool().unwrap_or_default());
            let words: Vec<String> = controllers
                .map(|owner| {
                    let kind = text(owner, "kind").to_lowercase();
                    match text(owner, "apiVersion").split_once('/') {
                        Some((group, _)) => format!("{kind}.{group}/{}", text(owner, "name")),
                        None => format!("{kind}/{}", text(owner, "name")),
                    }
                })
                .collect();
            all_joined(words.iter().map(String::as_str))
        }),
        count("Revision", |revision| number_at(revision, "revision")),
        age(),
    ]
}

pub(crate) fn pod_template() -> Vec<Column> {
    vec![
        column("Containers", |template| containers(template, "name")),
        column("Images", |template| containers(template, "image")),
        column("Pod Labels", |template| {
            crate::selector::printed(at(template, "template.metadata.labels")).into()
        }),
        age(),
    ]
}

fn containers(template: &Value, field: &str) -> Value {
    let containers = items(template, "template.spec.containers").iter();
    all_joined(containers.map(|container| text(container, field)))
}
