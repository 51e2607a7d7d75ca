//! The one that writes: takes what is queued, makes it durable together, then visible, then acknowledges it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::group::Group;
use crate::store::Shared;
use crate::{CommitError, Event, Operation, Revision};

/// A group takes no more transactions once its values have so many bytes.
const GROUP_BYTES_MAX: usize = 4 << 20;

/// What a transaction came to; the outer error is a panic while it was encoded.
pub(crate) type Outcome = std::thread::Result<Result<Revision, CommitError>>;

/// A transaction, and who waits for it.
pub(crate) struct Request {
    pub(crate) operations: Vec<Operation>,
    pub(crate) reply: oneshot::Sender<Outcome>,
}

/// Makes a group durable.
pub(crate) trait Durable: Send {
    /// Returns once all events are on disk. On an error none of them ever will be.
    ///
    /// # Errors
    /// [`CommitError::Write`].
    fn append(&mut self, events: &[Event]) -> Result<(), CommitError>;

    /// Called when the events are visible: the time to tidy up.
    fn appended(&mut self, _shared: &Shared) {}
}

/// Keeps nothing.
pub(crate) struct MemoryOnly;

impl Durable for MemoryOnly {
    fn append(&mut self, _events: &[Event]) -> Result<(), CommitError> {
        Ok(())
    }
}

pub(crate) struct Writer {
    pub(crate) shared: Arc<Shared>,
    pub(crate) queue: mpsc::Receiver<Request>,
    pub(crate) durable: Box<dyn Durable>,
}

impl Writer {
    /// Ends when nobody can queue any more and everything queued is answered.
    pub(crate) fn run(mut self) {
        while let Some(first) = self.queue.blocking_recv() {
            self.commit_group(first);
        }
    }

    fn commit_group(&mut self, first: Request) {
        let mut group = Group::new(self.shared.read().revision());
        let mut outcomes = Vec::new();
        let mut next = Some(first);
        while let Some(Request { operations, reply }) = next {
            outcomes.push((reply, self.add(&mut group, operations)));
            let has_room = group.bytes() < GROUP_BYTES_MAX;
            next = has_room.then(|| self.queue.try_recv().ok()).flatten();
        }
        // Even a refusal waits for the sync: it may be due to a transaction of this group.
        let written = self.write(group);
        for (reply, outcome) in outcomes {
            answer(reply, outcome, &written);
        }
        self.durable.appended(&self.shared);
    }

    fn add(&self, group: &mut Group, operations: Vec<Operation>) -> Outcome {
        let durable = |key: &_| self.shared.read().get(key).cloned();
        // A group changes only once a whole transaction is encoded, so it is whole after a panic.
        catch_unwind(AssertUnwindSafe(|| group.add(operations, durable)))
    }

    fn write(&mut self, group: Group) -> Result<(), CommitError> {
        if !group.events().is_empty() {
            self.durable.append(group.events())?;
            self.shared.publish(group.into_events());
        }
        Ok(())
    }
}

fn answer(reply: oneshot::Sender<Outcome>, outcome: Outcome, written: &Result<(), CommitError>) {
    let outcome = match written {
        Ok(()) => outcome,
        Err(error) => outcome.map(|_| Err(error.clone())),
    };
    // Who does not wait any more needs no answer.
    drop(reply.send(outcome));
}
