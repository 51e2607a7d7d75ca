//! Keywords of JSON Schema that a structural schema may not use.

use serde_json::{Map, Value};

use super::is_true;
use crate::FieldError;
use crate::path::Trail;

const FORBIDDEN: &[&str] = &[
    "$ref",
    "additionalItems",
    "definitions",
    "dependencies",
    "deprecated",
    "discriminator",
    "id",
    "patternProperties",
    "readOnly",
    "writeOnly",
    "xml",
];

pub(super) fn forbidden(body: &Map<String, Value>, at: &Trail<'_>) -> Vec<FieldError> {
    let refuse = |name: &str, detail: String| FieldError::forbidden(Trail::Field(at, name).path(), detail);
    let mut errors: Vec<FieldError> = FORBIDDEN
        .iter()
        .filter(|name| body.contains_key(**name))
        .map(|name| refuse(name, format!("{name} is not supported")))
        .collect();
    if is_true(body, "uniqueItems") {
        let detail = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
        errors.push(refuse("uniqueItems", detail.to_owned()));
    }
    if body.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(false)) {
        errors.push(refuse("x-kubernetes-preserve-unknown-fields", "must be true or undefined".to_owned()));
    }
    errors
}
