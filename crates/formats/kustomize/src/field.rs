//! Walks to fields of an object along a [`FieldSpec`].

use serde_json::{Map, Value};

use crate::config::{FieldSpec, Step};
use crate::reader::kind_of;
use crate::resource::Resource;

/// What is made where a field is missing and the specification says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    Skip,
    MakeText,
    MakeMap,
}

/// Calls `change` for every value that the specification means. The error says what stood in the way, and where.
pub(crate) fn visit(
    resource: &mut Resource,
    spec: &FieldSpec,
    missing: Missing,
    change: &mut dyn FnMut(&mut Value) -> Result<(), String>,
) -> Result<(), String> {
    if !spec.gvk.selects(resource.group(), resource.version(), resource.kind()) {
        return Ok(());
    }
    let missing = if spec.create { missing } else { Missing::Skip };
    let walked = walk(&mut resource.value, &spec.steps, missing, change);
    walked.map_err(|message| format!("{}: field {}: {message}", resource.label(), spec.path))
}

fn walk(
    value: &mut Value,
    steps: &[Step],
    missing: Missing,
    change: &mut dyn FnMut(&mut Value) -> Result<(), String>,
) -> Result<(), String> {
    let Some((step, rest)) = steps.split_first() else { return change(value) };
    match value {
        Value::Null => Ok(()),
        Value::Array(items) => items.iter_mut().try_for_each(|item| walk(item, steps, missing, change)),
        Value::Object(map) => {
            let Some(child) = child(map, step, rest.is_empty(), missing)? else { return Ok(()) };
            walk(child, rest, missing, change)
        }
        scalar => Err(format!("expected a map or a list around {:?}, found {}", step.name, kind_of(scalar))),
    }
}

fn child<'a>(
    map: &'a mut Map<String, Value>,
    step: &Step,
    is_last: bool,
    missing: Missing,
) -> Result<Option<&'a mut Value>, String> {
    if step.name.is_empty() {
        return Err("a part of the path is empty".to_owned());
    }
    if missing == Missing::Skip || step.is_list {
        let child = map.get_mut(&step.name);
        return Ok(child.map(|child| {
            if step.is_list && child.is_null() {
                *child = Value::Array(Vec::new());
            }
            child
        }));
    }
    let child = map.entry(step.name.as_str()).or_insert(Value::Null);
    if child.is_null() {
        let text = is_last && missing == Missing::MakeText;
        *child = if text { Value::String(String::new()) } else { Value::Object(Map::new()) };
    }
    Ok(Some(child))
}

/// The text of a scalar as it would be written; empty for what is no scalar.
pub(crate) fn scalar_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "null".to_owned(),
        Value::Bool(_) | Value::Number(_) => bythos_yaml::to_string(value).trim_end().to_owned(),
        Value::Array(_) | Value::Object(_) => String::new(),
    }
}

/// Puts a text in place of a scalar.
pub(crate) fn set_text(found: &mut Value, text: &str) -> Result<(), String> {
    if found.is_array() || found.is_object() {
        return Err(format!("expected a scalar to replace by {text:?}, found {}", kind_of(found)));
    }
    *found = Value::String(text.to_owned());
    Ok(())
}
