//! Taking owned fields out of an object.

use bythos_schema::Schema;
use serde_json::Value;

use crate::field_set::{Element, FieldSet};
use crate::shape::{Shape, field_schema, identity, item_schema};

/// The object without the paths of the set. An object or list that loses all it held stays, empty, unless its own path
/// is in the set: then somebody owns that it is there.
pub(crate) fn without(schema: &Schema, value: &Value, paths: &FieldSet) -> Value {
    match Shape::of(schema, Some(value)) {
        Shape::Map(Some(fields)) => {
            let kept = fields.iter().filter_map(|(name, child)| {
                let child = without_at(field_schema(schema, name), child, paths, &Element::field(name))?;
                Some((name.clone(), child))
            });
            Value::Object(kept.collect())
        }
        Shape::List(items) if !value.is_null() => {
            let kept = items.iter().filter_map(|item| match identity(schema, item) {
                Ok(element) => without_at(item_schema(schema), item, paths, &element),
                Err(_) => Some(item.clone()),
            });
            Value::Array(kept.collect())
        }
        Shape::Absent | Shape::Leaf | Shape::Map(None) | Shape::List(_) => value.clone(),
    }
}

/// `None` if the value itself goes.
fn without_at(schema: &Schema, value: &Value, paths: &FieldSet, element: &Element) -> Option<Value> {
    match paths.get(element) {
        None => Some(value.clone()),
        Some(node) if node.member => None,
        Some(node) => Some(without(schema, value, &node.below)),
    }
}
