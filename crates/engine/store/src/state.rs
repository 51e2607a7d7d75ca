//! The serving copy: every live object and the newest events. No I/O, no locks.

mod resource;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use tokio::sync::Notify;

pub(crate) use resource::Resource;

use crate::{Entry, Event, Expired, Key, Listing, Page, Revision, Scope};

/// Every resource, and the order in which their events came.
pub(crate) struct State {
    revision: Revision,
    /// Before the first event that was ever known to this state.
    base: Revision,
    resources: BTreeMap<Arc<str>, Resource>,
    /// The resource of each retained event, oldest first. Events lie with their resource, so that a watch reads
    /// only those; the bound is on all of them together.
    order: VecDeque<Arc<str>>,
    /// Of the values of the retained events.
    history_bytes: usize,
    history_events_max: usize,
}

/// The values of the retained events have so many bytes at most, however few they are.
const HISTORY_BYTES_MAX: usize = 8 << 20;

impl State {
    /// An empty state that retains up to `history_events_max` events.
    pub(crate) fn new(history_events_max: usize) -> State {
        State {
            revision: Revision::default(),
            base: Revision::default(),
            resources: BTreeMap::new(),
            order: VecDeque::new(),
            history_bytes: 0,
            history_events_max,
        }
    }

    pub(crate) fn revision(&self) -> Revision {
        self.revision
    }

    pub(crate) fn get(&self, key: &Key) -> Option<&Arc<Entry>> {
        self.resources.get(&key.resource)?.get(key)
    }

    /// Every live object.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.resources.values().flat_map(Resource::entries)
    }

    /// Takes an object over as it was at some revision, without an event.
    pub(crate) fn load(&mut self, entry: Arc<Entry>) {
        self.resource_mut(&Arc::clone(&entry.key.resource)).load(entry);
    }

    /// Ends loading: everything before `revision` is unknown.
    pub(crate) fn loaded(&mut self, revision: Revision) {
        self.revision = revision;
        self.base = revision;
        for resource in self.resources.values_mut() {
            resource.begin_history(revision);
        }
    }

    /// Makes an event of the next revision part of the state.
    pub(crate) fn apply(&mut self, event: Event) {
        self.revision = event.revision();
        let name = Arc::clone(&event.entry.key.resource);
        self.history_bytes += event.entry.value.len();
        self.resource_mut(&name).apply(event);
        self.order.push_back(name);
        while self.order.len() > self.history_events_max || self.history_bytes > HISTORY_BYTES_MAX {
            self.forget_oldest();
        }
    }

    pub(crate) fn list(&self, scope: &Scope, page: &Page) -> Result<Listing, Expired> {
        let revision = page.at.unwrap_or(self.revision);
        self.check_retained(&scope.resource, revision)?;
        let Some(resource) = self.resources.get(&scope.resource) else {
            return Ok(Listing { revision, entries: Vec::new(), remaining: 0 });
        };
        let found = resource.entries_at(revision, scope, page.after.as_ref());
        let limit = page.limit.unwrap_or(found.len()).min(found.len());
        let remaining = found.len() - limit;
        Ok(Listing { revision, entries: found.into_iter().take(limit).cloned().collect(), remaining })
    }

    /// Where in its resource's events a watch from `after` begins, and what tells it of new ones.
    pub(crate) fn begin_watch(&self, name: &str, after: Revision) -> Result<(u64, Arc<Notify>), Expired> {
        self.check_retained(name, after)?;
        let resource = self.resources.get(name).ok_or_else(|| self.expired(name, after))?;
        Ok((resource.position_after(after), resource.arrived()))
    }

    /// Lets a resource be watched that has no object yet.
    pub(crate) fn add_resource(&mut self, name: &Arc<str>) {
        self.resource_mut(name);
    }

    pub(crate) fn resource(&self, name: &str) -> Option<&Resource> {
        self.resources.get(name)
    }

    /// What to answer to one who asked for what is not retained.
    pub(crate) fn expired(&self, resource: &str, asked: Revision) -> Expired {
        Expired { asked, oldest: self.oldest(resource), newest: self.revision }
    }

    fn check_retained(&self, resource: &str, asked: Revision) -> Result<(), Expired> {
        if asked > self.revision || asked < self.oldest(resource) {
            return Err(self.expired(resource, asked));
        }
        Ok(())
    }

    fn oldest(&self, resource: &str) -> Revision {
        self.resources.get(resource).map_or(self.base, Resource::oldest)
    }

    fn resource_mut(&mut self, name: &Arc<str>) -> &mut Resource {
        let base = self.base;
        self.resources.entry(Arc::clone(name)).or_insert_with(|| Resource::new(base))
    }

    fn forget_oldest(&mut self) {
        let resource = self.order.pop_front().and_then(|name| self.resources.get_mut(&name));
        if let Some(event) = resource.and_then(Resource::forget_oldest) {
            self.history_bytes = self.history_bytes.saturating_sub(event.entry.value.len());
        }
    }
}
