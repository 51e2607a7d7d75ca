//! Ownership of what is written without apply: create, update and the other patches.

use bythos_schema::Schema;
use serde_json::{Map, Value};

use crate::Writer;
use crate::compare::Comparison;
use crate::managed_fields::{self, Entry, Operation};
use crate::ownership::{bring_up_to_date, dispossess, ownable};

/// So many entries of updates are kept apart; the oldest beyond are joined, so that a list of them stays bounded.
const UPDATERS_MAX: usize = 10;

/// Upstream's name for updates that were joined.
const ANCIENT_CHANGES: &str = "ancient-changes";

/// Records in `new.metadata.managedFields` what a create (`old` is `None`), update or patch by `writer` changed.
///
/// Fields that the change removed or took over leave the entries of their former owners, of either operation.
///
/// An empty list in `new` ends the tracking of the object, as upstream does; a list that is missing, `null` or makes
/// no sense is that of `old`. Through a subresource the list of `old` always counts. Applying begins tracking anew.
pub fn track_update(old: Option<&Value>, new: &mut Value, schema: &Schema, writer: &Writer) {
    let sent = managed_fields::take(new);
    let mut entries = starting_entries(old, sent.as_ref(), writer);
    if entries.is_empty() && old.is_some() {
        return;
    }
    bring_up_to_date(&mut entries, schema);
    let mut before = old.cloned().unwrap_or_else(|| Value::Object(Map::new()));
    managed_fields::take(&mut before);

    let change = Comparison::of(schema, &before, new);
    dispossess(&mut entries, &change);
    let fields = ownable(&change.modified.union(&change.added));
    if !fields.is_empty() {
        let mut own = Entry::of(writer, Operation::Update, fields);
        if let Some(place) = entries.iter().position(|entry| entry.is_same(&own)) {
            own.fields = own.fields.union(&entries.swap_remove(place).fields);
        }
        entries.push(own);
    }
    join_oldest(&mut entries);
    managed_fields::put(new, entries);
}

fn starting_entries(old: Option<&Value>, sent: Option<&Value>, writer: &Writer) -> Vec<Entry> {
    if writer.subresource.is_empty() {
        if sent.is_some_and(is_reset) {
            return Vec::new();
        }
        if let Ok(entries) = managed_fields::decode(sent)
            && !entries.is_empty()
        {
            return entries;
        }
    }
    // What is stored was written by this library or checked on its way in; were it broken, tracking would begin anew.
    managed_fields::decode(old.and_then(managed_fields::list_of)).unwrap_or_default()
}

/// An empty list, or one empty entry: clients that cannot send an empty list send that.
fn is_reset(list: &Value) -> bool {
    match list.as_array().map(Vec::as_slice) {
        Some([]) => true,
        Some([only]) => only.as_object().is_some_and(Map::is_empty),
        _ => false,
    }
}

fn join_oldest(entries: &mut Vec<Entry>) {
    let updaters =
        |entries: &[Entry]| entries.iter().filter(|entry| entry.operation == Operation::Update).count();
    while updaters(entries) > UPDATERS_MAX {
        let Some((first, second)) = oldest_of_one_version(entries) else { return };
        let later = entries.remove(first.max(second));
        let earlier = entries.remove(first.min(second));
        let mut joined = Entry {
            manager: ANCIENT_CHANGES.to_owned(),
            subresource: String::new(),
            time: earlier.time.max(later.time),
            fields: earlier.fields.union(&later.fields),
            ..later
        };
        if let Some(place) = entries.iter().position(|entry| entry.is_same(&joined)) {
            let joined_before = entries.remove(place);
            joined.time = joined.time.max(joined_before.time);
            joined.fields = joined.fields.union(&joined_before.fields);
        }
        entries.push(joined);
    }
}

/// The two oldest entries of updates that speak the same API version.
fn oldest_of_one_version(entries: &[Entry]) -> Option<(usize, usize)> {
    let mut by_age: Vec<usize> = (0..entries.len()).collect();
    by_age.retain(|index| entries.get(*index).is_some_and(|entry| entry.operation == Operation::Update));
    by_age.sort_by_key(|index| entries.get(*index).map(|entry| (entry.time.clone(), entry.manager.clone())));
    let version = |index: usize| entries.get(index).map(|entry| entry.api_version.as_str());
    by_age.iter().enumerate().find_map(|(place, first)| {
        let second = by_age.iter().skip(place + 1).find(|second| version(**second) == version(*first))?;
        Some((*first, *second))
    })
}

#[cfg(test)]
mod tests;
