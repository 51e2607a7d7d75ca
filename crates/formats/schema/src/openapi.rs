//! From a CustomResourceDefinition's `openAPIV3Schema` to a [`Schema`].
//!
//! The rules are those of upstream's "structural schemas": every field has one type, so that pruning and defaulting
//! know what to do with it.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::path::Trail;
use crate::{FieldError, ListType, Refusal, Schema, Type, built_in};

mod keywords;
mod lists;
mod structural;
mod validations;

/// The schema in a CustomResourceDefinition's `openAPIV3Schema`, with `apiVersion`, `kind` and `metadata` added.
///
/// # Errors
/// All that makes it not structural, with paths below `openAPIV3Schema`.
pub fn from_openapi_v3(schema: &Value) -> Result<Schema, Vec<FieldError>> {
    let mut reader = Reader { errors: Vec::new() };
    let mut root = reader.node(schema, &Trail::Root, Place::Root);
    if root.type_ == Type::Object {
        add_object_fields(&mut root);
    } else if !schema.get("type").is_none_or(Value::is_null) {
        let detail = "must be object at the root";
        let found = schema.get("type").unwrap_or(&Value::Null);
        reader.errors.push(FieldError::of(
            Trail::Field(&Trail::Root, "type").path(),
            Refusal::Invalid,
            found,
            detail,
        ));
    }
    if reader.errors.is_empty() { Ok(root) } else { Err(reader.errors) }
}

/// Where a schema stands decides how its absence of a type is named.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Root,
    Field,
    Items,
}

impl Place {
    fn lacks_type(self) -> &'static str {
        match self {
            Place::Root => "must not be empty at the root",
            Place::Field => "must not be empty for specified object fields",
            Place::Items => "must not be empty for specified array items",
        }
    }
}

struct Reader {
    errors: Vec<FieldError>,
}

impl Reader {
    fn node(&mut self, body: &Value, at: &Trail<'_>, place: Place) -> Schema {
        let Some(body) = body.as_object() else {
            self.errors.push(FieldError::of(
                at.path(),
                Refusal::TypeInvalid,
                body,
                "must be a JSON schema (an object)",
            ));
            return Schema::any();
        };
        self.errors.extend(keywords::forbidden(body, at));
        self.errors.extend(structural::check(body, at, place));
        let mut schema = Schema::of(self.type_of(body, at, place));
        validations::read(body, &mut schema, at, &mut self.errors);
        self.marks(body, &mut schema, at);
        self.children(body, &mut schema, at);
        lists::read(body, &mut schema, at, &mut self.errors);
        if schema.embedded_resource {
            add_object_fields(&mut schema);
            schema.required.extend([Arc::from("apiVersion"), Arc::from("kind")]);
        }
        self.default(body, &mut schema, at);
        schema
    }

    fn type_of(&mut self, body: &Map<String, Value>, at: &Trail<'_>, place: Place) -> Type {
        if is_true(body, "x-kubernetes-int-or-string") {
            return Type::IntOrString;
        }
        let here = Trail::Field(at, "type");
        match body.get("type").and_then(Value::as_str) {
            Some("object") => Type::Object,
            Some("array") => Type::Array,
            Some("string") => Type::String,
            Some("integer") => Type::Integer,
            Some("number") => Type::Number,
            Some("boolean") => Type::Boolean,
            None | Some("") => {
                if place == Place::Root || !is_true(body, "x-kubernetes-preserve-unknown-fields") {
                    self.errors.push(FieldError::required(here.path(), place.lacks_type()));
                }
                Type::Any
            }
            Some(other) => {
                let detail =
                    r#"supported values: "array", "boolean", "integer", "number", "object", "string""#;
                self.errors.push(FieldError::of(
                    here.path(),
                    Refusal::NotSupported,
                    &Value::from(other),
                    detail,
                ));
                Type::Any
            }
        }
    }

