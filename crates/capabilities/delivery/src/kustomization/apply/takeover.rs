//! Fields that `kubectl apply` holds become ours, so that what is taken out of the source goes in the cluster too. Pure.
//!
//! As Flux does it: the field sets of these managers are joined with ours, and kubectl's copy of the object goes.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{FieldsV1, ManagedFieldsEntry};
use kube::ResourceExt as _;
use kube::core::DynamicObject;
use serde_json::{Map, Value, json};

use crate::kustomization::FIELD_MANAGER;

/// What `kubectl apply` last sent, as an annotation.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
const APPLY: &str = "Apply";
/// The beginning of a manager's name, and its operation.
const TAKEN_OVER: [(&str, &str); 4] =
    [("kubectl", APPLY), ("kubectl", "Update"), ("before-first-apply", "Update"), (FIELD_MANAGER, "Update")];

/// The merge patch that takes an object over; `None` where nobody holds anything that is to be ours.
pub(super) fn of(existing: &DynamicObject) -> Option<Value> {
    let entries = existing.metadata.managed_fields.as_deref().unwrap_or_default();
    let has_annotation = existing.annotations().contains_key(LAST_APPLIED);
    let managed = joined(entries);
    if managed.is_none() && !has_annotation {
        return None;
    }
    // An object that somebody changes meanwhile is taken over the next time.
    let mut metadata = Map::from_iter([("resourceVersion".to_owned(), json!(existing.resource_version()))]);
    if let Some(managed) = managed {
        metadata.insert("managedFields".to_owned(), json!(managed));
    }
    if has_annotation {
        metadata.insert("annotations".to_owned(), json!({ LAST_APPLIED: null }));
    }
    Some(json!({ "metadata": metadata }))
}

/// The entries with those that are taken over in ours; `None` where there are none.
fn joined(entries: &[ManagedFieldsEntry]) -> Option<Vec<ManagedFieldsEntry>> {
    let is_ours = |entry: &ManagedFieldsEntry| {
        entry.manager.as_deref() == Some(FIELD_MANAGER) && entry.operation.as_deref() == Some(APPLY)
    };
    let (taken, kept): (Vec<_>, Vec<_>) =
        entries.iter().cloned().partition(|it| is_ours(it) || is_taken_over(it));
    if !taken.iter().any(|entry| !is_ours(entry)) {
        return None;
    }
    // Ours comes first, if it is there: its version and time stay.
    let (ours, theirs): (Vec<_>, Vec<_>) = taken.into_iter().partition(is_ours);
    let mut all = ours.into_iter().chain(theirs);
    let mut first = all.next()?;
    for other in all {
        let fields = match (first.fields_v1.take(), other.fields_v1) {
            (Some(FieldsV1(mut one)), Some(FieldsV1(other))) => {
                join(&mut one, other);
                Some(FieldsV1(one))
            }
            (one, other) => one.or(other),
        };
        first.fields_v1 = fields;
    }
    first.manager = Some(FIELD_MANAGER.to_owned());
    first.operation = Some(APPLY.to_owned());
    Some(kept.into_iter().chain([first]).collect())
}

fn is_taken_over(entry: &ManagedFieldsEntry) -> bool {
    let manager = entry.manager.as_deref().unwrap_or_default();
    entry.subresource.as_deref().unwrap_or_default().is_empty()
        && TAKEN_OVER.iter().any(|(name, operation)| {
            manager.starts_with(name) && entry.operation.as_deref() == Some(operation)
        })
}

fn join(one: &mut Value, other: Value) {
    if let (Value::Object(one), Value::Object(other)) = (one, other) {
        for (key, fields) in other {
            join(one.entry(key).or_insert_with(|| json!({})), fields);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(entries: &Value, annotations: &Value) -> DynamicObject {
        serde_json::from_value(json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {
                "name": "a", "resourceVersion": "7", "annotations": annotations, "managedFields": entries,
            },
        }))
        .unwrap()
    }

    fn entry(manager: &str, operation: &str, fields: &Value) -> Value {
        json!({
            "manager": manager, "operation": operation, "apiVersion": "v1", "fieldsType": "FieldsV1",
            "fieldsV1": fields,
        })
    }

    #[test]
    fn what_kubectl_holds_becomes_ours() {
        let entries = json!([
            entry(FIELD_MANAGER, APPLY, &json!({ "f:data": { "f:a": {} } })),
            entry("kubectl-client-side-apply", "Update", &json!({ "f:data": { ".": {}, "f:b": {} } })),
            entry("someone", "Update", &json!({ "f:data": { "f:c": {} } })),
        ]);
        let patch = of(&object(&entries, &json!({ LAST_APPLIED: "{}" }))).unwrap();
        let managed = patch["metadata"]["managedFields"].as_array().unwrap();
        assert_eq!(managed.len(), 2);
        assert_eq!(managed[0]["manager"], "someone");
        assert_eq!(managed[1]["manager"], FIELD_MANAGER);
        assert_eq!(managed[1]["fieldsV1"], json!({ "f:data": { ".": {}, "f:a": {}, "f:b": {} } }));
        assert_eq!(patch["metadata"]["annotations"], json!({ LAST_APPLIED: null }));
        assert_eq!(patch["metadata"]["resourceVersion"], "7");
    }

    #[test]
    fn an_object_that_only_kubectl_made_becomes_ours_too() {
        let entries = json!([entry("kubectl", APPLY, &json!({ "f:data": {} }))]);
        let patch = of(&object(&entries, &json!({}))).unwrap();
        assert_eq!(patch["metadata"]["managedFields"][0]["manager"], FIELD_MANAGER);
    }

    #[test]
    fn what_others_hold_is_left_to_them() {
        let mut status = entry("kubectl-edit", "Update", &json!({ "f:status": {} }));
        status["subresource"] = json!("status");
        let entries = json!([
            entry(FIELD_MANAGER, APPLY, &json!({ "f:data": {} })),
            entry("someone", APPLY, &json!({ "f:data": {} })),
            status,
        ]);
        assert_eq!(of(&object(&entries, &json!({}))), None);
    }
}
