//! Holding a value against its schema, with the texts that upstream's API server gives.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::path::Trail;
use crate::{FieldError, FieldPath, ListType, Refusal, Schema, Type};

mod bounds;
mod format;
mod ratchet;

pub use ratchet::Counterparts;

impl Schema {
    /// Everything that is wrong with types, required fields, bounds, enumerations and duplicate keys of lists.
    ///
    /// Unknown fields are no error here: [`Schema::prune`] finds them.
    pub fn validate(&self, value: &Value) -> Vec<FieldError> {
        let mut errors = Vec::new();
        check(self, value, &Trail::Root, &mut errors);
        errors
    }

    /// [`Schema::validate`] of an update: what was wrong before and has not changed is no error, as upstream has it, so
    /// that a stricter schema does not hold up those who change something else.
    pub fn validate_change(&self, old: &Value, new: &Value) -> Vec<FieldError> {
        const COMPARED_MAX: usize = 100;
        let mut errors = self.validate(new);
        // Each is looked up in both objects. Where there are so many, all of them are told.
        if errors.len() > COMPARED_MAX {
            return errors;
        }
        errors.retain(|error| !ratchet::is_unchanged(self, old, new, &error.path));
        errors
    }

    fn accepts(&self, value: &Value, at: &Trail<'_>) -> bool {
        let mut errors = Vec::new();
        check(self, value, at, &mut errors);
        errors.is_empty()
    }
}

fn check(schema: &Schema, value: &Value, at: &Trail<'_>, errors: &mut Vec<FieldError>) {
    if value.is_null() && schema.nullable {
        return;
    }
    if let Some(expected) = type_mismatch(schema, value) {
        errors.push(wrong_type(at.path(), value, expected));
        return;
    }
    check_enumeration(schema, value, at, errors);
    bounds::check(&schema.bounds, value, at, errors);
    check_combinations(schema, value, at, errors);
    match value {
        Value::Object(fields) => {
            check_required(schema, value, at, errors);
            for (name, child) in fields {
                check_field(schema, name, child, at, errors);
            }
        }
        Value::Array(items) => {
            check_duplicates(schema, items, at, errors);
            let Some(item_schema) = &schema.items else { return };
            for (index, item) in items.iter().enumerate() {
                check(item_schema, item, &Trail::Index(at, index), errors);
            }
        }
        _ => {}
    }
}

fn check_field(schema: &Schema, name: &str, value: &Value, at: &Trail<'_>, errors: &mut Vec<FieldError>) {
    if let Some(known) = schema.properties.get(name) {
        check(known, value, &Trail::Field(at, name), errors);
    } else if let Some(known) = &schema.values {
        check(known, value, &Trail::Key(at, name), errors);
    }
}

/// The name of the expected type, if the value is not of it.
fn type_mismatch(schema: &Schema, value: &Value) -> Option<&'static str> {
    let (matches, expected) = match schema.type_ {
        Type::Object => (value.is_object(), "object"),
        Type::Array => (value.is_array(), "array"),
        Type::String => (value.is_string(), "string"),
        Type::Integer => (is_whole(value), "integer"),
        Type::Number => (value.is_number(), "number"),
        Type::Boolean => (value.is_boolean(), "boolean"),
        Type::IntOrString if schema.bounds.format.as_deref() == Some(format::QUANTITY) => {
            (value.is_string() || value.is_number(), "quantity (a string or a number)")
        }
        Type::IntOrString => (value.is_string() || is_whole(value), "integer or string"),
        Type::Any => return None,
    };
    (!matches).then_some(expected)
}

/// How upstream's texts begin. The root has no name of its own.
fn in_body(path: &FieldPath) -> String {
    if path.steps().is_empty() { "the value".to_owned() } else { format!("{path} in body") }
}

fn is_whole(value: &Value) -> bool {
    value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0)
}

fn wrong_type(path: FieldPath, value: &Value, expected: &str) -> FieldError {
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) if is_whole(value) => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let detail = format!("{} must be of type {expected}: {found:?}", in_body(&path));
    FieldError::of(path, Refusal::TypeInvalid, &Value::from(found), detail)
}

fn check_required(schema: &Schema, value: &Value, at: &Trail<'_>, errors: &mut Vec<FieldError>) {
    for name in &schema.required {
        if value.get(&**name).is_none() {
            errors.push(FieldError::required(Trail::Field(at, name).path(), ""));
        }
    }
}

fn check_enumeration(schema: &Schema, value: &Value, at: &Trail<'_>, errors: &mut Vec<FieldError>) {
    if schema.enumeration.is_empty() || schema.enumeration.contains(value) {
        return;
    }
    let supported: Vec<String> = schema.enumeration.iter().map(ToString::to_string).collect();
    let detail = format!("supported values: {}", supported.join(", "));
    errors.push(FieldError::of(at.path(), Refusal::NotSupported, value, detail));
}

fn check_duplicates(schema: &Schema, items: &[Value], at: &Trail<'_>, errors: &mut Vec<FieldError>) {
    if schema.tolerates_duplicates {
        return;
    }
    let mut seen = BTreeSet::new();
    for (index, item) in items.iter().enumerate() {
        let identity = match &schema.list_type {
            ListType::Atomic => return,
            ListType::Set => item.clone(),
            ListType::Map(keys) => keys.iter().map(|key| key_field(schema, item, key)).collect(),
        };
        // The text of a JSON value is a total order; the value itself has none.
        if !seen.insert(identity.to_string()) {
            errors.push(FieldError::of(Trail::Index(at, index).path(), Refusal::Duplicate, &identity, ""));
        }
    }
}

/// A key of a list's item, as a field: given, or by default.
fn key_field(schema: &Schema, item: &Value, key: &str) -> (String, Value) {
    let by_default = || schema.items.as_ref().and_then(|items| items.field(key)?.default.clone());
    let value = item.get(key).cloned().or_else(by_default).unwrap_or_default();
    (key.to_owned(), value)
}

fn check_combinations(schema: &Schema, value: &Value, at: &Trail<'_>, errors: &mut Vec<FieldError>) {
    let Some(combinations) = &schema.combinations else { return };
    let mut refuse = |rule: &str| {
        let path = at.path();
        let detail = format!("{} must validate {rule}", in_body(&path));
        errors.push(FieldError { path, refusal: Refusal::Invalid, value: None, detail });
    };
    let matching = |schemas: &[Schema]| schemas.iter().filter(|schema| schema.accepts(value, at)).count();
    if !combinations.any_of.is_empty() && matching(&combinations.any_of) == 0 {
        refuse("at least one schema (anyOf)");
    }
    if !combinations.one_of.is_empty() && matching(&combinations.one_of) != 1 {
        refuse("one and only one schema (oneOf)");
    }
    if combinations.not.as_ref().is_some_and(|not| not.accepts(value, at)) {
        let path = at.path();
        let detail = format!("{} must not validate the schema (not)", in_body(&path));
        errors.push(FieldError { path, refusal: Refusal::Invalid, value: None, detail });
    }
    for all in &combinations.all_of {
        check(all, value, at, errors);
    }
}

#[cfg(test)]
mod tests;
