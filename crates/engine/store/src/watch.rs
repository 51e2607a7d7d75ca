//! A reader of one scope's events.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::state::State;
use crate::store::Shared;
use crate::{Event, Expired, Revision, Scope};

/// A stream of events.
///
/// It holds no buffer of its own: the events lie in the store's history, shared by all watches. It is woken only
/// by events of its resource, and falls out of the history only if an event of its resource was forgotten.
pub struct Watch {
    shared: Arc<Shared>,
    scope: Scope,
    /// Of the next event to look at, among those of the resource.
    position: u64,
    seen: Revision,
    arrived: Arc<Notify>,
}

impl Watch {
    pub(crate) fn begin(shared: Arc<Shared>, scope: Scope, after: Revision) -> Result<Watch, Expired> {
        if shared.read().resource(&scope.resource).is_none() {
            shared.write().add_resource(&scope.resource);
        }
        let (position, arrived) = shared.read().begin_watch(&scope.resource, after)?;
        Ok(Watch { shared, scope, position, seen: after, arrived })
    }

    /// Waits for the next event.
    ///
    /// A wait that is dropped loses nothing: the next one returns the same event.
    ///
    /// # Errors
    /// The watcher was too slow: what it has not seen is not retained any more.
    pub async fn next(&mut self) -> Result<Event, Expired> {
        let arrived = Arc::clone(&self.arrived);
        loop {
            // Registered before the look, so that what arrives in between wakes it.
            let more = arrived.notified();
            if let Some(event) = self.try_next()? {
                return Ok(event);
            }
            more.await;
        }
    }

    /// The next event, if it is there.
    ///
    /// # Errors
    /// As [`Watch::next`].
    pub fn try_next(&mut self) -> Result<Option<Event>, Expired> {
        let state = self.shared.read();
        let events = state.resource(&self.scope.resource).and_then(|known| known.events_from(self.position));
        let Some(mut events) = events else {
            return Err(state.expired(&self.scope.resource, self.seen));
        };
        let mut next = self.position;
        let found = events.find_map(|(position, event)| {
            next = position + 1;
            self.scope.holds_namespace(&event.entry.key.namespace).then(|| event.clone())
        });
        self.position = next;
        self.seen = seen(&state, &self.scope, next).unwrap_or(self.seen);
        Ok(found)
    }

    /// Everything in scope up to this revision was returned by [`Watch::next`]; a bookmark may name it.
    pub fn seen(&self) -> Revision {
        seen(&self.shared.read(), &self.scope, self.position).unwrap_or(self.seen)
    }
}

/// The revision before the first event in scope from `position` on; the newest if there is none. `None` if the
/// event at `position` is not retained.
fn seen(state: &State, scope: &Scope, position: u64) -> Option<Revision> {
    let mut events = state.resource(&scope.resource)?.events_from(position)?;
    let pending = events.find(|(_, event)| scope.holds_namespace(&event.entry.key.namespace));
    Some(pending.map_or(state.revision(), |(_, event)| event.revision().before()))
}
