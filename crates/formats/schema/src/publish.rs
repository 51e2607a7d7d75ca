//! Schemas as clients read them: the two dialects of OpenAPI, and what both say about merging.

use serde_json::{Map, Value, json};

use crate::{ListType, PatchStrategy, Schema, Type};

mod custom;

pub use custom::custom_definition;

/// Which OpenAPI a definition is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Swagger 2.0, `/openapi/v2`.
    V2,
    /// OpenAPI 3.0, `/openapi/v3`.
    V3,
}

impl Dialect {
    /// A reference to a definition.
    pub fn reference(self, name: &str) -> Value {
        let place = match self {
            Dialect::V2 => "#/definitions/",
            Dialect::V3 => "#/components/schemas/",
        };
        json!({ "$ref": format!("{place}{name}") })
    }

    /// Makes a schema refer to a definition, and keeps what it says itself, such as a description. Beside a `$ref`
    /// nothing else counts in version 3.
    pub(crate) fn refer(self, schema: &mut Map<String, Value>, name: &str) {
        let reference = self.reference(name);
        if self == Dialect::V3 && !schema.is_empty() {
            schema.insert("allOf".to_owned(), json!([reference]));
        } else if let Value::Object(reference) = reference {
            schema.extend(reference);
        }
    }

    /// Gives a schema the type of a number or a text.
    pub(crate) fn int_or_string(self, schema: &mut Map<String, Value>) {
        match self {
            Dialect::V2 => schema.insert("type".to_owned(), json!("string")),
            Dialect::V3 => {
                schema.insert("oneOf".to_owned(), json!([{ "type": "integer" }, { "type": "string" }]))
            }
        };
    }
}

/// What the extensions of Kubernetes say about how values of this schema merge.
pub(crate) fn marks(schema: &Schema) -> Map<String, Value> {
    let mut marks = Map::new();
    let mut mark = |name: &str, value: Value| drop(marks.insert(format!("x-kubernetes-{name}"), value));
    if schema.type_ == Type::Array {
        match &schema.list_type {
            ListType::Atomic => mark("list-type", json!("atomic")),
            ListType::Set => mark("list-type", json!("set")),
            ListType::Map(keys) => {
                mark("list-type", json!("map"));
                mark("list-map-keys", keys.iter().map(|key| json!(&**key)).collect());
            }
        }
    }
    if schema.atomic_map {
        mark("map-type", json!("atomic"));
    }
    let merges = schema.patch_strategy != PatchStrategy::Replace;
    match (merges, schema.retain_keys, schema.patch_replaces_object) {
        (true, true, _) => mark("patch-strategy", json!("merge,retainKeys")),
        (true, false, _) => mark("patch-strategy", json!("merge")),
        (false, true, _) => mark("patch-strategy", json!("retainKeys")),
        (false, false, true) => mark("patch-strategy", json!("replace")),
        (false, false, false) => {}
    }
    if let PatchStrategy::MergeBy(key) = &schema.patch_strategy {
        mark("patch-merge-key", json!(&**key));
    }
    marks
}
