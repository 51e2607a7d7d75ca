//! Writes what changed in a status, and nothing where nothing did.

use std::fmt::Debug;

use kube::api::{Patch, PatchParams};
use kube::core::NamespaceResourceScope;
use kube::{Api, Client, Resource, ResourceExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

/// A status that did not get written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    #[error("failed to print the status")]
    Print(#[source] serde_json::Error),
    #[error("failed to write the status")]
    Patch(#[source] Box<kube::Error>),
}

/// Brings the status of `object` from `old` to `new`. An object that is gone by now needs none.
pub(crate) async fn write<K, S>(client: &Client, object: &K, old: &S, new: &S) -> Result<(), WriteError>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
    S: Serialize,
{
    let print = |status: &S| serde_json::to_value(status).map_err(WriteError::Print);
    let Some(change) = difference(&print(old)?, &print(new)?) else { return Ok(()) };
    let api = Api::<K>::namespaced(client.clone(), &object.namespace().unwrap_or_default());
    let patch = Patch::Merge(json!({ "status": change }));
    match api.patch_status(&object.name_any(), &PatchParams::default(), &patch).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        Err(error) => Err(WriteError::Patch(Box::new(error))),
    }
}

/// The merge patch between two maps, one level deep; `None` where they are equal.
fn difference(old: &Value, new: &Value) -> Option<Value> {
    let empty = Map::new();
    let (old, new) = (old.as_object().unwrap_or(&empty), new.as_object().unwrap_or(&empty));
    let gone = old.keys().filter(|key| !new.contains_key(*key)).map(|key| (key.clone(), Value::Null));
    let changed = new.iter().filter(|(key, value)| old.get(*key) != Some(value));
    // A merge patch would keep fields of a map that the new one lacks; the maps here never lose any but whole.
    let change: Map<String, Value> =
        gone.chain(changed.map(|(key, value)| (key.clone(), value.clone()))).collect();
    (!change.is_empty()).then_some(Value::Object(change))
}

/// What the API said, without the debug print that kube puts around it.
pub(crate) fn words(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) if !status.message.is_empty() => status.message.clone(),
        other => bythos_operator::error_chain(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changed_is_sent() {
        let cases = [
            (json!({ "a": 1 }), json!({ "a": 1 }), None),
            (json!({ "a": 1, "b": 2 }), json!({ "a": 1, "b": 3 }), Some(json!({ "b": 3 }))),
            (json!({ "a": 1 }), json!({}), Some(json!({ "a": null }))),
            (json!({}), json!({ "a": [1] }), Some(json!({ "a": [1] }))),
        ];
        for (old, new, expected) in cases {
            assert_eq!(difference(&old, &new), expected);
        }
    }
}
