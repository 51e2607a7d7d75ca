//! Claims and ingresses that name no class get the one that is marked as the default.

use serde_json::{Value, json};

use crate::object;
use crate::policy::objects;
use crate::write::Writing;

pub(crate) const STORAGE_CLASSES: &str = "storageclasses.storage.k8s.io";
const STORAGE_MARKS: [&str; 2] =
    ["storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"];
/// Where old claims name their class.
const STORAGE_CLASS_ANNOTATION: &str = "volume.beta.kubernetes.io/storage-class";
const INGRESS_CLASSES: &str = "ingressclasses.networking.k8s.io";
const INGRESS_MARKS: [&str; 1] = ["ingressclass.kubernetes.io/is-default-class"];
const INGRESS_CLASS_ANNOTATION: &str = "kubernetes.io/ingress.class";

/// The storage class that a claim names.
pub(crate) fn storage_class(claim: &Value) -> Option<&str> {
    let by_annotation = annotation(claim, STORAGE_CLASS_ANNOTATION);
    by_annotation.or_else(|| object::text_at(claim, "/spec/storageClassName"))
}

/// Gives a new claim the default storage class.
pub(crate) fn admit_claim(writing: &Writing<'_>, claim: &mut Value) {
    let names_one = claim.pointer("/spec/storageClassName").is_some_and(|name| !name.is_null())
        || annotation(claim, STORAGE_CLASS_ANNOTATION).is_some();
    if !names_one && let Some(class) = default_class(writing, STORAGE_CLASSES, &STORAGE_MARKS) {
        object::field_mut(claim, "spec").insert("storageClassName".to_owned(), json!(class));
    }
}

/// Gives a new ingress the default class.
pub(crate) fn admit_ingress(writing: &Writing<'_>, ingress: &mut Value) {
    let names_one = ingress.pointer("/spec/ingressClassName").is_some_and(|name| !name.is_null())
        || annotation(ingress, INGRESS_CLASS_ANNOTATION).is_some();
    if !names_one && let Some(class) = default_class(writing, INGRESS_CLASSES, &INGRESS_MARKS) {
        object::field_mut(ingress, "spec").insert("ingressClassName".to_owned(), json!(class));
    }
}

/// The name of the class that is marked as the default. Of several the newest; of those of one second the first by name.
fn default_class(writing: &Writing<'_>, classes: &str, marks: &[&str]) -> Option<String> {
    let mut defaults = objects(&writing.state.store, classes);
    defaults.retain(|class| marks.iter().any(|mark| annotation(class, mark) == Some("true")));
    let created = |class| object::meta(class, "creationTimestamp").unwrap_or_default();
    let newest = defaults
        .iter()
        .min_by(|a, b| created(b).cmp(created(a)).then_with(|| object::name(a).cmp(object::name(b))));
    newest.map(|class| object::name(class).to_owned())
}

fn annotation<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.get("metadata")?.get("annotations")?.get(key)?.as_str()
}
