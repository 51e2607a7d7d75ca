//! What changed between two objects, as sets of fields.

use std::collections::BTreeMap;

use bythos_schema::Schema;
use serde_json::{Map, Value};

use crate::field_set::{Element, FieldSet, Node};
use crate::shape::{Shape, field_schema, identity, item_schema};

/// The paths that changed. None is in two of the sets.
#[derive(Debug, Default)]
pub(crate) struct Comparison {
    /// Only in the new object.
    pub(crate) added: FieldSet,
    /// Only in the old object.
    pub(crate) removed: FieldSet,
    /// In both, with different values.
    pub(crate) modified: FieldSet,
}

impl Comparison {
    pub(crate) fn of(schema: &Schema, old: &Value, new: &Value) -> Self {
        let change = compare(schema, Some(old), Some(new));
        Comparison {
            added: change.added.below,
            removed: change.removed.below,
            modified: change.modified.below,
        }
    }
}

/// What a comparison says of one path and all below it.
#[derive(Default)]
struct Change {
    added: Node,
    removed: Node,
    modified: Node,
}

impl Change {
    fn put(&mut self, element: &Element, below: Change) {
        self.added.below.put(element.clone(), below.added);
        self.removed.below.put(element.clone(), below.removed);
        self.modified.below.put(element.clone(), below.modified);
    }

    fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.modified.is_empty()
    }

    /// Marks the path itself.
    fn mark(&mut self, old: Option<&Value>, new: Option<&Value>) {
        match (old, new) {
            (None, Some(_)) => self.added.member = true,
            (Some(_), None) => self.removed.member = true,
            (Some(old), Some(new)) => self.modified.member = old != new,
            (None, None) => {}
        }
    }
}

fn compare(schema: &Schema, old: Option<&Value>, new: Option<&Value>) -> Change {
    let mut change = Change::default();
    if old == new {
        return change;
    }
    let (old_shape, new_shape) = (Shape::of(schema, old), Shape::of(schema, new));
    if old_shape.is_hollow() && new_shape.is_hollow() {
        change.mark(old, new);
        return change;
    }
    match (old_shape, new_shape) {
        (Shape::Map(_) | Shape::Absent, Shape::Map(_) | Shape::Absent) => {
            compare_fields(schema, fields(old_shape), fields(new_shape), &mut change);
        }
        (Shape::List(_) | Shape::Absent, Shape::List(_) | Shape::Absent) => {
            compare_items(schema, items(old_shape), items(new_shape), &mut change);
        }
        // One of them is a single value, or the two are of different kinds: the path itself changed, and so did what
        // either holds below it.
        _ => {
            compare_fields(schema, fields(old_shape), None, &mut change);
            compare_fields(schema, None, fields(new_shape), &mut change);
            compare_items(schema, items(old_shape), &[], &mut change);
            compare_items(schema, &[], items(new_shape), &mut change);
            change.mark(old, new);
            return change;
        }
    }
    if old.is_none() || new.is_none() {
        change.mark(old, new);
    }
    change
}

fn fields(shape: Shape<'_>) -> Option<&Map<String, Value>> {
    if let Shape::Map(fields) = shape { fields } else { None }
}

fn items(shape: Shape<'_>) -> &[Value] {
    if let Shape::List(items) = shape { items } else { &[] }
}

fn compare_fields(
    schema: &Schema,
    old: Option<&Map<String, Value>>,
    new: Option<&Map<String, Value>>,
    change: &mut Change,
) {
    for (name, old_value) in old.into_iter().flatten() {
        let new_value = new.and_then(|new| new.get(name));
        compare_field(schema, name, Some(old_value), new_value, change);
    }
    for (name, new_value) in new.into_iter().flatten() {
        if old.is_none_or(|old| !old.contains_key(name)) {
            compare_field(schema, name, None, Some(new_value), change);
        }
    }
}

fn compare_field(schema: &Schema, name: &str, old: Option<&Value>, new: Option<&Value>, change: &mut Change) {
    let below = compare(field_schema(schema, name), old, new);
    if !below.is_empty() {
        change.put(&Element::field(name), below);
    }
}

fn compare_items(schema: &Schema, old: &[Value], new: &[Value], change: &mut Change) {
    let (old, new) = (by_identity(schema, old), by_identity(schema, new));
    for (element, old_items) in &old {
        let new_items = new.get(element).map_or(&[][..], Vec::as_slice);
        change.put(element, compare_namesakes(schema, old_items, new_items));
    }
    for (element, new_items) in new.iter().filter(|(element, _)| !old.contains_key(element)) {
        change.put(element, compare_namesakes(schema, &[], new_items));
    }
}

/// Items by what tells them apart. One that has nothing that does belongs to nobody and is passed over.
fn by_identity<'a>(schema: &Schema, items: &'a [Value]) -> BTreeMap<Element, Vec<&'a Value>> {
    let mut by_identity: BTreeMap<Element, Vec<&Value>> = BTreeMap::new();
    for item in items {
        if let Ok(element) = identity(schema, item) {
            by_identity.entry(element).or_default().push(item);
        }
    }
    by_identity
}

/// Items of the same identity. Several on one side are one value together: they cannot be told apart.
fn compare_namesakes(schema: &Schema, old: &[&Value], new: &[&Value]) -> Change {
    let items = item_schema(schema);
    match (old, new) {
        ([] | [_], [] | [_]) => compare(items, old.first().copied(), new.first().copied()),
        ([_, _, ..], [_, _, ..]) => {
            let mut change = Change::default();
            change.modified.member = old != new;
            change
        }
        ([_, _, ..], _) => {
            let mut change = compare(items, None, new.first().copied());
            change.removed.member = true;
            change
        }
        (_, _) => {
            let mut change = compare(items, old.first().copied(), None);
            change.added.member = true;
            change
        }
    }
}
