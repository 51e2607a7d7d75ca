//! The built-in kinds as OpenAPI definitions, with all that is said about their fields.
//!
//! They are made when they are asked for, kind by kind, and not kept: descriptions are most of what they weigh.

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1 as meta;
use k8s_openapi::apimachinery::pkg::runtime::RawExtension;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::merge_table;
use crate::publish::{Dialect, marks};
use crate::{Schema, Type};

/// What schemars puts before the name of a definition in a reference.
const LOCAL: &str = "#/$defs/";
/// How the definitions begin that stand for any JSON, or for a schema or a list of them: what they are is left open.
const ANY_JSON: &str = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON";

/// Hands out definitions for one document, each of them once.
pub struct Definitions {
    dialect: Dialect,
    handed_out: BTreeSet<String>,
}

/// The name under which a built-in kind is published; `None` if there is no such kind.
pub fn definition_name(group: &str, version: &str, kind: &str) -> Option<String> {
    super::row(group, version, kind).map(|row| (row.definition)().into_owned())
}

impl Definitions {
    /// For a document in this dialect.
    pub fn new(dialect: Dialect) -> Self {
        Definitions { dialect, handed_out: BTreeSet::new() }
    }

    /// A built-in kind and all that it refers to, by name, but for what was handed out before. Nothing if there is no
    /// such kind.
    pub fn of_kind(&mut self, group: &str, version: &str, kind: &str) -> Vec<(String, Value)> {
        let Some(row) = super::row(group, version, kind) else { return Vec::new() };
        let name = (row.definition)().into_owned();
        let mut found = self.of_type(&name, row.generate);
        if let Some((_, body)) = found.iter_mut().find(|(known, _)| *known == name) {
            body["x-kubernetes-group-version-kind"] =
                json!([{ "group": group, "version": version, "kind": kind }]);
        }
        found
    }

    /// What requests of every kind send and get beside objects: options, patches, statuses, events, metadata.
    pub fn of_requests(&mut self) -> Vec<(String, Value)> {
        let mut found = self.of::<meta::DeleteOptions>();
        found.extend(self.of::<meta::ListMeta>());
        found.extend(self.of::<meta::ObjectMeta>());
        found.extend(self.of::<meta::Patch>());
        found.extend(self.of::<meta::Status>());
        found.extend(self.of::<meta::WatchEvent<RawExtension>>());
        found
    }

    fn of<T: JsonSchema>(&mut self) -> Vec<(String, Value)> {
        self.of_type(&T::schema_name(), T::json_schema)
    }

    fn of_type(
        &mut self,
        name: &str,
        generate: fn(&mut SchemaGenerator) -> schemars::Schema,
    ) -> Vec<(String, Value)> {
        if self.handed_out.contains(name) {
            return Vec::new();
        }
        let mut generator = SchemaGenerator::default();
        let root = generate(&mut generator).to_value();
        let others = generator.take_definitions(true);
        let all = std::iter::once((name.to_owned(), root)).chain(others);
        let mut found = Vec::new();
        for (name, mut body) in all {
            if self.handed_out.insert(name.clone()) {
                self.publish(&name, &mut body);
                found.push((name, body));
            }
        }
        found
    }

    fn publish(&self, name: &str, body: &mut Value) {
        let Value::Object(fields) = &mut *body else { return };
        if name.starts_with(ANY_JSON) && !fields.contains_key("properties") {
            fields.retain(|name, _| name == "description");
        }
        if let Some(Value::Array(mut required)) = fields.remove("required") {
            // An object without metadata is one with empty metadata.
            required.retain(|field| field != "metadata");
            if !required.is_empty() {
                fields.insert("required".to_owned(), Value::Array(required));
            }
        }
        for (field, property) in children(fields, "properties") {
            add_marks(name, field, property);
        }
        if merge_table::is_atomic(name) {
            fields.insert("x-kubernetes-map-type".to_owned(), json!("atomic"));
        }
        self.rewrite(body);
    }

    /// Exchanges references and what the dialect writes in another way, everywhere in `node`.
    fn rewrite(&self, node: &mut Value) {
        let Value::Object(fields) = node else { return };
        for child in ["items", "additionalProperties"] {
            if let Some(child) = fields.get_mut(child) {
                self.rewrite(child);
            }
        }
        for (_, property) in children(fields, "properties") {
            self.rewrite(property);
        }
        if fields.remove("x-kubernetes-int-or-string").is_some() {
            fields.insert("format".to_owned(), json!("int-or-string"));
            self.dialect.int_or_string(fields);
        }
        if let Some(Value::String(target)) = fields.remove("$ref") {
            let name = target.strip_prefix(LOCAL).unwrap_or(&target);
            self.dialect.refer(fields, name);
        }
    }
}

fn children<'a>(
    fields: &'a mut Map<String, Value>,
    name: &str,
) -> impl Iterator<Item = (&'a String, &'a mut Value)> {
    fields.get_mut(name).and_then(Value::as_object_mut).into_iter().flatten()
}

/// Adds to a field how its values merge, and what stands for none.
fn add_marks(definition: &str, field: &str, property: &mut Value) {
    let Value::Object(fields) = property else { return };
    if let Some(default) = merge_table::default(definition, field) {
        fields.insert("default".to_owned(), default);
    }
    let is_list = fields.get("type").and_then(Value::as_str) == Some("array");
    let mut schema = Schema::of(if is_list { Type::Array } else { Type::Object });
    if let Some(facts) = merge_table::facts(definition, field) {
        facts.complete(&mut schema);
    }
    fields.extend(marks(&schema));
}

#[cfg(test)]
mod tests;
