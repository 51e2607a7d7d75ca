//! What upstream demands of a schema so that every field has one place where it is described:
//! `apiextensions-apiserver/pkg/apiserver/schema/validation.go`.

use serde_json::{Map, Value};

use super::{Place, is_true};
use crate::path::Trail;
use crate::{FieldError, Refusal};

const PRESERVE: &str = "x-kubernetes-preserve-unknown-fields";
const EMBEDDED: &str = "x-kubernetes-embedded-resource";
const INT_OR_STRING: &str = "x-kubernetes-int-or-string";
const VALUES: &str = "additionalProperties";

/// What is wrong with a schema that describes a field, an item or the whole.
pub(super) fn check(body: &Map<String, Value>, at: &Trail<'_>, place: Place) -> Vec<FieldError> {
    let mut errors = Vec::new();
    check_marks(body, at, place, &mut errors);
    if place == Place::Root || is_true(body, EMBEDDED) {
        check_object_fields(body, at, place, &mut errors);
    }
    check_combinations(body, body, at, at, &mut errors);
    errors
}

fn check_marks(body: &Map<String, Value>, at: &Trail<'_>, place: Place, errors: &mut Vec<FieldError>) {
    let mut forbid = |name: &str, detail: &str| {
        errors.push(FieldError::forbidden(Trail::Field(at, name).path(), detail));
    };
    if place == Place::Root && body.contains_key(VALUES) {
        forbid(VALUES, "must not be used at the root");
    }
    if place == Place::Root && is_true(body, "nullable") {
        forbid("nullable", "nullable cannot be true at the root");
    }
    if is_true(body, EMBEDDED) && body.contains_key(VALUES) {
        forbid(VALUES, &format!("must not be used if {EMBEDDED} is set"));
    }
    for exclusive in [PRESERVE, EMBEDDED] {
        if is_true(body, INT_OR_STRING) && is_true(body, exclusive) {
            let here = Trail::Field(at, exclusive).path();
            let detail = format!("must be false if {INT_OR_STRING} is true");
            errors.push(FieldError::of(here, Refusal::Invalid, &Value::from(true), detail));
        }
    }
    let has_properties = properties(body).next().is_some();
    if is_true(body, EMBEDDED) && !is_true(body, PRESERVE) && !has_properties {
        let detail = format!("must not be empty if {EMBEDDED} is true without {PRESERVE}");
        errors.push(FieldError::required(Trail::Field(at, "properties").path(), detail));
    }
    let type_ = body.get("type").and_then(Value::as_str).unwrap_or_default();
    if body.contains_key("x-kubernetes-map-type") && type_ != "object" {
        let detail = "must be object if x-kubernetes-map-type is specified";
        errors.push(FieldError::required(Trail::Field(at, "type").path(), detail));
    }
}

/// Of what every resource has, a schema may only say how it is named.
fn check_object_fields(
    body: &Map<String, Value>,
    at: &Trail<'_>,
    place: Place,
    errors: &mut Vec<FieldError>,
) {
    let all = Trail::Field(at, "properties");
    for (name, expected) in [("apiVersion", "string"), ("kind", "string"), ("metadata", "object")] {
        let Some((_, property)) = properties(body).find(|(known, _)| *known == name) else { continue };
        let here = Trail::Key(&all, name);
        let type_ = property.get("type").unwrap_or(&Value::Null);
        if type_ != expected {
            let detail = format!("must be {expected}");
            errors.push(FieldError::of(Trail::Field(&here, "type").path(), Refusal::Invalid, type_, detail));
        }
        if place == Place::Root && property.contains_key("default") {
            let detail = format!("must not be set in top-level {name}");
            errors.push(FieldError::forbidden(Trail::Field(&here, "default").path(), detail));
        }
        if place == Place::Root && name == "metadata" && !says_only_names(property) {
            let detail = "must not specify anything other than name and generateName, but metadata is implicitly specified";
            errors.push(FieldError::forbidden(here.path(), detail));
        }
    }
}

fn says_only_names(metadata: &Map<String, Value>) -> bool {
    let fields = metadata
        .keys()
        .all(|name| matches!(name.as_str(), "type" | "properties" | "description" | "default"));
    fields && properties(metadata).all(|(name, _)| matches!(name, "name" | "generateName"))
}

