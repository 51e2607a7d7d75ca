//! Lists that merge: scalars that are added, and items that a key tells apart.

use std::collections::BTreeSet;

use bythos_schema::{FieldPath, PatchStrategy, Schema};
use serde_json::Value;

use super::directives::{Mode, plain};
use super::merge_item;
use super::order::{self, Identity, Places};
use crate::PatchError;

/// Lays a list of a patch over the original. `wanted` is the order that the patch asks for; without it, the items of
/// the patch keep theirs.
pub(super) fn merge(
    original: &[Value],
    patch: &[Value],
    wanted: Option<&[Value]>,
    list: &Schema,
    at: &FieldPath,
) -> Result<Vec<Value>, PatchError> {
    match &list.patch_strategy {
        PatchStrategy::MergeBy(key) => merge_items(original, patch, wanted, list, key, at),
        PatchStrategy::MergeScalars | PatchStrategy::Replace => Ok(add_scalars(original, patch, wanted)),
    }
}

/// The list as the patch orders it, where the patch changes nothing else of it.
pub(super) fn reorder(original: &[Value], wanted: &[Value], list: &Schema) -> Vec<Value> {
    let identity = match &list.patch_strategy {
        PatchStrategy::Replace => return original.to_vec(),
        PatchStrategy::MergeScalars => Identity::Itself,
        PatchStrategy::MergeBy(key) => Identity::Key(key),
    };
    order::arrange(original.to_vec(), &Places::of(wanted, identity), &Places::of(original, identity))
}

/// The list without scalars that the patch names.
pub(super) fn delete_scalars(list: &mut Vec<Value>, deleted: &[Value]) {
    let deleted: BTreeSet<String> = deleted.iter().map(ToString::to_string).collect();
    list.retain(|item| !deleted.contains(&item.to_string()));
}

fn add_scalars(original: &[Value], patch: &[Value], wanted: Option<&[Value]>) -> Vec<Value> {
    let live = Places::of(original, Identity::Itself);
    let mut seen = BTreeSet::new();
    let both = original.iter().chain(patch).filter(|item| seen.insert(item.to_string()));
    order::arrange(both.cloned().collect(), &Places::of(wanted.unwrap_or(patch), Identity::Itself), &live)
}

fn merge_items(
    original: &[Value],
    patch: &[Value],
    wanted: Option<&[Value]>,
    list: &Schema,
    key: &str,
    at: &FieldPath,
) -> Result<Vec<Value>, PatchError> {
    let identity = Identity::Key(key);
    let (mut merged, patch) = obey_directives(original, patch, key, at)?;
    let live = Places::of(&merged, identity);
    let wanted_places = match wanted {
        Some(wanted) => Places::of(wanted, identity),
        None => Places::of(patch.iter().copied(), identity),
    };
    if wanted.is_some() {
        order::check(&patch, &wanted_places, at)?;
    }
    let mut places = Places::of(&merged, identity);
    for (index, item) in patch.iter().enumerate() {
        let here = at.index(index);
        if item.get(key).is_none() {
            return Err(lacks_key(key, &here));
        }
        match places.get_or_put(item, merged.len()).and_then(|place| merged.get_mut(place)) {
            Some(there) => *there = merge_item(there, item, list, &here)?,
            None => merged.extend(plain(item)),
        }
    }
    Ok(order::arrange(merged, &wanted_places, &live))
}

/// Carries out what items of the patch say about the list: leaves of the original what is not deleted or replaced, and
/// of the patch what is to be merged.
fn obey_directives<'a>(
    original: &[Value],
    patch: &'a [Value],
    key: &str,
    at: &FieldPath,
) -> Result<(Vec<Value>, Vec<&'a Value>), PatchError> {
    let (mut deleted, mut rest, mut replaced) = (BTreeSet::new(), Vec::new(), false);
    for (index, item) in patch.iter().enumerate() {
        let here = at.index(index);
        let fields = item
            .as_object()
            .ok_or_else(|| PatchError::new(&here, format!("expected an object, found {item}")))?;
        match Mode::of(fields, &here)? {
            Mode::Merge => rest.push(item),
            Mode::Replace => replaced = true,
            Mode::Delete => {
                let identity = Identity::Key(key).of(item).ok_or_else(|| lacks_key(key, &here))?;
                deleted.insert(identity);
            }
        }
    }
    let is_kept =
        |item: &&Value| !replaced && Identity::Key(key).of(item).is_none_or(|item| !deleted.contains(&item));
    Ok((original.iter().filter(is_kept).cloned().collect(), rest))
}

fn lacks_key(key: &str, at: &FieldPath) -> PatchError {
    PatchError::new(at, format!("has no {key:?}, the key by which items of this list are merged"))
}
