//! Kubernetes' strategic merge patch: a merge patch whose lists merge by the keys that the schema names.
//!
//! Documented upstream in "Update API Objects in Place Using kubectl patch" and in the design proposals
//! `strategic-merge-patch.md` and `preserve-order-in-strategic-merge-patch.md`.

use bythos_schema::{FieldPath, PatchStrategy, Schema};
use serde_json::{Map, Value};

use crate::PatchError;
use crate::shape::{field_schema, item_schema};

mod directives;
mod lists;
mod order;

use directives::{Mode, PatchObject, plain};

/// Kubernetes' strategic merge patch, with its directives (`$patch`, `$deleteFromPrimitiveList/...`,
/// `$setElementOrder/...`, `$retainKeys`).
///
/// # Errors
/// A directive is malformed, or an item lacks its merge key. The target is then as it was.
pub fn strategic_merge(target: &mut Value, patch: &Value, schema: &Schema) -> Result<(), PatchError> {
    let root = FieldPath::root();
    let patch = patch
        .as_object()
        .ok_or_else(|| PatchError::new("patch", format!("expected an object, found {patch}")))?;
    let nothing = Map::new();
    let merged = merge_object(target.as_object().unwrap_or(&nothing), patch, schema, &root)?;
    *target = Value::Object(merged);
    Ok(())
}

type Object = Map<String, Value>;

fn merge_object(
    original: &Object,
    patch: &Object,
    schema: &Schema,
    at: &FieldPath,
) -> Result<Object, PatchError> {
    let patch = PatchObject::parse(patch, at)?;
    match patch.mode {
        Mode::Delete => return Ok(Object::new()),
        Mode::Replace => return Ok(patch.plain_fields()),
        Mode::Merge => {}
    }
    let mut merged = original.clone();
    if let Some(kept) = &patch.retain_keys {
        merged.retain(|name, _| kept.contains(name.as_str()));
    }
    for (name, deleted) in &patch.deletions {
        if let Some(Value::Array(list)) = merged.get_mut(*name) {
            lists::delete_scalars(list, deleted);
        }
    }
    for (name, value) in &patch.fields {
        let order = patch.orders.get(name).copied();
        let here = at.field(name);
        match merge_field(merged.get(*name), value, order, field_schema(schema, name), &here)? {
            Some(value) => merged.insert((*name).to_owned(), value),
            None => merged.remove(*name),
        };
    }
    for (name, order) in patch.orders.iter().filter(|(name, _)| !patch.fields.contains_key(*name)) {
        if let Some(Value::Array(list)) = merged.get(*name) {
            let ordered = lists::reorder(list, order, field_schema(schema, name));
            merged.insert((*name).to_owned(), Value::Array(ordered));
        }
    }
    Ok(merged)
}

/// `None` removes the field.
fn merge_field(
    original: Option<&Value>,
    patch: &Value,
    order: Option<&[Value]>,
    schema: &Schema,
    at: &FieldPath,
) -> Result<Option<Value>, PatchError> {
    match (original, patch) {
        (_, Value::Null) => Ok(None),
        (Some(Value::Object(original)), Value::Object(patch)) if !schema.patch_replaces_object => {
            Ok(Some(Value::Object(merge_object(original, patch, schema, at)?)))
        }
        (original, Value::Array(patch)) if schema.patch_strategy != PatchStrategy::Replace => {
            let original = original.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            lists::merge(original, patch, order, schema, at).map(|list| Some(Value::Array(list)))
        }
        (_, patch) => Ok(plain(patch)),
    }
}

/// An item of a keyed list, laid over the one that is there.
fn merge_item(original: &Value, patch: &Value, list: &Schema, at: &FieldPath) -> Result<Value, PatchError> {
    let merged = merge_field(Some(original), patch, None, item_schema(list), at)?;
    Ok(merged.unwrap_or(Value::Null))
}

#[cfg(test)]
mod tests;
