//! The one that writes: takes what is queued, makes it durable together, then visible, then acknowledges it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{mpsc, oneshot};

use crate::group::Group;
use crate::store::Shared;
use crate::{CommitError, Event, Operation, Revision};

/// A group takes no more transactions once its values have so many bytes.
const GROUP_BYTES_MAX: usize = 4 << 20;

/// For those who are expected the writer waits at most this part of the time that their last group took to be written.
const GATHERING_PART: u32 = 4;
const GATHERING_MAX: Duration = Duration::from_millis(2);

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
    shared: Arc<Shared>,
    queue: mpsc::Receiver<Request>,
    durable: Box<dyn Durable>,
    last: LastGroup,
}

/// What tells how long to wait for whom.
#[derive(Debug, Clone, Copy, Default)]
struct LastGroup {
    transactions: usize,
    took: Duration,
}

impl Writer {
    pub(crate) fn new(
        shared: Arc<Shared>,
        queue: mpsc::Receiver<Request>,
        durable: Box<dyn Durable>,
    ) -> Writer {
        Writer { shared, queue, durable, last: LastGroup::default() }
    }

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
        let gathering_ends = Instant::now() + (self.last.took / GATHERING_PART).min(GATHERING_MAX);
        while let Some(Request { operations, reply }) = next {
            outcomes.push((reply, self.add(&mut group, operations)));
            let has_room = group.bytes() < GROUP_BYTES_MAX;
            next = has_room.then(|| self.next(outcomes.len(), gathering_ends)).flatten();
        }
        let began = Instant::now();
        // Even a refusal waits for the sync: it may be due to a transaction of this group.
        let written = self.write(group);
        self.last = LastGroup { transactions: outcomes.len(), took: began.elapsed() };
        for (reply, outcome) in outcomes {
            answer(reply, outcome, &written);
        }
        self.durable.appended(&self.shared);
    }

    /// The next transaction of a group that has so many.
    ///
    /// Those who were answered together write again at about the same time. If the first of them were written alone, all
    /// others would wait for a sync that does nothing for them: so they are given a moment, and the processor.
    fn next(&mut self, transactions: usize, gathering_ends: Instant) -> Option<Request> {
        loop {
            match self.queue.try_recv() {
                Ok(request) => return Some(request),
                Err(TryRecvError::Disconnected) => return None,
                Err(TryRecvError::Empty) if transactions >= self.last.transactions => return None,
                Err(TryRecvError::Empty) if Instant::now() >= gathering_ends => return None,
                Err(TryRecvError::Empty) => std::thread::yield_now(),
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::State;

    #[test]
    fn a_group_waits_for_as_many_as_the_last_one_had_and_not_for_more() {
        let (sender, queue) = mpsc::channel(1);
        let mut writer = Writer::new(Arc::new(Shared::new(State::new(0))), queue, Box::new(MemoryOnly));
        writer.last.transactions = 2;
        let in_a_while = Instant::now() + Duration::from_secs(600);
        let other = sender.clone();
        let sending = std::thread::spawn(move || {
            let (reply, _outcome) = oneshot::channel();
            other.blocking_send(Request { operations: Vec::new(), reply }).is_ok()
        });
        assert!(writer.next(1, in_a_while).is_some(), "one is expected, and comes");
        assert!(sending.join().unwrap());
        assert!(writer.next(2, in_a_while).is_none(), "nobody else is expected");
        assert!(writer.next(1, Instant::now()).is_none(), "who is expected does not come in time");
        drop(sender);
    }
}
