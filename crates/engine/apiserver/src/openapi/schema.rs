//! A kind's schema as an OpenAPI component, for `kubectl explain` and for editors.

use bythos_schema::{ListType, Schema, Type};
use serde_json::{Value, json};

use crate::registry::Served;

/// Schemas that contain themselves are cut at this depth.
const DEPTH_MAX: usize = 24;

/// The component of a kind.
pub(crate) fn component(served: &Served) -> Value {
    let kind = &served.kind;
    let mut value = schema(&served.schema(), 0);
    value["x-kubernetes-group-version-kind"] =
        json!([{ "group": kind.group, "version": kind.version, "kind": kind.kind }]);
    value
}

fn schema(of: &Schema, depth: usize) -> Value {
    let mut value = json!({});
    if let Some(name) = type_name(of.type_) {
        value["type"] = json!(name);
    }
    if of.type_ == Type::IntOrString {
        value["x-kubernetes-int-or-string"] = json!(true);
    }
    if let Some(description) = &of.description {
        value["description"] = json!(&**description);
    }
    if let Some(format) = &of.bounds.format {
        value["format"] = json!(&**format);
    }
    if of.preserve_unknown {
        value["x-kubernetes-preserve-unknown-fields"] = json!(true);
    }
    if depth < DEPTH_MAX {
        add_children(&mut value, of, depth + 1);
    }
    value
}

fn type_name(type_: Type) -> Option<&'static str> {
    match type_ {
        Type::Object => Some("object"),
        Type::Array => Some("array"),
        Type::String => Some("string"),
        Type::Integer => Some("integer"),
        Type::Number => Some("number"),
        Type::Boolean => Some("boolean"),
        Type::IntOrString | Type::Any => None,
    }
}

fn add_children(value: &mut Value, of: &Schema, depth: usize) {
    if !of.properties.is_empty() {
        let properties = of.properties.iter();
        value["properties"] =
            properties.map(|(name, property)| (name.to_string(), schema(property, depth))).collect();
    }
    if let Some(values) = &of.values {
        value["additionalProperties"] = schema(values, depth);
    }
    if let Some(items) = &of.items {
        value["items"] = schema(items, depth);
        match &of.list_type {
            ListType::Atomic => value["x-kubernetes-list-type"] = json!("atomic"),
            ListType::Set => value["x-kubernetes-list-type"] = json!("set"),
            ListType::Map(keys) => {
                value["x-kubernetes-list-type"] = json!("map");
                value["x-kubernetes-list-map-keys"] = keys.iter().map(|key| json!(&**key)).collect();
            }
        }
    }
    if !of.required.is_empty() {
        value["required"] = of.required.iter().map(|field| json!(&**field)).collect();
    }
}
