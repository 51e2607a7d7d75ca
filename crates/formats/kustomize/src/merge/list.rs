//! Lists that merge: by the keys of their items, or as sets of scalars.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::{DIRECTIVE, Directive, Merged, Shape};
use crate::field::scalar_text;

/// Items of one list that may be merged by several keys: each is held against each.
const ITEMS_OF_SEVERAL_KEYS_MAX: usize = 2_000;

/// The values of an item's keys; empty where it has none.
type Values = Vec<String>;

pub(super) fn walk(there: Option<Value>, patch: Option<Value>, shape: Shape<'_>) -> Result<Merged, String> {
    if patch.as_ref().is_some_and(Value::is_null) {
        return Ok(Merged::Nothing);
    }
    let items = |value: Option<Value>| match value {
        Some(Value::Array(items)) => Some(items),
        _ => None,
    };
    let (there, patch) = (items(there), items(patch));
    let (patch, directive) = match patch {
        Some(patch) => take_directive(patch)?,
        None => (Vec::new(), Directive::Merge),
    };
    match (there, directive) {
        (_, Directive::Delete) => Ok(Merged::Nothing),
        (Some(there), Directive::Merge) => {
            Ok(merged(there, patch, shape)?.map_or(Merged::Nothing, Merged::There))
        }
        (_, _) => Ok(merged(patch.clone(), patch, shape)?.map_or(Merged::Nothing, Merged::Patch)),
    }
}

/// `- $patch: replace` is no item, but speaks of the list.
fn take_directive(mut items: Vec<Value>) -> Result<(Vec<Value>, Directive), String> {
    let speaks = |item: &Value| item.as_object().is_some_and(|map| map.contains_key(DIRECTIVE));
    let Some(first) = items
        .iter()
        .find(|item| speaks(item))
        .filter(|item| item.as_object().is_some_and(|it| it.len() == 1))
    else {
        return Ok((items, Directive::Merge));
    };
    let text = first[DIRECTIVE].clone();
    let directive = Directive::of(&text)?;
    items.retain(|item| item.get(DIRECTIVE) != Some(&text));
    Ok((items, directive))
}

fn merged(there: Vec<Value>, patch: Vec<Value>, shape: Shape<'_>) -> Result<Option<Value>, String> {
    let keys = shape.keys();
    let items = match keys.as_slice() {
        [] => merge_scalars(there, patch),
        [key] => merge_by_key(there, patch, key, shape)?,
        keys if there.len() + patch.len() > ITEMS_OF_SEVERAL_KEYS_MAX => {
            return Err(format!(
                ": a list that merges by {} may have {ITEMS_OF_SEVERAL_KEYS_MAX} items",
                keys.join(" and ")
            ));
        }
        keys => merge_by_keys(there, &patch, keys, shape)?,
    };
    Ok(Some(Value::Array(items)))
}

/// Those of the patch first, each once.
fn merge_scalars(there: Vec<Value>, patch: Vec<Value>) -> Vec<Value> {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut items: Vec<Value> = Vec::new();
    for item in patch.into_iter().chain(there) {
        let place = *places.entry(scalar_text(&item)).or_insert(items.len());
        match items.get_mut(place) {
            Some(known) => *known = item,
            None => items.push(item),
        }
    }
    items
}

fn value_of(item: &Value, key: &str) -> String {
    match item.get(key) {
        None | Some(Value::Null) => String::new(),
        Some(value) => scalar_text(value),
    }
}

/// The usual case: one key, found by its value.
fn merge_by_key(
    mut there: Vec<Value>,
    patch: Vec<Value>,
    key: &str,
    shape: Shape<'_>,
) -> Result<Vec<Value>, String> {
    let mut order: Vec<String> = Vec::new();
    let mut in_patch: HashMap<String, Value> = HashMap::new();
    let mut in_there: HashMap<String, usize> = HashMap::new();
    for item in patch {
        if let Entry::Vacant(place) = in_patch.entry(value_of(&item, key)) {
            order.push(place.key().clone());
            place.insert(item);
        }
    }
    for (index, item) in there.iter().enumerate() {
        if let Entry::Vacant(place) = in_there.entry(value_of(item, key)) {
            if !in_patch.contains_key(place.key()) {
                order.push(place.key().clone());
            }
            place.insert(index);
        }
    }
    let mut items = Items::default();
    let mut deleted: HashSet<String> = HashSet::new();
    for value in order {
        let index = in_there.get(&value).copied();
        let old = index.and_then(|index| there.get_mut(index)).map(std::mem::take);
        let kept = old.clone();
        let merged = super::walk(old, in_patch.remove(&value), shape.items())
            .map_err(|message| super::at(&format!("[{key}={value}]"), &message))?;
        let new = match merged {
            Merged::Nothing => None,
            Merged::There(new) => {
                put_back(&mut there, index, new.clone());
                Some(new)
            }
            // What was there comes back in the end, as in kustomize.
            Merged::Patch(new) => {
                if let Some(kept) = kept {
                    put_back(&mut there, index, kept);
                }
                Some(new)
            }
        };
        match new.filter(|new| !new.is_null() && new.as_object().is_none_or(|map| !map.is_empty())) {
            None => drop(deleted.insert(value)),
            Some(new) => items.put(value, new),
        }
    }
    for item in there {
        let value = value_of(&item, key);
        if !item.is_null() && !deleted.contains(&value) {
            items.put(value, item);
        }
    }
    Ok(items.list)
}

fn put_back(there: &mut [Value], index: Option<usize>, item: Value) {
    if let Some(place) = index.and_then(|index| there.get_mut(index)) {
        *place = item;
    }
}

