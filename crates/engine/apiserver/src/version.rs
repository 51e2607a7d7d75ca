//! Objects between the version in which they are stored and the one in which they are asked for.
//!
//! Most kinds have one version, or versions of one shape: then only `apiVersion` is exchanged, in the bytes as they
//! are. A kind whose versions differ brings its own conversion, also where they are of two groups, as Event's.
//!
//! A custom object is read as upstream reads it: pruned and defaulted by the schema of the version in which it is
//! stored, and pruned by the one that is served. Whatever is written goes through the schema of its stored version, so
//! what is younger than its definition needs none of this, and its bytes are handed out unread where both versions are
//! alike. Only a write that a change of the definition overtakes is taken for younger than it is.

use std::sync::Arc;

use bytes::Bytes;
use bythos_schema::Schema;
use serde_json::{Value, json};

use crate::encode::{in_version, revision};
use crate::object::set_field;
use crate::registry::{Origin, Served};

/// Stored bytes as they are shown in the version that is served.
pub(crate) fn shown(served: &Served, stored: &Bytes) -> Bytes {
    if is_shown_as_stored(served, stored) {
        return in_version(stored, &served.api_version);
    }
    // Stored bytes are JSON; what is not is shown as it is.
    read(served, stored).map_or_else(|_| stored.clone(), |object| object.to_string().into())
}

/// A stored object in the version that is served.
pub(crate) fn read(served: &Served, stored: &[u8]) -> Result<Value, serde_json::Error> {
    let mut object: Value = serde_json::from_slice(stored)?;
    if !is_current(served, stored) {
        fit_to_stored(served, &mut object);
    }
    convert(served, &mut object, &served.api_version);
    if let Some(schema) = schema_besides_stored(served) {
        schema.prune(&mut object);
    }
    Ok(object)
}

/// A stored object as columns and field selectors look at it: those of built-in kinds are for the stored version.
pub(crate) fn looked_at(served: &Served, stored: &[u8]) -> Result<Value, serde_json::Error> {
    if served.is_custom() { read(served, stored) } else { serde_json::from_slice(stored) }
}

/// An object in the version in which its kind is stored.
pub(crate) fn to_stored(served: &Served, object: &mut Value) {
    convert(served, object, served.stored_api_version());
    if schema_besides_stored(served).is_some() {
        fit_to_stored(served, object);
    }
}

fn convert(served: &Served, object: &mut Value, api_version: &str) {
    if let Some(conversion) = served.kind.rules.conversion {
        (conversion.to_version)(object, api_version);
    }
    set_field(object, "apiVersion", Some(json!(api_version)));
}

fn is_shown_as_stored(served: &Served, stored: &[u8]) -> bool {
    served.kind.rules.conversion.is_none()
        && schema_besides_stored(served).is_none()
        && is_current(served, stored)
}

/// Whether the object went through the schema of its stored version as it is now.
fn is_current(served: &Served, stored: &[u8]) -> bool {
    match &served.origin {
        Origin::BuiltIn => true,
        Origin::Custom { revision: defined, .. } => {
            revision(stored).is_some_and(|written| written > *defined)
        }
    }
}

fn fit_to_stored(served: &Served, object: &mut Value) {
    if let Some(schema) = &served.kind.custom.stored_schema {
        schema.prune(object);
        schema.fill_defaults(object);
    }
}

/// The schema of the version that is served, if it is not that of the stored one. Schemas that are alike are one.
fn schema_besides_stored(served: &Served) -> Option<Arc<Schema>> {
    let stored = served.kind.custom.stored_schema.as_ref()?;
    Some(served.schema()).filter(|own| !Arc::ptr_eq(own, stored))
}

#[cfg(test)]
mod tests {
    use bythos_store::{Entry, Key, Revision};

    use super::*;
    use crate::encode::Encoded;
    use crate::registry::{DEFINITIONS, Registry};

    /// The kind of a definition that was written at revision 5.
    fn served(versions: &Value) -> Arc<Served> {
        let definition = json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": "widgets.example.org"},
            "spec": {"group": "example.org", "scope": "Namespaced",
                "names": {"plural": "widgets", "singular": "widget", "kind": "Widget"}, "versions": versions},
            "status": {"conditions": [{"type": "Established", "status": "True"}]}});
        let entry = Entry {
            key: Key {
                resource: DEFINITIONS.into(),
                namespace: "".into(),
                name: "widgets.example.org".into(),
            },
            revision: Revision(5),
            value: definition.to_string().into(),
        };
        let registry = Registry::new(&[Arc::new(entry)], None);
        registry.of_resource("widgets.example.org").expect("the definition makes sense").clone()
    }

    fn version(name: &str, is_stored: bool, size: &Value) -> Value {
        json!({"name": name, "served": true, "storage": is_stored,
            "schema": {"openAPIV3Schema": {"type": "object", "properties": {"size": size}}}})
    }

    fn stored(revision: u64) -> Bytes {
        let object =
            json!({"apiVersion": "example.org/v1", "kind": "Widget", "metadata": {"name": "a"}, "old": 1});
        Encoded::of(&object).unwrap().at(Revision(revision))
    }

    #[test]
    fn only_what_is_older_than_its_definition_is_looked_through() {
        let size = json!({"type": "integer", "default": 3});
        let served = served(&json!([version("v1", true, &size)]));
        let young = stored(6);
        assert_eq!(shown(&served, &young).as_ptr(), young.as_ptr());
        let old: Value = serde_json::from_slice(&shown(&served, &stored(4))).unwrap();
        assert_eq!((&old["size"], old.get("old")), (&json!(3), None));
    }

    #[test]
    fn versions_that_are_alike_are_exchanged_in_the_bytes() {
        let size = json!({"type": "integer", "default": 3});
        let alike = served(&json!([version("v1beta1", false, &size), version("v1", true, &size)]));
        assert!(is_shown_as_stored(&alike, &stored(6)));
        let text = json!({"type": "string"});
        let other = served(&json!([version("v1beta1", false, &text), version("v1", true, &size)]));
        assert!(!is_shown_as_stored(&other, &stored(6)));
    }
}
