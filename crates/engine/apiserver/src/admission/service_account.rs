//! Pods run under a service account; where none is named, under `default`.

use serde_json::{Value, json};

use crate::object;

pub(crate) fn admit(pod: &mut Value) {
    if object::text_at(pod, "/spec/serviceAccountName").is_some() {
        return;
    }
    // The name by which old manifests know the field.
    let name = object::text_at(pod, "/spec/serviceAccount").unwrap_or("default").to_owned();
    let spec = object::field_mut(pod, "spec");
    spec.insert("serviceAccountName".to_owned(), json!(name));
    spec.insert("serviceAccount".to_owned(), json!(name));
}
