//! Laying an applied object over a live one.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bythos_schema::Schema;
use serde_json::{Map, Value};

use crate::field_set::Element;
use crate::shape::{Shape, field_schema, identity, item_schema};

/// Both together; where both hold a value, the applied one. Nothing is removed.
pub(crate) fn merge(schema: &Schema, live: Option<&Value>, applied: Option<&Value>) -> Option<Value> {
    let (live_shape, applied_shape) = (Shape::of(schema, live), Shape::of(schema, applied));
    if live_shape.is_hollow() && applied_shape.is_hollow() {
        return applied.or(live).cloned();
    }
    match (live_shape, applied_shape) {
        (_, Shape::Absent) => live.cloned(),
        (Shape::Absent, Shape::Map(Some(_)) | Shape::List(_)) | (_, Shape::Leaf) => applied.cloned(),
        (Shape::Map(live), Shape::Map(applied)) => Some(merge_fields(schema, live, applied)),
        (Shape::List(live), Shape::List(applied)) => Some(merge_items(schema, live, applied)),
        _ => applied.cloned(),
    }
}

fn merge_fields(
    schema: &Schema,
    live: Option<&Map<String, Value>>,
    applied: Option<&Map<String, Value>>,
) -> Value {
    let names: BTreeSet<&String> = live.into_iter().chain(applied).flat_map(Map::keys).collect();
    let fields = names.into_iter().filter_map(|name| {
        let live = live.and_then(|fields| fields.get(name));
        let applied = applied.and_then(|fields| fields.get(name));
        Some((name.clone(), merge(field_schema(schema, name), live, applied)?))
    });
    Value::Object(fields.collect())
}

/// One side of two lists that are merged.
struct Side<'a> {
    /// The items in order, each with what tells it apart.
    items: Vec<(Element, &'a Value)>,
    /// The items by what tells them apart; `None` where several share it.
    by_identity: BTreeMap<Element, Option<&'a Value>>,
}

impl<'a> Side<'a> {
    fn of(schema: &Schema, list: &'a [Value]) -> Self {
        let items: Vec<(Element, &Value)> =
            list.iter().filter_map(|item| Some((identity(schema, item).ok()?, item))).collect();
        let mut by_identity = BTreeMap::new();
        for (element, item) in &items {
            by_identity.entry(element.clone()).and_modify(|only| *only = None).or_insert(Some(*item));
        }
        Side { items, by_identity }
    }

    /// The item, unless several share its identity.
    fn only(&self, element: &Element) -> Option<&'a Value> {
        self.by_identity.get(element).copied().flatten()
    }

    fn holds(&self, element: &Element) -> bool {
        self.by_identity.contains_key(element)
    }
}

/// The order is that of structured-merge-diff: the applied order rules among applied items; live items that are not
/// applied keep their place relative to the shared ones around them; new items come where they are applied.
fn merge_items(schema: &Schema, live: &[Value], applied: &[Value]) -> Value {
    let (live, applied) = (Side::of(schema, live), Side::of(schema, applied));
    let items = item_schema(schema);
    let merged_item = |element: &Element| merge(items, live.only(element), applied.only(element));
    let mut shared: VecDeque<&Element> =
        applied.items.iter().map(|(element, _)| element).filter(|element| live.holds(element)).collect();
    let mut next_shared = shared.pop_front();
    let mut done: BTreeSet<&Element> = BTreeSet::new();
    let mut out: Vec<Value> = Vec::new();
    let (mut live_items, mut applied_items) = (live.items.iter().peekable(), applied.items.iter().peekable());
    loop {
        let here = live_items.peek().map(|(element, _)| element);
        let there = applied_items.peek().map(|(element, _)| element);
        if let (Some(here), Some(there)) = (here, there) {
            if here == there {
                done.insert(here);
                out.extend(merged_item(here));
                live_items.next();
                applied_items.next();
                next_shared = shared.pop_front();
                continue;
            }
            if applied.holds(here) && next_shared.is_some_and(|next| next != here) {
                // A shared item whose turn has not come: the applied order puts it elsewhere.
                live_items.next();
                continue;
            }
        }
        if let Some(here) = here {
            if !applied.holds(here) {
                out.extend(live_items.next().map(|(_, item)| (*item).clone()));
                continue;
            }
            if done.contains(here) {
                live_items.next();
            }
        }
        let Some((element, _)) = applied_items.next() else {
            if live_items.peek().is_none() {
                break;
            }
            continue;
        };
        done.insert(element);
        out.extend(merged_item(element));
        if next_shared == Some(element) {
            next_shared = shared.pop_front();
        }
    }
    Value::Array(out)
}
