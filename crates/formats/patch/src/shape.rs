//! How a value is taken apart: the one place where a schema decides what is merged and what is one value.

use bythos_schema::{ListType, Schema, Type};
use serde_json::{Map, Value};

use crate::field_set::Element;

/// A value as its schema sees it.
#[derive(Clone, Copy)]
pub(crate) enum Shape<'a> {
    /// Not there.
    Absent,
    /// One value: a scalar, an atomic list or map, or something that is not of its schema's type.
    Leaf,
    /// Merged field by field; `None` for `null`.
    Map(Option<&'a Map<String, Value>>),
    /// Merged item by item; empty for `null`.
    List(&'a [Value]),
}

impl<'a> Shape<'a> {
    pub(crate) fn of(schema: &Schema, value: Option<&'a Value>) -> Self {
        match (value, schema.type_) {
            (None, _) => Shape::Absent,
            (Some(_), Type::Object) if schema.atomic_map => Shape::Leaf,
            (Some(Value::Null), Type::Object) => Shape::Map(None),
            (Some(Value::Object(fields)), Type::Object | Type::Any) => Shape::Map(Some(fields)),
            (Some(_), Type::Array) if schema.list_type == ListType::Atomic => Shape::Leaf,
            (Some(Value::Null), Type::Array) => Shape::List(&[]),
            (Some(Value::Array(items)), Type::Array) => Shape::List(items),
            (Some(_), _) => Shape::Leaf,
        }
    }

    /// Whether there is nothing to descend into.
    pub(crate) fn is_hollow(self) -> bool {
        match self {
            Shape::Absent => true,
            Shape::Leaf => false,
            Shape::Map(fields) => fields.is_none_or(Map::is_empty),
            Shape::List(items) => items.is_empty(),
        }
    }
}

/// The schema below a field: declared, of a map's values, or of what nobody described.
pub(crate) fn field_schema<'a>(schema: &'a Schema, name: &str) -> &'a Schema {
    schema.field(name).map_or_else(|| &**Schema::anything(), |field| &**field)
}

/// The schema of a list's items.
pub(crate) fn item_schema(schema: &Schema) -> &Schema {
    schema.items.as_ref().map_or_else(|| &**Schema::anything(), |items| &**items)
}

/// What tells an item of a set or a keyed list from the others.
///
/// # Errors
/// The item has nothing that does, in words.
pub(crate) fn identity(list: &Schema, item: &Value) -> Result<Element, String> {
    let ListType::Map(keys) = &list.list_type else { return set_identity(item) };
    let fields = item.as_object().ok_or_else(|| format!("expected an object, found {item}"))?;
    let items = item_schema(list);
    let default = |key: &str| items.field(key).and_then(|field| field.default.as_ref());
    let given: Vec<(&str, &Value)> =
        keys.iter().filter_map(|key| Some((&**key, fields.get(&**key).or_else(|| default(key))?))).collect();
    if given.is_empty() {
        return Err(format!("has none of the keys that tell items apart: {}", keys.join(", ")));
    }
    Ok(Element::item(given.into_iter()))
}

fn set_identity(item: &Value) -> Result<Element, String> {
    match item {
        Value::Null | Value::Array(_) | Value::Object(_) => {
            Err(format!("expected a scalar in a set, found {item}"))
        }
        scalar => Ok(Element::value(scalar)),
    }
}
