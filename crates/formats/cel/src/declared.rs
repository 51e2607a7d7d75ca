//! The types that a schema declares, and how large values of it can be in one request:
//! `k8s.io/apiserver/pkg/cel/common/schemas.go`.

use std::sync::Arc;

use bythos_schema::{Schema, Type as SchemaType};

use crate::{Type, escape};

/// The largest request that is read, in bytes.
pub(crate) const REQUEST_BYTES_MAX: u64 = 3 * 1024 * 1024;

/// The type of the values of a schema in expressions; `None` where nothing is known of them, so that expressions do
/// not see them.
pub fn declared(schema: &Arc<Schema>) -> Option<Type> {
    Some(match schema.type_ {
        SchemaType::IntOrString => Type::Dyn,
        SchemaType::Boolean => Type::Bool,
        SchemaType::Integer => Type::Int,
        SchemaType::Number => Type::Double,
        SchemaType::String => match schema.bounds.format.as_deref() {
            Some("byte") => Type::Bytes,
            Some("duration") => Type::Duration,
            Some("date" | "date-time") => Type::Timestamp,
            _ => Type::String,
        },
        SchemaType::Array => Type::list(declared(schema.items.as_ref()?)?),
        SchemaType::Object if schema.embedded_resource => Type::Object(as_resource(schema)),
        SchemaType::Object => match &schema.values {
            Some(values) if schema.properties.is_empty() => {
                // A map of anything is seen as an object without fields.
                declared(values)
                    .map_or_else(|| Type::Object(schema.clone()), |value| Type::map(Type::String, value))
            }
            _ => Type::Object(schema.clone()),
        },
        SchemaType::Any => return None,
    })
}

/// The schema as the rules at the root of a resource see it: of its metadata only `name` and `generateName`.
pub fn as_resource(schema: &Schema) -> Arc<Schema> {
    let mut root = schema.clone();
    let text = Arc::new(Schema::of(SchemaType::String));
    let mut metadata = Schema::of(SchemaType::Object);
    for name in ["name", "generateName"] {
        metadata.properties.insert(name.into(), text.clone());
    }
    root.properties.insert("metadata".into(), Arc::new(metadata));
    for name in ["apiVersion", "kind"] {
        root.properties.insert(name.into(), text.clone());
    }
    root.rules = Vec::new();
    Arc::new(root)
}

/// The field of an object by the name that expressions use, with its name in the object.
pub(crate) fn field<'s>(schema: &'s Schema, written: &str) -> Option<(&'s Arc<str>, &'s Arc<Schema>)> {
    let meant = crate::unescape(written);
    let (name, field) = schema.properties.get_key_value(&*meant)?;
    (escape(name).as_deref() == Some(written)).then_some((name, field))
}

/// How many characters, items or entries a value can have at most.
pub(crate) fn elements_max(schema: &Schema) -> u64 {
    let bounds = &schema.bounds;
    let given = |bound: Option<usize>| bound.map(|bound| u64::try_from(bound).unwrap_or(u64::MAX));
    // A character may take four bytes, and sizes are reckoned in bytes here.
    let text_max = given(bounds.max_length).map(|length| length.saturating_mul(4));
    match schema.type_ {
        SchemaType::IntOrString => text_max.unwrap_or(REQUEST_BYTES_MAX - 2),
        SchemaType::String => match bounds.format.as_deref() {
            Some("byte") => given(bounds.max_length).unwrap_or(REQUEST_BYTES_MAX - 2),
            Some("duration" | "date-time") => 32,
            Some("date") => 12,
            _ => text_max.or_else(|| longest_choice(schema)).unwrap_or(REQUEST_BYTES_MAX - 2),
        },
        SchemaType::Array => given(bounds.max_items).unwrap_or_else(|| {
            (REQUEST_BYTES_MAX - 2) / (schema.items.as_ref().map_or(1, |items| size_min(items)) + 1)
        }),
        SchemaType::Object => match (&schema.values, given(bounds.max_properties)) {
            (Some(_), Some(most)) => most,
            (Some(values), None) => (REQUEST_BYTES_MAX - 2) / (size_min(values) + 6),
            // Nothing goes over the fields of an object.
            (None, _) => 0,
        },
        // As upstream reckons: comparing them is paid with reading them.
        SchemaType::Boolean | SchemaType::Integer | SchemaType::Number | SchemaType::Any => 0,
    }
}

fn longest_choice(schema: &Schema) -> Option<u64> {
    let lengths = schema.enumeration.iter().filter_map(|choice| choice.as_str().map(str::len));
    lengths.max().and_then(|length| u64::try_from(length).ok())
}

/// The fewest bytes that a value takes in JSON.
pub(crate) fn size_min(schema: &Schema) -> u64 {
    match schema.type_ {
        SchemaType::IntOrString | SchemaType::Integer | SchemaType::Number | SchemaType::Any => 1,
        SchemaType::Boolean => 4,
        SchemaType::Array => 2,
        SchemaType::String => match schema.bounds.format.as_deref() {
            Some("duration") => 3,
            Some("date") => 12,
            Some("date-time") => 21,
            _ => 2,
        },
        SchemaType::Object if schema.values.is_some() => 2,
        SchemaType::Object => {
            let required = schema.required.iter().filter_map(|name| {
                let field = schema.properties.get(name).filter(|field| field.default.is_none())?;
                Some(u64::try_from(name.len()).ok()? + size_min(field) + 4)
            });
            2 + required.sum::<u64>()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn schema(body: serde_json::Value) -> Arc<Schema> {
        let root = json!({"type": "object", "properties": {"a": body}});
        bythos_schema::from_openapi_v3(&root).unwrap().properties["a"].clone()
    }

    #[test]
    fn types_follow_the_schema_and_its_formats() {
        let cases = [
            (json!({"type": "integer"}), "int"),
            (json!({"type": "number"}), "double"),
            (json!({"type": "string", "format": "date-time"}), "timestamp"),
            (json!({"type": "string", "format": "duration"}), "duration"),
            (json!({"type": "string", "format": "byte"}), "bytes"),
            (json!({"type": "string", "format": "ipv4"}), "string"),
            (json!({"x-kubernetes-int-or-string": true}), "dyn"),
            (json!({"type": "array", "items": {"type": "string"}}), "list(string)"),
            (json!({"type": "object", "additionalProperties": {"type": "integer"}}), "map(string, int)"),
            (json!({"type": "object", "properties": {"b": {"type": "string"}}}), "object"),
        ];
        for (body, expected) in cases {
            assert_eq!(declared(&schema(body)).unwrap().to_string(), expected);
        }
        assert!(declared(&schema(json!({"x-kubernetes-preserve-unknown-fields": true}))).is_none());
    }

    #[test]
    fn sizes_are_bounded_by_the_schema_or_by_the_request() {
        let most = |body| elements_max(&schema(body));
        assert_eq!(most(json!({"type": "string"})), 3_145_726);
        assert_eq!(most(json!({"type": "string", "maxLength": 10})), 40);
        assert_eq!(most(json!({"type": "string", "enum": ["a", "abc"]})), 3);
        assert_eq!(most(json!({"type": "array", "maxItems": 5, "items": {"type": "string"}})), 5);
        assert_eq!(most(json!({"type": "array", "items": {"type": "string"}})), 1_048_575);
        assert_eq!(most(json!({"type": "object", "additionalProperties": {"type": "string"}})), 393_215);
    }
}
