//! Reading and writing what all objects share: their metadata.

use serde_json::{Map, Value};

/// The time stamp of now as metadata has it: RFC 3339, whole seconds, `Z`.
pub(crate) fn now() -> String {
    timestamp(jiff::Timestamp::now())
}

/// A time stamp as metadata has it: RFC 3339, whole seconds, `Z`.
pub(crate) fn timestamp(time: jiff::Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A field of `metadata`, if it is a string that is not empty.
pub(crate) fn meta<'a>(object: &'a Value, field: &str) -> Option<&'a str> {
    object.get("metadata")?.get(field)?.as_str().filter(|text| !text.is_empty())
}

/// `metadata.name`, or an empty string.
pub(crate) fn name(object: &Value) -> &str {
    meta(object, "name").unwrap_or_default()
}

/// `metadata`, made if it is not there.
pub(crate) fn meta_mut(object: &mut Value) -> &mut Map<String, Value> {
    field_mut(object, "metadata")
}

/// A field that holds an object, made if it is not there.
pub(crate) fn field_mut<'a>(object: &'a mut Value, field: &str) -> &'a mut Map<String, Value> {
    let entry = fields_mut(object).entry(field).or_insert(Value::Null);
    fields_mut(entry)
}

/// The value as an object; what was no object is replaced by an empty one.
pub(crate) fn fields_mut(value: &mut Value) -> &mut Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        other => {
            *other = Value::Object(Map::new());
            fields_mut(other)
        }
    }
}

/// Sets a field of `metadata`, or removes it if there is no value.
pub(crate) fn set_meta(object: &mut Value, field: &str, value: Option<Value>) {
    match value {
        Some(value) => {
            meta_mut(object).insert(field.to_owned(), value);
        }
        None => {
            meta_mut(object).remove(field);
        }
    }
}

/// Sets a top-level field, or removes it if there is no value.
pub(crate) fn set_field(object: &mut Value, field: &str, value: Option<Value>) {
    match value {
        Some(value) => {
            fields_mut(object).insert(field.to_owned(), value);
        }
        None => {
            fields_mut(object).remove(field);
        }
    }
}

/// `metadata.finalizers`.
pub(crate) fn finalizers(object: &Value) -> Vec<&str> {
    strings(object.pointer("/metadata/finalizers"))
}

/// The strings of a list; nothing if there is no list.
pub(crate) fn strings(list: Option<&Value>) -> Vec<&str> {
    list.and_then(Value::as_array)
        .map(|items| items.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default()
}

/// Whether its deletion has begun.
pub(crate) fn is_ending(object: &Value) -> bool {
    meta(object, "deletionTimestamp").is_some()
}

/// A string at a JSON pointer, if it is not empty.
pub(crate) fn text_at<'a>(object: &'a Value, pointer: &str) -> Option<&'a str> {
    object.pointer(pointer)?.as_str().filter(|text| !text.is_empty())
}
