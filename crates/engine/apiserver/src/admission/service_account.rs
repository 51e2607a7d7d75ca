//! Every pod runs under a service account, and pulls its images as that account says.

use serde_json::{Value, json};

use crate::object;
use crate::status::Failure;
use crate::write::Writing;

const DEFAULT: &str = "default";

pub(crate) fn admit(writing: &Writing<'_>, pod: &mut Value) -> Result<(), Failure> {
    if is_mirror(pod) {
        return match object::text_at(pod, "/spec/serviceAccountName") {
            Some(_) => Err(writing.forbidden(pod, "a mirror pod may not reference service accounts")),
            None => Ok(()),
        };
    }
    let spec = object::field_mut(pod, "spec");
    let is_named =
        spec.get("serviceAccountName").and_then(Value::as_str).is_some_and(|name| !name.is_empty());
    if !is_named {
        spec.insert("serviceAccountName".to_owned(), json!(DEFAULT));
        spec.insert("serviceAccount".to_owned(), json!(DEFAULT));
    }
    let name = object::text_at(pod, "/spec/serviceAccountName").unwrap_or(DEFAULT);
    let Some(account) = writing.state.object("serviceaccounts", writing.namespace, name) else {
        return Ok(());
    };
    add_pull_secrets(&account, pod);
    Ok(())
}

/// Whether it only shows a pod that the node runs by itself, from a file.
fn is_mirror(pod: &Value) -> bool {
    pod.pointer("/metadata/annotations/kubernetes.io~1config.mirror").is_some()
}

/// A pod that names no pull secrets has those of its account.
fn add_pull_secrets(account: &Value, pod: &mut Value) {
    let list =
        |value: Option<&Value>| value.and_then(Value::as_array).filter(|list| !list.is_empty()).cloned();
    let own = list(pod.pointer("/spec/imagePullSecrets"));
    if let (None, Some(secrets)) = (own, list(account.get("imagePullSecrets"))) {
        object::field_mut(pod, "spec").insert("imagePullSecrets".to_owned(), Value::Array(secrets));
    }
}
