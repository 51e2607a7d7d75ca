//! Walks to fields of an object by path, through every list on the way.

use serde_json::{Map, Value};

/// Whether a field that is not there is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    Skip,
    Create,
}

/// Calls `change` for every value at `path`. Lists on the way, and a list at its end if `through_last`, stand for
/// each of their items.
pub(crate) fn visit(value: &mut Value, path: &[&str], missing: Missing, change: &mut dyn FnMut(&mut Value)) {
    let Some((first, rest)) = path.split_first() else {
        change(value);
        return;
    };
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| visit(item, path, missing, change)),
        Value::Object(map) => {
            let child = match missing {
                Missing::Create => Some(map.entry(*first).or_insert(Value::Null)),
                Missing::Skip => map.get_mut(*first),
            };
            let Some(child) = child else { return };
            if child.is_null() && missing == Missing::Create && !rest.is_empty() {
                *child = Value::Object(Map::new());
            }
            visit(child, rest, missing, change);
        }
        _ => {}
    }
}

/// As [`visit`], for texts: a list at the end stands for its items.
pub(crate) fn visit_texts(value: &mut Value, path: &[&str], change: &mut dyn FnMut(&mut String)) {
    visit(value, path, Missing::Skip, &mut |found| match found {
        Value::String(text) => change(text),
        Value::Array(items) => items.iter_mut().for_each(|item| {
            if let Value::String(text) = item {
                change(text);
            }
        }),
        _ => {}
    });
}

/// Where a workload keeps its pod's specification, by kind; `None` for kinds without pods.
pub(crate) fn pod_spec(kind: &str) -> Option<&'static [&'static str]> {
    match kind {
        "Pod" => Some(&["spec"]),
        "PodTemplate" => Some(&["template", "spec"]),
        "CronJob" => Some(&["spec", "jobTemplate", "spec", "template", "spec"]),
        "DaemonSet" | "Deployment" | "Job" | "ReplicaSet" | "ReplicationController" | "StatefulSet" => {
            Some(&["spec", "template", "spec"])
        }
        _ => None,
    }
}
