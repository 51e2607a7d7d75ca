//! Transactions that become durable together. Pure: reads the state, changes nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::{Change, CommitError, Entry, Event, Key, Operation, Revision};

/// What is there after the transactions so far.
type Overlay = BTreeMap<Key, Option<Arc<Entry>>>;

/// The transactions of a group that hold, on top of a state that does not know them yet.
pub(crate) struct Group {
    revision: Revision,
    overlay: Overlay,
    events: Vec<Event>,
    bytes: usize,
}

impl Group {
    pub(crate) fn new(newest: Revision) -> Group {
        Group { revision: newest, overlay: Overlay::new(), events: Vec::new(), bytes: 0 }
    }

    /// All changes, in order.
    pub(crate) fn events(&self) -> &[Event] {
        &self.events
    }

    pub(crate) fn into_events(self) -> Vec<Event> {
        self.events
    }

    /// How many bytes the values have together.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds all operations at one new revision, or none. `durable` looks up what is there before the group.
    ///
    /// # Errors
    /// An expectation does not hold.
    pub(crate) fn add(
        &mut self,
        operations: Vec<Operation>,
        durable: impl Fn(&Key) -> Option<Arc<Entry>>,
    ) -> Result<Revision, CommitError> {
        if operations.is_empty() {
            return Ok(self.revision);
        }
        let revision = self.revision.next();
        let mut changed = Overlay::new();
        let mut events = Vec::with_capacity(operations.len());
        for operation in operations {
            let pending = changed.get(&operation.key).or_else(|| self.overlay.get(&operation.key));
            let found = pending.cloned().unwrap_or_else(|| durable(&operation.key));
            if let Some(event) = carry_out(operation, found, revision)? {
                changed.insert(event.entry.key.clone(), event.present().cloned());
                events.push(event);
            }
        }
        if !events.is_empty() {
            self.accept(revision, changed, events);
        }
        Ok(self.revision)
    }

    fn accept(&mut self, revision: Revision, changed: Overlay, events: Vec<Event>) {
        self.revision = revision;
        self.overlay.extend(changed);
        self.bytes += events.iter().map(|event| event.entry.value.len()).sum::<usize>();
        self.events.extend(events);
    }
}

/// `None` if there is nothing to do: what is to be deleted is absent, as expected.
fn carry_out(
    operation: Operation,
    found: Option<Arc<Entry>>,
    revision: Revision,
) -> Result<Option<Event>, CommitError> {
    let Operation { key, expect, change } = operation;
    let found_revision = found.as_ref().map(|entry| entry.revision);
    if !expect.holds(found_revision) {
        return Err(CommitError::Unexpected { key, expected: expect, found: found_revision });
    }
    let entry = |value| Arc::new(Entry { key, revision, value });
    Ok(match (change, found) {
        (Change::Put(encode), previous) => Some(Event::put(entry(encode(revision)), previous)),
        (Change::Delete(encode), Some(previous)) => Some(Event::delete(entry(encode(revision)), previous)),
        (Change::Delete(_), None) => None,
    })
}
