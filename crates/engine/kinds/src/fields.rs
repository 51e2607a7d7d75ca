//! Reading and filling fields of an object whose shape the schema has been held against, and reading safely where
//! it has not: what is absent or of another type reads as empty.

use serde_json::{Map, Value};

/// The text at a path such as `spec.nodeName`; empty if there is none.
pub(crate) fn text<'a>(object: &'a Value, path: &str) -> &'a str {
    at(object, path).as_str().unwrap_or_default()
}

/// The number at a path; `None` if there is none.
pub(crate) fn integer(object: &Value, path: &str) -> Option<i64> {
    at(object, path).as_i64()
}

/// The items of the list at a path; empty if there is none.
pub(crate) fn items<'a>(object: &'a Value, path: &str) -> &'a [Value] {
    at(object, path).as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The entries of the map at a path, in their order; none if there is no map.
pub(crate) fn entries<'a>(object: &'a Value, path: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    at(object, path).as_object().into_iter().flatten()
}

/// The value at a path such as `spec.template`, `null` if there is none. Keys that contain dots cannot be named.
pub(crate) fn at<'a>(object: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(object, |value, field| &value[field])
}

/// Whether upstream would see nothing there: absent, `null` or an empty string.
pub(crate) fn is_unset(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(_) => false,
    }
}

/// The object in `field`, made if nothing is there; `None` if something else is there.
pub(crate) fn object_in<'a>(parent: &'a mut Value, field: &str) -> Option<&'a mut Map<String, Value>> {
    let slot = parent.as_object_mut()?.entry(field).or_insert(Value::Null);
    if slot.is_null() {
        *slot = Value::Object(Map::new());
    }
    slot.as_object_mut()
}

/// As [`object_in`], but as a value.
pub(crate) fn make_object<'a>(parent: &'a mut Value, field: &str) -> Option<&'a mut Value> {
    object_in(parent, field)?;
    parent.get_mut(field)
}

/// The items in `field`, to be changed in place; none if there is no list.
pub(crate) fn items_in<'a>(parent: &'a mut Value, field: &str) -> impl Iterator<Item = &'a mut Value> {
    parent.get_mut(field).and_then(Value::as_array_mut).into_iter().flatten()
}

/// Sets `field` of an object if nothing is there.
pub(crate) fn fill(object: &mut Value, field: &str, value: impl Into<Value>) {
    if let Value::Object(fields) = object
        && is_unset(fields.get(field))
    {
        fields.insert(field.to_owned(), value.into());
    }
}

/// As [`fill`], for numbers for which upstream cannot tell 0 from nothing.
pub(crate) fn fill_zero(object: &mut Value, field: &str, value: i64) {
    if let Value::Object(fields) = object
        && (is_unset(fields.get(field)) || fields.get(field).and_then(Value::as_i64) == Some(0))
    {
        fields.insert(field.to_owned(), value.into());
    }
}
