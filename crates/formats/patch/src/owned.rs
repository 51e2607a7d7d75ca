//! The fields that an object mentions: what its applier owns.

use std::collections::BTreeMap;

use bythos_schema::{FieldPath, ListType, Schema, Type};
use serde_json::Value;

use crate::PatchError;
use crate::field_set::{Element, FieldSet, Node};
use crate::shape::{Shape, field_schema, identity, item_schema};

/// Every leaf and every list item that the value holds.
pub(crate) fn owned_fields(schema: &Schema, value: &Value) -> FieldSet {
    owned(schema, value).below
}

fn owned(schema: &Schema, value: &Value) -> Node {
    match Shape::of(schema, Some(value)) {
        Shape::Absent | Shape::Leaf => Node::leaf(),
        Shape::Map(fields) => {
            let mut below = FieldSet::default();
            for (name, child) in fields.into_iter().flatten() {
                let mut node = owned(field_schema(schema, name), child);
                let is_hollow = child.is_null() || child.as_object().is_some_and(serde_json::Map::is_empty);
                node.member |= is_hollow || !schema.properties.contains_key(name.as_str());
                below.put(Element::field(name), node);
            }
            Node { member: false, below }
        }
        Shape::List(items) => Node { member: false, below: owned_items(schema, items) },
    }
}

fn owned_items(schema: &Schema, items: &[Value]) -> FieldSet {
    let mut nodes: BTreeMap<Element, Node> = BTreeMap::new();
    for item in items {
        let Ok(element) = identity(schema, item) else { continue };
        nodes
            .entry(element)
            // Items that cannot be told apart are owned as one.
            .and_modify(|namesakes| *namesakes = Node::leaf())
            .or_insert_with(|| Node { member: true, ..owned(item_schema(schema), item) });
    }
    let mut set = FieldSet::default();
    for (element, node) in nodes {
        set.put(element, node);
    }
    set
}

/// What is thought of list items that cannot be told apart.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Namesakes {
    /// Stored objects may hold them: other patches let them through.
    Tolerated,
    /// Applied objects may not.
    Refused,
}

/// Holds that the items of all lists have what tells them apart, without which an object cannot be merged.
///
/// # Errors
/// The first item that lacks its keys or has them in common with another.
pub(crate) fn check_items(
    schema: &Schema,
    value: &Value,
    namesakes: Namesakes,
    at: &FieldPath,
) -> Result<(), PatchError> {
    match Shape::of(schema, Some(value)) {
        Shape::Absent | Shape::Leaf => Ok(()),
        Shape::Map(fields) => fields.into_iter().flatten().try_for_each(|(name, child)| {
            check_items(field_schema(schema, name), child, namesakes, &at.field(name))
        }),
        Shape::List(items) => {
            let mut seen = BTreeMap::new();
            for (index, item) in items.iter().enumerate() {
                let here = at.index(index);
                let element = identity(schema, item).map_err(|message| PatchError::new(&here, message))?;
                match seen.insert(element, index) {
                    Some(first) if namesakes == Namesakes::Refused => {
                        return Err(PatchError::new(&here, format!("has the same keys as item {first}")));
                    }
                    _ => check_items(item_schema(schema), item, namesakes, &here)?,
                }
            }
            Ok(())
        }
    }
}

/// The set with every declared field above its paths added, so that removing all that somebody owned in an object
/// removes the object too.
pub(crate) fn with_named_fields(set: &FieldSet, schema: &Schema) -> FieldSet {
    let mut named = FieldSet::default();
    for (element, node) in set.nodes() {
        let (declared, below_schema) = match element {
            Element::Field(name) => (schema.properties.contains_key(&**name), field_schema(schema, name)),
            _ => (false, item_schema(schema)),
        };
        let below = with_named_fields(&node.below, below_schema);
        named.put(element.clone(), Node { member: node.member || declared, below });
    }
    named
}

/// The set as it would be had it been written with this schema: what has become one value since is owned as one.
pub(crate) fn in_terms_of(set: &FieldSet, schema: &Schema) -> FieldSet {
    let mut current = FieldSet::default();
    for (element, node) in set.nodes() {
        let below_schema = match element {
            Element::Field(name) => field_schema(schema, name),
            _ => item_schema(schema),
        };
        let node = if !node.below.is_empty() && is_one_value(below_schema) {
            Node::leaf()
        } else {
            Node { member: node.member, below: in_terms_of(&node.below, below_schema) }
        };
        current.put(element.clone(), node);
    }
    current
}

fn is_one_value(schema: &Schema) -> bool {
    match schema.type_ {
        Type::Object => schema.atomic_map,
        Type::Array => schema.list_type == ListType::Atomic,
        _ => false,
    }
}