    fn marks(&mut self, body: &Map<String, Value>, schema: &mut Schema, at: &Trail<'_>) {
        schema.nullable = is_true(body, "nullable");
        schema.preserve_unknown = is_true(body, "x-kubernetes-preserve-unknown-fields");
        schema.embedded_resource = is_true(body, "x-kubernetes-embedded-resource");
        if schema.embedded_resource && schema.type_ != Type::Object {
            let here = Trail::Field(at, "type");
            self.errors.push(FieldError::required(
                here.path(),
                "must be object if x-kubernetes-embedded-resource is true",
            ));
        }
        match body.get("x-kubernetes-map-type").and_then(Value::as_str) {
            None | Some("granular") => {}
            Some("atomic") => schema.atomic_map = true,
            Some(other) => {
                let here = Trail::Field(at, "x-kubernetes-map-type");
                let detail = r#"supported values: "atomic", "granular""#;
                self.errors.push(FieldError::of(
                    here.path(),
                    Refusal::NotSupported,
                    &Value::from(other),
                    detail,
                ));
            }
        }
        if let Some(rules) = body.get("x-kubernetes-validations").and_then(Value::as_array) {
            schema.rules.clone_from(rules);
        }
    }

    fn children(&mut self, body: &Map<String, Value>, schema: &mut Schema, at: &Trail<'_>) {
        let properties = Trail::Field(at, "properties");
        for (name, property) in body.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let property = self.node(property, &Trail::Key(&properties, name), Place::Field);
            schema.properties.insert(name.as_str().into(), Arc::new(property));
        }
        if let Some(values) = body.get("additionalProperties") {
            let here = Trail::Field(at, "additionalProperties");
            schema.values = self.map_values(values, &here).map(Arc::new);
            if !schema.properties.is_empty() && *values != Value::Bool(true) {
                self.errors.push(FieldError::forbidden(
                    here.path(),
                    "additionalProperties and properties are mutual exclusive",
                ));
            }
        }
        if let Some(items) = body.get("items") {
            schema.items = Some(Arc::new(self.node(items, &Trail::Field(at, "items"), Place::Items)));
        } else if schema.type_ == Type::Array {
            self.errors.push(FieldError::required(Trail::Field(at, "items").path(), "must be specified"));
        }
    }

    /// `additionalProperties: true` says that the map takes anything.
    fn map_values(&mut self, values: &Value, at: &Trail<'_>) -> Option<Schema> {
        match values {
            Value::Bool(true) => Some(Schema::any()),
            Value::Bool(false) => {
                self.errors
                    .push(FieldError::forbidden(at.path(), "additionalProperties cannot be set to false"));
                None
            }
            _ => Some(self.node(values, at, Place::Field)),
        }
    }

    /// A default must itself be what the schema asks for, after pruning and defaulting.
    fn default(&mut self, body: &Map<String, Value>, schema: &mut Schema, at: &Trail<'_>) {
        let Some(default) = body.get("default") else { return };
        let here = Trail::Field(at, "default");
        let mut complete = default.clone();
        let removed = schema.prune(&mut complete);
        schema.fill_defaults(&mut complete);
        for path in removed {
            self.errors.push(FieldError::of(
                here.path(),
                Refusal::Invalid,
                default,
                format!("must not have unknown fields: {path}"),
            ));
        }
        for error in schema.validate(&complete) {
            let found = error.value.unwrap_or(Value::Null);
            let detail =
                if error.detail.is_empty() { format!("{} is required", error.path) } else { error.detail };
            self.errors.push(FieldError::of(here.path(), error.refusal, &found, detail));
        }
        schema.default = Some(default.clone());
    }
}

fn is_true(body: &Map<String, Value>, name: &str) -> bool {
    body.get(name) == Some(&Value::Bool(true))
}

/// What every object has, at the root and where a resource is embedded.
fn add_object_fields(schema: &mut Schema) {
    for name in ["apiVersion", "kind"] {
        schema.properties.insert(name.into(), Arc::new(Schema::of(Type::String)));
    }
    schema.properties.insert("metadata".into(), built_in::object_meta());
}

/// Whether a value can be a key of a list's items.
fn is_scalar(schema: &Schema) -> bool {
    matches!(schema.type_, Type::String | Type::Integer | Type::Number | Type::Boolean | Type::IntOrString)
}

/// Whether a list of this schema is one value.
fn is_atomic_list(schema: &Schema) -> bool {
    schema.type_ == Type::Array && schema.list_type == ListType::Atomic
}

#[cfg(test)]
mod tests;
