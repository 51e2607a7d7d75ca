//! Namespaces.

use serde_json::{Value, json};

use crate::fields::{at, items, make_object, object_in, text};

const NAME_LABEL: &str = "kubernetes.io/metadata.name";
/// Held until everything in the namespace is gone.
const FINALIZER: &str = "kubernetes";

pub(crate) fn default(namespace: &mut Value) {
    let name = text(namespace, "metadata.name").to_owned();
    if name.is_empty() {
        return;
    }
    let labels = make_object(namespace, "metadata").and_then(|metadata| object_in(metadata, "labels"));
    if let Some(labels) = labels {
        labels.insert(NAME_LABEL.to_owned(), name.into());
    }
}

pub(crate) fn prepare_create(namespace: &mut Value) {
    // Once more, for a name that was generated after the defaults.
    default(namespace);
    let mut finalizers = items(namespace, "spec.finalizers").to_vec();
    if !finalizers.iter().any(|finalizer| finalizer == FINALIZER) {
        finalizers.push(FINALIZER.into());
    }
    set_finalizers(namespace, finalizers.into());
    if let Value::Object(fields) = namespace {
        fields.insert("status".to_owned(), json!({"phase": "Active"}));
    }
}

/// The finalizers change only through `PUT namespaces/x/finalize`.
pub(crate) fn prepare_update(old: &Value, new: &mut Value) {
    default(new);
    set_finalizers(new, at(old, "spec.finalizers").clone());
}

fn set_finalizers(namespace: &mut Value, finalizers: Value) {
    if let Some(spec) = object_in(namespace, "spec") {
        match finalizers {
            Value::Null => spec.remove("finalizers"),
            finalizers => spec.insert("finalizers".to_owned(), finalizers),
        };
    }
}
