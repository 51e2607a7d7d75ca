//! From the JSON Schema that k8s-openapi generates to a [`Schema`].

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Expanded, merge_table};
use crate::{Schema, Type};

/// Definitions that hold any JSON, or describe themselves (a JSON Schema holds JSON Schemas): they are not expanded.
const FREE_FORM: &[&str] = &[
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps",
    "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1",
    "io.k8s.apimachinery.pkg.runtime.RawExtension",
];

const QUANTITY: &str = "io.k8s.apimachinery.pkg.api.resource.Quantity";

pub(super) struct Expansion<'a> {
    /// What schemars collected, by definition name.
    pub(super) generated: &'a Map<String, Value>,
    /// What is expanded already, of this kind and of all before it.
    pub(super) shared: &'a mut Expanded,
}

impl Expansion<'_> {
    /// Expands a definition and keeps it.
    pub(super) fn add(&mut self, name: &str, body: &Value) -> Arc<Schema> {
        // Stands for the definition while it is being expanded, so that one that holds itself comes to an end.
        self.shared.insert(name.to_owned(), Schema::anything().clone());
        let schema = Arc::new(self.definition(name, body));
        self.shared.insert(name.to_owned(), schema.clone());
        schema
    }

    fn definition(&mut self, name: &str, body: &Value) -> Schema {
        if FREE_FORM.contains(&name) {
            return Schema::any();
        }
        let mut schema = self.node(body);
        if name == QUANTITY {
            schema.bounds.format = Some("quantity".into());
        }
        schema.atomic_map = merge_table::is_atomic(name);
        let required = std::mem::take(&mut schema.required);
        schema.required = merge_table::required(name, required);
        for (field, property) in &mut schema.properties {
            complete(name, field, property, schema.required.contains(field));
        }
        schema
    }

    fn reference(&mut self, name: &str) -> Arc<Schema> {
        if let Some(schema) = self.shared.get(name) {
            return schema.clone();
        }
        match self.generated.get(name) {
            Some(body) => self.add(name, body),
            None => Schema::anything().clone(),
        }
    }

    fn shared_node(&mut self, body: &Value) -> Arc<Schema> {
        match body.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix("#/$defs/")) {
            Some(name) => self.reference(name),
            None => match type_of(body) {
                Type::Object | Type::Array => Arc::new(self.node(body)),
                scalar => self.scalar(scalar, body),
            },
        }
    }

    /// Most fields are plain strings and numbers: each sort of them is in memory once.
    fn scalar(&mut self, type_: Type, body: &Value) -> Arc<Schema> {
        let format = body.get("format").and_then(Value::as_str).unwrap_or_default();
        let name = format!("{type_:?} {format}");
        if let Some(schema) = self.shared.get(&name) {
            return schema.clone();
        }
        let schema = Arc::new(self.node(body));
        self.shared.insert(name, schema.clone());
        schema
    }

    fn node(&mut self, body: &Value) -> Schema {
        let mut schema = Schema::of(type_of(body));
        schema.bounds.format = body.get("format").and_then(Value::as_str).map(Into::into);
        for (name, property) in body.get("properties").and_then(Value::as_object).into_iter().flatten() {
            schema.properties.insert(name.as_str().into(), self.shared_node(property));
        }
        let required = body.get("required").and_then(Value::as_array).into_iter().flatten();
        schema.required = required.filter_map(Value::as_str).map(Into::into).collect();
        schema.items = body.get("items").map(|items| self.shared_node(items));
        schema.values = body.get("additionalProperties").filter(|values| values.is_object()).map(|values| {
            let mut values = self.shared_node(values);
            if values.type_ == Type::String {
                Arc::make_mut(&mut values).null_as = Some(Value::String(String::new()));
            }
            values
        });
        schema.tolerates_duplicates = schema.type_ == Type::Array;
        schema.preserve_unknown = schema.type_ == Type::Any
            || (schema.type_ == Type::Object && schema.properties.is_empty() && schema.values.is_none());
        schema
    }
}

/// Adds to a field what our tables know of it.
fn complete(definition: &str, field: &str, property: &mut Arc<Schema>, required: bool) {
    if required && property.type_ == Type::Array {
        Arc::make_mut(property).null_as = Some(Value::Array(Vec::new()));
    }
    if let Some(facts) = merge_table::facts(definition, field) {
        facts.complete(Arc::make_mut(property));
    }
    if let Some(default) = merge_table::default(definition, field) {
        Arc::make_mut(property).default = Some(default);
    }
}

fn type_of(body: &Value) -> Type {
    if body.get("x-kubernetes-int-or-string") == Some(&Value::Bool(true)) {
        return Type::IntOrString;
    }
    match body.get("type").and_then(Value::as_str) {
        Some("object") => Type::Object,
        Some("array") => Type::Array,
        Some("string") => Type::String,
        Some("integer") => Type::Integer,
        Some("number") => Type::Number,
        Some("boolean") => Type::Boolean,
        _ => Type::Any,
    }
}
