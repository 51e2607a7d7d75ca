//! The order of merged lists: what the patch wants, then what the live list had.

use std::collections::BTreeMap;

use bythos_schema::FieldPath;
use serde_json::Value;

use crate::PatchError;

/// What tells items of a list apart.
#[derive(Clone, Copy)]
pub(super) enum Identity<'a> {
    /// Scalars.
    Itself,
    /// Objects, by one field.
    Key(&'a str),
}

impl Identity<'_> {
    /// As text, which has the order that JSON values lack; `None` for an item without key.
    pub(super) fn of(self, item: &Value) -> Option<String> {
        match self {
            Identity::Itself => Some(item.to_string()),
            Identity::Key(key) => Some(item.get(key)?.to_string()),
        }
    }
}

/// Where the items of a list stand; the first of several with the same identity.
pub(super) struct Places<'a> {
    identity: Identity<'a>,
    by_identity: BTreeMap<String, usize>,
}

impl<'a> Places<'a> {
    pub(super) fn of<'v>(list: impl IntoIterator<Item = &'v Value>, identity: Identity<'a>) -> Self {
        let mut places = Places { identity, by_identity: BTreeMap::new() };
        for (place, item) in list.into_iter().enumerate() {
            if let Some(item) = identity.of(item) {
                places.by_identity.entry(item).or_insert(place);
            }
        }
        places
    }

    pub(super) fn get(&self, item: &Value) -> Option<usize> {
        self.by_identity.get(&self.identity.of(item)?).copied()
    }

    /// The place of an item of the same identity, or else this one from now on.
    pub(super) fn get_or_put(&mut self, item: &Value, place: usize) -> Option<usize> {
        let identity = self.identity.of(item)?;
        let found = *self.by_identity.entry(identity).or_insert(place);
        (found != place).then_some(found)
    }
}

/// Orders merged items: those that `wanted` names by its order, the others by the live list's. The two are interleaved
/// by the live list as far as that says anything; where it does not, wanted items come first.
pub(super) fn arrange(merged: Vec<Value>, wanted: &Places<'_>, live: &Places<'_>) -> Vec<Value> {
    let (mut named, mut others): (Vec<Value>, Vec<Value>) =
        merged.into_iter().partition(|item| wanted.get(item).is_some());
    named.sort_by_cached_key(|item| wanted.get(item));
    others.sort_by_cached_key(|item| live.get(item));
    let mut arranged = Vec::with_capacity(named.len() + others.len());
    let (mut named, mut others) = (named.into_iter().peekable(), others.into_iter().peekable());
    while let (Some(next_named), Some(next_other)) = (named.peek(), others.peek()) {
        let places = (live.get(next_other), live.get(next_named));
        let other_first = matches!(places, (Some(other), Some(named)) if other < named);
        arranged.extend(if other_first { others.next() } else { named.next() });
    }
    arranged.extend(named);
    arranged.extend(others);
    arranged
}

/// Holds that the items of a patch come in the order that its `$setElementOrder` gives, and are all in it.
pub(super) fn check(patch: &[&Value], wanted: &Places<'_>, at: &FieldPath) -> Result<(), PatchError> {
    if wanted.by_identity.is_empty() {
        return Ok(());
    }
    let mut last = None;
    for (index, item) in patch.iter().enumerate() {
        let place = wanted.get(item);
        if place.is_none() || place < last {
            return Err(PatchError::new(&at.index(index), "does not stand where $setElementOrder has it"));
        }
        last = place;
    }
    Ok(())
}
