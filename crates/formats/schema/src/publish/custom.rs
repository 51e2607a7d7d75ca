//! The schema of a CustomResourceDefinition, as clients read it.

use serde_json::{Map, Value, json};

use super::Dialect;

const OBJECT_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

/// What version 2 does not know, or what clients that validate by it would take for more than it says.
const UNKNOWN_TO_V2: &[&str] =
    &["allOf", "anyOf", "default", "not", "nullable", "oneOf", "x-kubernetes-validations"];

/// The definition of a custom kind, from the `openAPIV3Schema` of its CustomResourceDefinition.
///
/// Where it says more than the dialect can, it says less: clients then leave the rest to the server.
pub fn custom_definition(schema: &Value, dialect: Dialect) -> Value {
    let mut definition = if schema.is_object() { schema.clone() } else { json!({}) };
    if dialect == Dialect::V2 {
        weaken(&mut definition);
    }
    let keeps_anything = is_true(&definition, "x-kubernetes-preserve-unknown-fields");
    if let Value::Object(fields) = &mut definition {
        fields.insert("type".to_owned(), json!("object"));
        if dialect == Dialect::V3 || !keeps_anything {
            add_object_fields(fields, dialect);
        }
    }
    definition
}

/// What every object has.
fn add_object_fields(fields: &mut Map<String, Value>, dialect: Dialect) {
    let properties = fields.entry("properties").or_insert_with(|| json!({}));
    let text = |description: &str| json!({ "type": "string", "description": description });
    properties["apiVersion"] = text("Group and version of the schema in which this object is written.");
    properties["kind"] = text("Kind of the object.");
    let mut metadata = Map::new();
    metadata.insert("description".to_owned(), json!("What every object has: names, labels, owners."));
    dialect.refer(&mut metadata, OBJECT_META);
    properties["metadata"] = Value::Object(metadata);
}

/// Takes away what version 2 cannot say.
fn weaken(schema: &mut Value) {
    let (is_nullable, keeps_anything) =
        (is_true(schema, "nullable"), is_true(schema, "x-kubernetes-preserve-unknown-fields"));
    let is_int_or_string = is_true(schema, "x-kubernetes-int-or-string");
    let Value::Object(fields) = schema else { return };
    fields.retain(|name, _| !UNKNOWN_TO_V2.contains(&name.as_str()));
    if is_nullable || keeps_anything {
        // A null, or a field that is not declared, would be refused by who validates by the rest.
        fields.retain(|name, _| !matches!(name.as_str(), "properties" | "items" | "additionalProperties"));
    }
    if is_nullable || is_int_or_string {
        fields.remove("type");
    }
    for child in ["items", "additionalProperties"] {
        if let Some(child) = fields.get_mut(child) {
            weaken(child);
        }
    }
    for (_, property) in fields.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
        weaken(property);
    }
}

fn is_true(schema: &Value, name: &str) -> bool {
    schema.get(name) == Some(&Value::Bool(true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(dialect: Dialect, field: Value, expect: &Value) {
        let schema = json!({ "type": "object", "properties": { "spec": field } });
        assert_eq!(&custom_definition(&schema, dialect)["properties"]["spec"], expect);
    }

    #[test]
    fn version_2_says_less_where_it_knows_less() {
        let text = json!({ "type": "string" });
        let object = json!({ "type": "object", "properties": { "a": text } });
        let with = |name: &str, value: Value| {
            let mut schema = object.clone();
            schema[name] = value;
            schema
        };
        check(Dialect::V2, object.clone(), &object);
        check(Dialect::V2, with("nullable", json!(true)), &json!({}));
        let keeps = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
        check(Dialect::V2, with("x-kubernetes-preserve-unknown-fields", json!(true)), &keeps);
        check(Dialect::V2, with("oneOf", json!([{ "required": ["a"] }])), &object);
        check(
            Dialect::V2,
            json!({ "type": "array", "items": { "type": "string", "nullable": true } }),
            &json!({ "type": "array", "items": {} }),
        );
        let either = json!({ "x-kubernetes-int-or-string": true, "anyOf": [{ "type": "integer" }] });
        check(Dialect::V2, either, &json!({ "x-kubernetes-int-or-string": true }));
    }

    #[test]
    fn version_3_says_all() {
        let field = json!({ "type": "string", "nullable": true, "oneOf": [{ "minLength": 1 }] });
        check(Dialect::V3, field.clone(), &field);
    }

    #[test]
    fn every_object_has_metadata_and_its_schema_may_be_missing() {
        for dialect in [Dialect::V2, Dialect::V3] {
            let definition = custom_definition(&Value::Null, dialect);
            assert_eq!(definition["type"], "object");
            let metadata = definition["properties"]["metadata"].to_string();
            assert!(metadata.contains("meta.v1.ObjectMeta"), "{metadata}");
        }
    }
}
