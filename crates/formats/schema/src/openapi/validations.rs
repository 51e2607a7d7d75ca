//! The parts of a schema that only validate: bounds, enumerations, and schemas combined.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::is_true;
use crate::path::Trail;
use crate::{Bounds, Combinations, FieldError, Pattern, Refusal, Schema, Type};

pub(super) fn read(
    body: &Map<String, Value>,
    schema: &mut Schema,
    at: &Trail<'_>,
    errors: &mut Vec<FieldError>,
) {
    schema.bounds = bounds(body, at, errors);
    let required = body.get("required").and_then(Value::as_array).into_iter().flatten();
    schema.required = required.filter_map(Value::as_str).map(Into::into).collect();
    schema.enumeration = body.get("enum").and_then(Value::as_array).cloned().unwrap_or_default();
    schema.combinations = combinations(body, at, errors);
}

fn bounds(body: &Map<String, Value>, at: &Trail<'_>, errors: &mut Vec<FieldError>) -> Bounds {
    let number = |name: &str| body.get(name).and_then(Value::as_f64);
    let count =
        |name: &str| body.get(name).and_then(Value::as_u64).and_then(|count| usize::try_from(count).ok());
    Bounds {
        minimum: number("minimum"),
        maximum: number("maximum"),
        exclusive_minimum: is_true(body, "exclusiveMinimum"),
        exclusive_maximum: is_true(body, "exclusiveMaximum"),
        multiple_of: number("multipleOf").filter(|factor| *factor > 0.0),
        min_length: count("minLength"),
        max_length: count("maxLength"),
        pattern: pattern(body, at, errors),
        min_items: count("minItems"),
        max_items: count("maxItems"),
        min_properties: count("minProperties"),
        max_properties: count("maxProperties"),
        format: body.get("format").and_then(Value::as_str).map(Into::into),
    }
}

fn pattern(body: &Map<String, Value>, at: &Trail<'_>, errors: &mut Vec<FieldError>) -> Option<Arc<Pattern>> {
    let text = body.get("pattern").and_then(Value::as_str).filter(|text| !text.is_empty())?;
    match Pattern::new(text) {
        Ok(pattern) => Some(Arc::new(pattern)),
        Err(error) => {
            let detail = format!("must be a valid regular expression, but isn't: {error}");
            let here = Trail::Field(at, "pattern");
            errors.push(FieldError::of(here.path(), Refusal::Invalid, &Value::from(text), detail));
            None
        }
    }
}

fn combinations(
    body: &Map<String, Value>,
    at: &Trail<'_>,
    errors: &mut Vec<FieldError>,
) -> Option<Box<Combinations>> {
    let mut list = |name: &str| -> Vec<Schema> {
        let here = Trail::Field(at, name);
        let schemas = body.get(name).and_then(Value::as_array).into_iter().flatten();
        schemas.enumerate().map(|(index, body)| part(body, &Trail::Index(&here, index), errors)).collect()
    };
    let (all_of, any_of, one_of) = (list("allOf"), list("anyOf"), list("oneOf"));
    let not = body.get("not").map(|body| part(body, &Trail::Field(at, "not"), errors));
    let found = !all_of.is_empty() || !any_of.is_empty() || !one_of.is_empty() || not.is_some();
    found.then(|| Box::new(Combinations { all_of, any_of, one_of, not }))
}

/// A schema inside a combination: it adds conditions to fields that are declared outside and declares none itself.
fn part(body: &Value, at: &Trail<'_>, errors: &mut Vec<FieldError>) -> Schema {
    // What is not mentioned may be there, `null` included: only what is said binds.
    let mut schema = Schema { preserve_unknown: true, ..Schema::of(Type::Any) };
    let Some(body) = body.as_object() else {
        errors.push(FieldError::of(
            at.path(),
            Refusal::TypeInvalid,
            body,
            "must be a JSON schema (an object)",
        ));
        return schema;
    };
    schema.type_ = type_of_part(body);
    read(body, &mut schema, at, errors);
    let properties = Trail::Field(at, "properties");
    for (name, property) in body.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let property = part(property, &Trail::Key(&properties, name), errors);
        schema.properties.insert(name.as_str().into(), Arc::new(property));
    }
    schema.items = body.get("items").map(|items| Arc::new(part(items, &Trail::Field(at, "items"), errors)));
    schema.values = body
        .get("additionalProperties")
        .filter(|values| values.is_object())
        .map(|values| Arc::new(part(values, &Trail::Field(at, "additionalProperties"), errors)));
    schema
}

/// Only the two types of an int-or-string are permitted here; others would be of no effect and are ignored.
fn type_of_part(body: &Map<String, Value>) -> Type {
    match body.get("type").and_then(Value::as_str) {
        Some("integer") => Type::Integer,
        Some("string") => Type::String,
        _ => Type::Any,
    }
}
