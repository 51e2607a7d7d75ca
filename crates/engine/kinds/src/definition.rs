//! From a CustomResourceDefinition to the kinds that it brings.

use std::sync::Arc;

use bythos_cel::{CostLimits, Rules};
use bythos_schema::{FieldError, FieldPath, Schema};
use serde_json::Value;

use crate::columns::age;
use crate::fields::{at, integer, items, text};
use crate::table::clear_status;
use crate::{Cell, Column, Custom, CustomRules, Kind, SchemaSource, Subresource, Text, defaults, validation};

/// Where a version describes its fields.
const SCHEMA: &str = "schema.openAPIV3Schema";

/// The kinds that a CustomResourceDefinition brings, one per served version.
///
/// # Errors
/// What is wrong with it, with paths from the root of the definition.
pub fn from_definition(definition: &Value) -> Result<Vec<Kind>, Vec<FieldError>> {
    let mut definition = definition.clone();
    defaults::custom_resource::default(&mut definition);
    let errors = validation::custom_resource::validate(&definition);
    if !errors.is_empty() {
        return Err(errors);
    }
    let versions = items(&definition, "spec.versions");
    let is = |field: &'static str| move |version: &&Value| version[field].as_bool().unwrap_or_default();
    // Validation has seen that there is exactly one.
    let Some(stored) = versions.iter().find(is("storage")) else { return Ok(Vec::new()) };
    let stored_schema = schema_of(stored)?;
    let served = versions.iter().filter(is("served"));
    let kinds = served.map(|version| {
        // What is alike is there once.
        let schema = match at(version, SCHEMA) == at(stored, SCHEMA) {
            true => stored_schema.clone(),
            false => schema_of(version)?,
        };
        Ok(kind_of(&definition, version, &schema, &stored_schema))
    });
    kinds.collect()
}

fn schema_of(version: &Value) -> Result<Arc<Schema>, Vec<FieldError>> {
    bythos_schema::from_openapi_v3(at(version, SCHEMA)).map(Arc::new)
}

/// What is wrong with the rules (`x-kubernetes-validations`) of a definition, with paths from its root. In versions
/// whose schema `old` had already, rules may cost what they cost.
///
/// A schema that is wrong itself is not looked at: [`from_definition`] tells.
pub fn rule_errors(old: Option<&Value>, new: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let old_versions = old.map_or(&[][..], |old| items(old, "spec.versions"));
    for (index, version) in items(new, "spec.versions").iter().enumerate() {
        let Ok(schema) = bythos_schema::from_openapi_v3(at(version, SCHEMA)) else { continue };
        let is_same = |old: &Value| old["name"] == version["name"] && at(old, SCHEMA) == at(version, SCHEMA);
        let limits =
            if old_versions.iter().any(is_same) { CostLimits::Accepted } else { CostLimits::Enforced };
        let (_, found) = Rules::compile(&schema, limits);
        let path = FieldPath::root().field("spec").field("versions").index(index);
        let path = path.field("schema").field("openAPIV3Schema");
        errors.extend(found.into_iter().map(|error| FieldError { path: path.join(&error.path), ..error }));
    }
    errors
}

fn kind_of(definition: &Value, version: &Value, schema: &Arc<Schema>, stored_schema: &Arc<Schema>) -> Kind {
    let subresources = subresources(at(version, "subresources"));
    let mut rules = crate::Rules::default();
    if subresources.contains(&Subresource::Status) {
        rules.prepare_create = clear_status;
    }
    let names = at(definition, "spec.names");
    Kind {
        group: owned(definition, "spec.group"),
        version: owned(version, "name"),
        kind: owned(names, "kind"),
        plural: owned(names, "plural"),
        singular: owned(names, "singular"),
        short_names: texts(names, "shortNames"),
        categories: texts(names, "categories"),
        namespaced: text(definition, "spec.scope") == "Namespaced",
        stored: true,
        subresources,
        columns: columns(items(version, "additionalPrinterColumns")),
        custom: Custom { stored_schema: Some(stored_schema.clone()), ..custom(definition, version, schema) },
        schema: SchemaSource::Definition(Some(schema.clone())),
        rules,
    }
}

fn custom(definition: &Value, version: &Value, schema: &Arc<Schema>) -> Custom {
    let path = |field: &Value| text(field, "jsonPath").trim_start_matches('.').to_owned();
    let is_deprecated = version["deprecated"].as_bool().unwrap_or_default();
    let deprecation = is_deprecated.then(|| match text(version, "deprecationWarning") {
        "" => {
            let (group, kind) = (text(definition, "spec.group"), text(definition, "spec.names.kind"));
            format!("{group}/{} {kind} is deprecated", text(version, "name"))
        }
        written => written.to_owned(),
    });
    Custom {
        rules: CustomRules::of(schema),
        selectable_fields: items(version, "selectableFields")
            .iter()
            .map(|field| path(field).into())
            .collect(),
        deprecation: deprecation.map(Text::from),
        stored_schema: None,
        list_kind: Some(owned(definition, "spec.names.listKind")).filter(|kind| !kind.is_empty()),
    }
}

fn subresources(given: &Value) -> Vec<Subresource> {
    let mut subresources = Vec::new();
    if given["status"].is_object() {
        subresources.push(Subresource::Status);
    }
    let scale = &given["scale"];
    if scale.is_object() {
        // These paths are written with a leading dot.
        let path = |name: &str| Text::from(text(scale, name).trim_start_matches('.').to_owned());
        let selector = path("labelSelectorPath");
        subresources.push(Subresource::Scale {
            spec_replicas: path("specReplicasPath"),
            status_replicas: path("statusReplicasPath"),
            selector: (!selector.is_empty()).then_some(selector),
        });
    }
    subresources
}

fn columns(given: &[Value]) -> Vec<Column> {
    if given.is_empty() {
        return vec![age()];
    }
    let column = |column: &Value| Column {
        name: owned(column, "name"),
        type_: owned(column, "type"),
        format: owned(column, "format"),
        description: owned(column, "description"),
        priority: integer(column, "priority")
            .and_then(|number| i32::try_from(number).ok())
            .unwrap_or_default(),
        cell: Cell::Path(owned(column, "jsonPath")),
    };
    given.iter().map(column).collect()
}

fn owned(object: &Value, path: &str) -> Text {
    text(object, path).to_owned().into()
}

fn texts(object: &Value, path: &str) -> Vec<Text> {
    items(object, path).iter().filter_map(Value::as_str).map(|text| text.to_owned().into()).collect()
}

#[cfg(test)]
mod tests;
