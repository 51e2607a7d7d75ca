//! What watchers are told.

use std::sync::Arc;

use crate::{Entry, Revision};

/// What happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// It was not there before.
    Created,
    /// It was there before.
    Updated,
    /// It is gone.
    Deleted,
}

/// One change, shared by all watchers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// The object after it; for a deletion its last state, at the revision of the deletion.
    pub entry: Arc<Entry>,
    /// The object before it, so that a selector can tell whether it matched then.
    pub previous: Option<Arc<Entry>>,
}

impl Event {
    /// The object from now on takes the place of `previous`.
    pub(crate) fn put(entry: Arc<Entry>, previous: Option<Arc<Entry>>) -> Event {
        let kind = if previous.is_some() { EventKind::Updated } else { EventKind::Created };
        Event { kind, entry, previous }
    }

    /// `previous` is gone; `last` is its last state.
    pub(crate) fn delete(last: Arc<Entry>, previous: Arc<Entry>) -> Event {
        Event { kind: EventKind::Deleted, entry: last, previous: Some(previous) }
    }

    pub(crate) fn revision(&self) -> Revision {
        self.entry.revision
    }

    /// What is there after the event.
    pub(crate) fn present(&self) -> Option<&Arc<Entry>> {
        (self.kind != EventKind::Deleted).then_some(&self.entry)
    }
}
