//! `x-kubernetes-list-type` and its keys.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{is_atomic_list, is_scalar};
use crate::path::Trail;
use crate::{FieldError, ListType, Refusal, Schema, Type};

const LIST_TYPE: &str = "x-kubernetes-list-type";
const MAP_KEYS: &str = "x-kubernetes-list-map-keys";

pub(super) fn read(
    body: &Map<String, Value>,
    schema: &mut Schema,
    at: &Trail<'_>,
    errors: &mut Vec<FieldError>,
) {
    let keys = body.get(MAP_KEYS).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let keys: Vec<Arc<str>> = keys.iter().filter_map(Value::as_str).map(Into::into).collect();
    let list_type = body.get(LIST_TYPE).and_then(Value::as_str);
    if list_type.is_some() && schema.type_ != Type::Array {
        let here = Trail::Field(at, "type");
        errors.push(FieldError::required(here.path(), format!("must be array if {LIST_TYPE} is specified")));
        return;
    }
    if list_type != Some("map") && !keys.is_empty() {
        let here = Trail::Field(at, MAP_KEYS);
        errors.push(FieldError::forbidden(here.path(), format!("must be empty unless {LIST_TYPE} is map")));
    }
    match list_type {
        None | Some("atomic") => {}
        Some("set") => {
            check_set_items(schema, at, errors);
            schema.list_type = ListType::Set;
            check_nullable(schema, "set", at, errors);
        }
        Some("map") => {
            check_map_keys(schema, &keys, at, errors);
            schema.list_type = ListType::Map(keys);
            check_nullable(schema, "map", at, errors);
        }
        Some(other) => {
            let here = Trail::Field(at, LIST_TYPE);
            let detail = r#"supported values: "atomic", "map", "set""#;
            errors.push(FieldError::of(here.path(), Refusal::NotSupported, &Value::from(other), detail));
        }
    }
}

/// An item of a set or of a keyed list is always there, and so are its keys.
fn check_nullable(schema: &Schema, list_type: &str, at: &Trail<'_>, errors: &mut Vec<FieldError>) {
    let Some(items) = &schema.items else { return };
    let items_at = Trail::Field(at, "items");
    if items.nullable {
        let detail = format!("cannot be nullable when {LIST_TYPE} is {list_type}");
        errors.push(FieldError::forbidden(Trail::Field(&items_at, "nullable").path(), detail));
    }
    let ListType::Map(keys) = &schema.list_type else { return };
    let properties = Trail::Field(&items_at, "properties");
    for (index, key) in keys.iter().enumerate() {
        if items.properties.get(key).is_some_and(|field| field.nullable) {
            let detail = format!("this property is in {MAP_KEYS}, so it cannot be nullable");
            let here = Trail::Key(&properties, key);
            errors.push(FieldError::forbidden(Trail::Field(&here, "nullable").path(), detail));
        }
        if keys.iter().take(index).any(|earlier| earlier == key) {
            let here = Trail::Field(at, MAP_KEYS);
            let found = Value::from(&**key);
            errors.push(FieldError::of(
                here.path(),
                Refusal::Invalid,
                &found,
                "must not contain duplicate entries",
            ));
        }
    }
}

fn check_set_items(schema: &Schema, at: &Trail<'_>, errors: &mut Vec<FieldError>) {
    let Some(items) = &schema.items else { return };
    if !is_scalar(items) && !items.atomic_map && !is_atomic_list(items) {
        let here = Trail::Field(at, "items");
        let detail =
            format!("must be a scalar, an atomic list or an atomic map in a list of {LIST_TYPE} set");
        errors.push(FieldError::forbidden(here.path(), detail));
    }
}

fn check_map_keys(schema: &Schema, keys: &[Arc<str>], at: &Trail<'_>, errors: &mut Vec<FieldError>) {
    if keys.is_empty() {
        let here = Trail::Field(at, MAP_KEYS);
        errors.push(FieldError::required(here.path(), format!("must not be empty if {LIST_TYPE} is map")));
    }
    let Some(items) = &schema.items else { return };
    let items_at = Trail::Field(at, "items");
    if items.type_ != Type::Object {
        let here = Trail::Field(&items_at, "type");
        errors.push(FieldError::required(here.path(), format!("must be object if {LIST_TYPE} is map")));
        return;
    }
    for key in keys {
        let properties = Trail::Field(&items_at, "properties");
        let here = Trail::Key(&properties, key);
        match items.properties.get(key) {
            None => errors.push(FieldError::required(
                here.path(),
                format!("must be declared: it is one of {MAP_KEYS}"),
            )),
            Some(field) if !is_scalar(field) => {
                errors.push(FieldError::forbidden(
                    here.path(),
                    format!("must be a scalar: it is one of {MAP_KEYS}"),
                ));
            }
            Some(field) if field.default.is_none() && !items.required.contains(key) => {
                let detail = format!("must have a default or be required: it is one of {MAP_KEYS}");
                errors.push(FieldError::required(here.path(), detail));
            }
            Some(_) => {}
        }
    }
}
