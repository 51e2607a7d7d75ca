//! Numbers, lengths, patterns and formats.

use serde_json::Value;

use super::{format, in_body};
use crate::path::Trail;
use crate::{Bounds, FieldError, Refusal};

pub(super) fn check(bounds: &Bounds, value: &Value, at: &Trail<'_>, errors: &mut Vec<FieldError>) {
    match value {
        Value::Number(number) => check_number(bounds, number.as_f64().unwrap_or(f64::NAN), value, at, errors),
        Value::String(text) => check_text(bounds, text, value, at, errors),
        Value::Array(items) => {
            let sizes = (bounds.min_items, bounds.max_items);
            check_count("items", items.len(), sizes, value, at, errors);
        }
        Value::Object(fields) => {
            let sizes = (bounds.min_properties, bounds.max_properties);
            check_count("properties", fields.len(), sizes, value, at, errors);
        }
        _ => {}
    }
    if let Some(expected) = bounds.format.as_deref().filter(|name| !format::matches(name, value)) {
        errors.push(invalid(at, value, &format!("must be of type {expected}: {value}")));
    }
}

fn invalid(at: &Trail<'_>, value: &Value, rule: &str) -> FieldError {
    let path = at.path();
    let detail = format!("{} {rule}", in_body(&path));
    FieldError::of(path, Refusal::Invalid, value, detail)
}

fn check_number(bounds: &Bounds, number: f64, value: &Value, at: &Trail<'_>, errors: &mut Vec<FieldError>) {
    if let Some(least) = bounds.minimum {
        if bounds.exclusive_minimum && number <= least {
            errors.push(invalid(at, value, &format!("should be greater than {least}")));
        } else if number < least {
            errors.push(invalid(at, value, &format!("should be greater than or equal to {least}")));
        }
    }
    if let Some(most) = bounds.maximum {
        if bounds.exclusive_maximum && number >= most {
            errors.push(invalid(at, value, &format!("should be less than {most}")));
        } else if number > most {
            errors.push(invalid(at, value, &format!("should be less than or equal to {most}")));
        }
    }
    if let Some(factor) = bounds.multiple_of
        && (number / factor).fract() != 0.0
    {
        errors.push(invalid(at, value, &format!("should be a multiple of {factor}")));
    }
}

fn check_text(bounds: &Bounds, text: &str, value: &Value, at: &Trail<'_>, errors: &mut Vec<FieldError>) {
    let length = text.chars().count();
    if let Some(least) = bounds.min_length.filter(|least| length < *least) {
        errors.push(invalid(at, value, &format!("should be at least {least} chars long")));
    }
    if let Some(most) = bounds.max_length.filter(|most| length > *most) {
        let detail = format!("may not be more than {most} bytes");
        errors.push(FieldError { path: at.path(), refusal: Refusal::TooLong, value: None, detail });
    }
    if let Some(pattern) = bounds.pattern.as_ref().filter(|pattern| !pattern.is_match(text)) {
        errors.push(invalid(at, value, &format!("should match '{pattern}'")));
    }
}

fn check_count(
    what: &str,
    count: usize,
    (least, most): (Option<usize>, Option<usize>),
    value: &Value,
    at: &Trail<'_>,
    errors: &mut Vec<FieldError>,
) {
    if let Some(least) = least.filter(|least| count < *least) {
        errors.push(invalid(at, value, &format!("should have at least {least} {what}")));
    }
    if let Some(most) = most.filter(|most| count > *most) {
        let detail = format!("must have at most {most} {what}");
        errors.push(FieldError::of(at.path(), Refusal::TooMany, &Value::from(count), detail));
    }
}