fn properties(body: &Map<String, Value>) -> impl Iterator<Item = (&str, &Map<String, Value>)> {
    let all = body.get("properties").and_then(Value::as_object).into_iter().flatten();
    all.filter_map(|(name, property)| Some((name.as_str(), property.as_object()?)))
}

/// The schemas that are combined in one, each with its place.
fn check_combinations(
    body: &Map<String, Value>,
    spine: &Map<String, Value>,
    at: &Trail<'_>,
    spine_at: &Trail<'_>,
    errors: &mut Vec<FieldError>,
) {
    for name in ["allOf", "anyOf", "oneOf"] {
        let all = Trail::Field(at, name);
        let parts =
            body.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object);
        if name == "anyOf" && is_int_or_string(spine, body.get(name)) {
            continue;
        }
        for (index, part) in parts.enumerate() {
            check_part(part, spine, &Trail::Index(&all, index), spine_at, errors);
        }
    }
    if let Some(part) = body.get("not").and_then(Value::as_object) {
        check_part(part, spine, &Trail::Field(at, "not"), spine_at, errors);
    }
}

/// Whether a combination only says again that the value is a number or a text.
fn is_int_or_string(spine: &Map<String, Value>, any_of: Option<&Value>) -> bool {
    let types = any_of.and_then(Value::as_array).map(|parts| {
        parts
            .iter()
            .map(|part| part.as_object().filter(|part| part.len() == 1)?.get("type")?.as_str())
            .collect::<Vec<_>>()
    });
    is_true(spine, INT_OR_STRING) && types.is_some_and(|types| types == [Some("integer"), Some("string")])
}

/// A schema in a combination only adds conditions: it describes nothing, and speaks of nothing that is not described.
fn check_part(
    part: &Map<String, Value>,
    spine: &Map<String, Value>,
    at: &Trail<'_>,
    spine_at: &Trail<'_>,
    errors: &mut Vec<FieldError>,
) {
    for (name, detail) in FORBIDDEN_IN_PARTS {
        if part.get(*name).is_some_and(|value| !is_nothing(value)) {
            errors.push(FieldError::forbidden(Trail::Field(at, name).path(), *detail));
        }
    }
    check_combinations(part, spine, at, spine_at, errors);
    let (all, spine_all) = (Trail::Field(at, "properties"), Trail::Field(spine_at, "properties"));
    for (name, property) in properties(part) {
        let (here, spine_here) = (Trail::Key(&all, name), Trail::Key(&spine_all, name));
        if name == "metadata" {
            errors.push(FieldError::forbidden(here.path(), "must not be specified in a nested context"));
        }
        match properties(spine).find(|(known, _)| *known == name) {
            Some((_, described)) => {
                check_part(property, described, &here, &spine_here, errors);
            }
            None => errors.push(not_described(&spine_here, &here)),
        }
    }
    if let Some(items) = part.get("items").and_then(Value::as_object) {
        let (here, spine_here) = (Trail::Field(at, "items"), Trail::Field(spine_at, "items"));
        match spine.get("items").and_then(Value::as_object) {
            Some(described) => check_part(items, described, &here, &spine_here, errors),
            None => errors.push(not_described(&spine_here, &here)),
        }
    }
}

fn not_described(spine: &Trail<'_>, part: &Trail<'_>) -> FieldError {
    FieldError::required(spine.path(), format!("because it is defined in {}", part.path()))
}

/// What upstream cannot tell from nothing.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

const FORBIDDEN_IN_PARTS: &[(&str, &str)] = &[
    ("type", "must be empty to be structural"),
    (VALUES, "must be undefined to be structural"),
    ("default", "must be undefined to be structural"),
    ("title", "must be empty to be structural"),
    ("description", "must be empty to be structural"),
    ("nullable", "must be false to be structural"),
    (PRESERVE, "must be false to be structural"),
    (EMBEDDED, "must be false to be structural"),
    (INT_OR_STRING, "must be false to be structural"),
    ("x-kubernetes-list-map-keys", "must be empty to be structural"),
    ("x-kubernetes-list-type", "must be undefined to be structural"),
    ("x-kubernetes-map-type", "must be undefined to be structural"),
    ("x-kubernetes-validations", "must be empty to be structural"),
];
