//! The objects and the retained events of one resource.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use tokio::sync::Notify;

use crate::{Entry, Event, Key, Revision, Scope};

/// Namespace and name.
type ObjectName = (Arc<str>, Arc<str>);

pub(crate) struct Resource {
    objects: BTreeMap<ObjectName, Arc<Entry>>,
    events: VecDeque<Event>,
    /// How many events came before the first in `events`.
    forgotten: u64,
    /// All events after this revision are in `events`.
    oldest: Revision,
    arrived: Arc<Notify>,
}

impl Resource {
    pub(super) fn new(oldest: Revision) -> Resource {
        Resource {
            objects: BTreeMap::new(),
            events: VecDeque::new(),
            forgotten: 0,
            oldest,
            arrived: Arc::new(Notify::new()),
        }
    }

    pub(super) fn get(&self, key: &Key) -> Option<&Arc<Entry>> {
        self.objects.get(&object_name(key))
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.objects.values()
    }

    pub(super) fn load(&mut self, entry: Arc<Entry>) {
        self.objects.insert(object_name(&entry.key), entry);
    }

    pub(super) fn begin_history(&mut self, oldest: Revision) {
        self.oldest = oldest;
    }

    pub(super) fn apply(&mut self, event: Event) {
        let name = object_name(&event.entry.key);
        match event.present() {
            Some(entry) => self.objects.insert(name, Arc::clone(entry)),
            None => self.objects.remove(&name),
        };
        self.events.push_back(event);
    }

    pub(super) fn forget_oldest(&mut self) -> Option<Event> {
        let event = self.events.pop_front()?;
        self.forgotten += 1;
        self.oldest = event.revision();
        Some(event)
    }

    pub(super) fn oldest(&self) -> Revision {
        self.oldest
    }

    pub(crate) fn arrived(&self) -> Arc<Notify> {
        Arc::clone(&self.arrived)
    }

    /// The position of the first event after `revision`.
    pub(super) fn position_after(&self, revision: Revision) -> u64 {
        let skipped = self.events.partition_point(|event| event.revision() <= revision);
        self.forgotten + skipped as u64
    }

    /// The events from `position` on; `None` if the first of them is not retained.
    pub(crate) fn events_from(&self, position: u64) -> Option<impl Iterator<Item = (u64, &Event)>> {
        let skipped = usize::try_from(position.checked_sub(self.forgotten)?).ok()?;
        let events = self.events.range(skipped.min(self.events.len())..);
        Some((position..).zip(events))
    }

    /// The objects in `scope` after a name, as they were at a retained revision.
    pub(super) fn entries_at(
        &self,
        revision: Revision,
        scope: &Scope,
        after: Option<&ObjectName>,
    ) -> Vec<&Arc<Entry>> {
        let first = first_name(scope, after);
        let in_scope = |name: &ObjectName| scope.holds_namespace(&name.0);
        let now =
            self.objects.range((first.clone(), Bound::Unbounded)).take_while(|(name, _)| in_scope(name));
        if self.events.back().is_none_or(|newest| newest.revision() <= revision) {
            return now.map(|(_, entry)| entry).collect();
        }
        let mut then: BTreeMap<ObjectName, &Arc<Entry>> =
            now.map(|(name, entry)| (name.clone(), entry)).collect();
        for event in self.events.iter().rev().take_while(|event| event.revision() > revision) {
            let name = object_name(&event.entry.key);
            if in_scope(&name) && is_after(&name, &first) {
                undo(&mut then, name, event);
            }
        }
        then.into_values().collect()
    }
}

fn object_name(key: &Key) -> ObjectName {
    (Arc::clone(&key.namespace), Arc::clone(&key.name))
}

fn undo<'a>(objects: &mut BTreeMap<ObjectName, &'a Arc<Entry>>, name: ObjectName, event: &'a Event) {
    match &event.previous {
        Some(previous) => objects.insert(name, previous),
        None => objects.remove(&name),
    };
}

/// Where the names of a page begin.
fn first_name(scope: &Scope, after: Option<&ObjectName>) -> Bound<ObjectName> {
    let namespace = scope.namespace.clone().unwrap_or_default();
    let first: ObjectName = (namespace, Arc::default());
    match after {
        Some(after) if *after >= first => Bound::Excluded(after.clone()),
        _ => Bound::Included(first),
    }
}

fn is_after(name: &ObjectName, first: &Bound<ObjectName>) -> bool {
    match first {
        Bound::Included(first) => name >= first,
        Bound::Excluded(first) => name > first,
        Bound::Unbounded => true,
    }
}
