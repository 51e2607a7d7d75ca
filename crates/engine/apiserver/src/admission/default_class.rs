//! Claims and ingresses that name no class get the one that is marked as the default.

use serde_json::{Value, json};

use crate::object;
use crate::policy::objects;
use crate::status::Failure;
use crate::write::Writing;

const STORAGE_CLASSES: &str = "storageclasses.storage.k8s.io";
const STORAGE_MARKS: [&str; 2] =
    ["storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"];
/// Where old claims name their class.
const STORAGE_CLASS_ANNOTATION: &str = "volume.beta.kubernetes.io/storage-class";
const INGRESS_CLASSES: &str = "ingressclasses.networking.k8s.io";
const INGRESS_MARK: &str = "ingressclass.kubernetes.io/is-default-class";
const INGRESS_CLASS_ANNOTATION: &str = "kubernetes.io/ingress.class";

/// Gives a new claim the default storage class; of several, the newest.
pub(crate) fn admit_claim(writing: &Writing<'_>, claim: &mut Value) {
    let names_one = claim.pointer("/spec/storageClassName").is_some_and(|name| !name.is_null())
        || annotation(claim, STORAGE_CLASS_ANNOTATION).is_some();
    if names_one {
        return;
    }
    let mut defaults = objects(&writing.state.store, STORAGE_CLASSES);
    defaults.retain(|class| STORAGE_MARKS.iter().any(|mark| annotation(class, mark) == Some("true")));
    // The newest; of those of one second, the first by name.
    defaults.sort_by(|a, b| {
        let created = |class| object::meta(class, "creationTimestamp").unwrap_or_default();
        created(b).cmp(created(a)).then_with(|| object::name(a).cmp(object::name(b)))
    });
    if let Some(class) = defaults.first() {
        let name = json!(object::name(class));
        object::field_mut(claim, "spec").insert("storageClassName".to_owned(), name);
    }
}

/// Gives a new ingress the default class, if there is just one.
pub(crate) fn admit_ingress(writing: &Writing<'_>, ingress: &mut Value) -> Result<(), Failure> {
    let names_one = ingress.pointer("/spec/ingressClassName").is_some_and(|name| !name.is_null())
        || annotation(ingress, INGRESS_CLASS_ANNOTATION).is_some();
    if names_one {
        return Ok(());
    }
    let mut defaults = objects(&writing.state.store, INGRESS_CLASSES);
    defaults.retain(|class| annotation(class, INGRESS_MARK) == Some("true"));
    match defaults.as_slice() {
        [] => Ok(()),
        [class] => {
            let name = json!(object::name(class));
            object::field_mut(ingress, "spec").insert("ingressClassName".to_owned(), name);
            Ok(())
        }
        several => {
            let message = format!(
                "{} default IngressClasses were found, only 1 allowed: remove the annotation {INGRESS_MARK} from all but one",
                several.len()
            );
            Err(writing.forbidden(ingress, &message))
        }
    }
}

fn annotation<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.get("metadata")?.get("annotations")?.get(key)?.as_str()
}