/// A list in which an item takes the place of one with the same value.
#[derive(Default)]
struct Items {
    list: Vec<Value>,
    places: HashMap<String, usize>,
}

impl Items {
    fn put(&mut self, value: String, item: Value) {
        let place = *self.places.entry(value).or_insert(self.list.len());
        match self.list.get_mut(place) {
            Some(known) => *known = item,
            None => self.list.push(item),
        }
    }
}

/// Several keys, some of which an item may lack: ports by number and protocol.
fn merge_by_keys(
    mut there: Vec<Value>,
    patch: &[Value],
    keys: &[String],
    shape: Shape<'_>,
) -> Result<Vec<Value>, String> {
    let values_of = |item: &Value| -> Values { keys.iter().map(|key| value_of(item, key)).collect() };
    let mut wanted: Vec<Values> = Vec::new();
    for item in patch.iter().chain(&there) {
        let values = values_of(item);
        if !wanted.contains(&values) {
            wanted.push(values);
        }
    }
    join_alike(&mut wanted);
    let used = used_keys(&wanted, keys.len());
    let mut items: Vec<Value> = Vec::new();
    for values in &wanted {
        let asked = Keyed { keys, asked: &filled(values, &used), values };
        let (index, new) = (asked.find(&there), asked.find(patch));
        let old = index.and_then(|index| there.get(index)).cloned();
        let new = new.and_then(|index| patch.get(index)).cloned();
        let merged =
            super::walk(old, new, shape.items()).map_err(|message| super::at(&values.join("/"), &message))?;
        let is_old = matches!(merged, Merged::There(_));
        let keyed = Keyed { keys, asked: &used, values };
        match merged.into_value().filter(|it| it.as_object().is_none_or(|map| !map.is_empty())) {
            None => there.retain(|item| !keyed.is(item)),
            Some(mut item) => {
                keyed.complete(&mut item);
                if is_old {
                    put_back(&mut there, index, item.clone());
                }
                keyed.put(&mut items, item);
            }
        }
    }
    for item in there {
        let values = values_of(&item);
        let keyed = Keyed { keys, asked: &filled(&values, &used), values: &values };
        if used.len() > 1 {
            items.retain(|known| !keyed.is(known));
        }
        keyed.put(&mut items, item);
    }
    Ok(items)
}

/// Values of some keys, to be found in items.
struct Keyed<'a> {
    keys: &'a [String],
    /// Places of the keys that count.
    asked: &'a [usize],
    values: &'a [String],
}

impl Keyed<'_> {
    fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        let pair = |&place: &usize| Some((self.keys.get(place)?.as_str(), self.values.get(place)?.as_str()));
        self.asked.iter().filter_map(pair)
    }

    /// Whether the item has these values; an empty one asks only that the key is there.
    fn is(&self, item: &Value) -> bool {
        self.pairs().all(|(key, value)| {
            item.get(key).is_some_and(|found| value.is_empty() || scalar_text(found) == value)
        })
    }

    fn find(&self, list: &[Value]) -> Option<usize> {
        list.iter().position(|item| self.is(item))
    }

    /// Gives the item the keys that it lacks.
    fn complete(&self, item: &mut Value) {
        if let Value::Object(map) = item {
            for (key, value) in self.pairs().filter(|(_, value)| !value.is_empty()) {
                map.entry(key).or_insert_with(|| bythos_yaml::plain_value(value));
            }
        }
    }

    /// Puts the item in place of all that have the values, or at the end.
    fn put(&self, items: &mut Vec<Value>, item: Value) {
        let mut is_there = false;
        for known in items.iter_mut().filter(|known| self.is(known)) {
            known.clone_from(&item);
            is_there = true;
        }
        if !is_there {
            items.push(item);
        }
    }
}

/// Items that agree as far as both have keys are one: what one lacks it takes from the other.
fn join_alike(wanted: &mut [Values]) {
    for one in 0..wanted.len() {
        for other in 0..wanted.len() {
            let Some(joined) = wanted.get(one).zip(wanted.get(other)).and_then(|(a, b)| joined(a, b)) else {
                continue;
            };
            for place in [one, other] {
                if let Some(values) = wanted.get_mut(place) {
                    values.clone_from(&joined);
                }
            }
        }
    }
}

fn joined(one: &Values, other: &Values) -> Option<Values> {
    let agree = one.iter().zip(other).any(|(a, b)| a == b);
    let clash = one.iter().zip(other).any(|(a, b)| a != b && !a.is_empty() && !b.is_empty());
    let either = |(a, b): (&String, &String)| if a.is_empty() { b.clone() } else { a.clone() };
    (agree && !clash).then(|| one.iter().zip(other).map(either).collect())
}

/// The places of the keys that any item has; of all, if none has any.
fn used_keys(wanted: &[Values], keys: usize) -> Vec<usize> {
    let is_used =
        |key: &usize| wanted.iter().any(|values| values.get(*key).is_some_and(|value| !value.is_empty()));
    let used: Vec<usize> = (0..keys).filter(is_used).collect();
    if used.is_empty() { (0..keys).collect() } else { used }
}

/// Of `used`, those that have a value; all, if none has.
fn filled(values: &Values, used: &[usize]) -> Vec<usize> {
    let is_filled = |key: &usize| values.get(*key).is_some_and(|value| !value.is_empty());
    let filled: Vec<usize> = used.iter().copied().filter(is_filled).collect();
    if filled.is_empty() { used.to_vec() } else { filled }
}
