//! `selectableFields`: fields by which objects can be selected.

use std::collections::BTreeSet;
use std::sync::Arc;

use bythos_schema::{FieldError, Refusal, Schema, Step, Type};
use serde_json::Value;

use crate::spot::Spot;

/// More would make lists and watches slow.
const COUNT_MAX: usize = 8;

pub(super) fn check(fields: &Spot<'_, '_>, schema: &Schema, errors: &mut Vec<FieldError>) {
    let schema = Arc::new(schema.clone());
    let mut known = BTreeSet::new();
    for field in fields.items() {
        let path = field.field("jsonPath");
        if path.is_empty() {
            errors.push(path.required(""));
            continue;
        }
        let found = match path.text() {
            text if text.contains('[') => Err("array notation is not allowed".to_owned()),
            text => bythos_cel::declared_path(text, &schema),
        };
        match found {
            Err(words) => errors.push(path.invalid(format!("is an invalid path: {words}"))),
            Ok((place, _)) if place.steps().first() == Some(&Step::Field("metadata".into())) => {
                errors.push(path.invalid("must not point to fields in metadata"));
            }
            Ok((_, declared)) if !matches!(declared.type_, Type::String | Type::Boolean | Type::Integer) => {
                errors.push(path.invalid(
                    "must point to a field of type string, boolean or integer. Enum string fields and strings with \
                     formats are allowed.",
                ));
            }
            Ok(_) if !known.insert(path.text()) => errors.push(path.duplicate()),
            Ok(_) => {}
        }
    }
    if known.len() > COUNT_MAX {
        let detail = format!("must have at most {COUNT_MAX} items");
        errors.push(FieldError::of(fields.path(), Refusal::TooMany, &Value::from(known.len()), detail));
    }
}
