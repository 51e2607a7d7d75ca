//! The one that writes: makes a group durable together, then visible, then acknowledges it.
//!
//! A thread works for those who queue. A caller who would be alone in its group takes the writer and does that thread's
//! work: two wake-ups less, which on a fast disk are a good part of the time of a write.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
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

/// The way to the writer, for all who commit.
pub(crate) struct Desk {
    writer: Mutex<Writer>,
    /// Transactions in the queue, or in the hands of the thread that waits for the writer.
    queued: AtomicUsize,
}

impl Desk {
    pub(crate) fn new(writer: Writer) -> Desk {
        Desk { writer: Mutex::new(writer), queued: AtomicUsize::new(0) }
    }

    /// Queues a transaction; `false` once there is no thread any more.
    pub(crate) async fn queue(&self, queue: &mpsc::Sender<Request>, request: Request) -> bool {
        let Ok(place) = queue.reserve().await else { return false };
        self.queued.fetch_add(1, Ordering::SeqCst);
        place.send(request);
        true
    }

    /// The writer, for a caller who will be alone in its group; `None` if others are at work, wait, or are expected.
    pub(crate) fn alone(&self) -> Option<MutexGuard<'_, Writer>> {
        // Whoever waits goes first: the thread that wakes for them would lose the race for the writer again and again.
        if self.queued.load(Ordering::SeqCst) > 0 {
            return None;
        }
        self.writer.try_lock().ok().filter(|writer| writer.last.transactions <= 1)
    }

    /// What the thread does. Ends when nobody can queue any more and everything queued is answered, or when the writer has
    /// panicked: nothing is known of the files then.
    pub(crate) fn serve(&self, mut queue: mpsc::Receiver<Request>) {
        while let Some(first) = queue.blocking_recv() {
            let Ok(mut writer) = self.writer.lock() else { return };
            let transactions = writer.commit_group(first, &mut queue);
            self.queued.fetch_sub(transactions, Ordering::SeqCst);
        }
    }
}

pub(crate) struct Writer {
    shared: Arc<Shared>,
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
    pub(crate) fn new(shared: Arc<Shared>, durable: Box<dyn Durable>) -> Writer {
        Writer { shared, durable, last: LastGroup::default() }
    }

    /// Commits what is a group of its own. Blocks while it writes.
    pub(crate) fn commit_alone(&mut self, operations: Vec<Operation>) -> Outcome {
        let mut group = self.begin();
        let outcome = self.add(&mut group, operations);
        let written = self.write(group, 1);
        self.durable.appended(&self.shared);
        settle(outcome, &written)
    }

    /// Commits the first with all who are queued or expected; how many they were.
    fn commit_group(&mut self, first: Request, queue: &mut mpsc::Receiver<Request>) -> usize {
        let mut group = self.begin();
        let mut outcomes = Vec::new();
        let mut next = Some(first);
        let gathering_ends = Instant::now() + (self.last.took / GATHERING_PART).min(GATHERING_MAX);
        while let Some(Request { operations, reply }) = next {
            outcomes.push((reply, self.add(&mut group, operations)));
            let has_room = group.bytes() < GROUP_BYTES_MAX;
            next = has_room.then(|| self.next(queue, outcomes.len(), gathering_ends)).flatten();
        }
        let transactions = outcomes.len();
        let written = self.write(group, transactions);
        for (reply, outcome) in outcomes {
            // Who does not wait any more needs no answer.
            drop(reply.send(settle(outcome, &written)));
        }
        self.durable.appended(&self.shared);
        transactions
    }

    /// The next transaction of a group that has so many.
    ///
    /// Those who were answered together write again at about the same time. If the first of them were written alone, all
    /// others would wait for a sync that does nothing for them: so they are given a moment, and the processor.
    fn next(
        &self,
        queue: &mut mpsc::Receiver<Request>,
        transactions: usize,
        gathering_ends: Instant,
    ) -> Option<Request> {
        loop {
            match queue.try_recv() {
                Ok(request) => return Some(request),
                Err(TryRecvError::Disconnected) => return None,
                Err(TryRecvError::Empty) if transactions >= self.last.transactions => return None,
                Err(TryRecvError::Empty) if Instant::now() >= gathering_ends => return None,
                Err(TryRecvError::Empty) => std::thread::yield_now(),
            }
        }
    }

    fn begin(&self) -> Group {
        Group::new(self.shared.read().revision())
    }

    fn add(&self, group: &mut Group, operations: Vec<Operation>) -> Outcome {
        let durable = |key: &_| self.shared.read().get(key).cloned();
        // A group changes only once a whole transaction is encoded, so it is whole after a panic.
        catch_unwind(AssertUnwindSafe(|| group.add(operations, durable)))
    }

    /// Makes a group of so many transactions durable, then visible.
    fn write(&mut self, group: Group, transactions: usize) -> Result<(), CommitError> {
        let began = Instant::now();
        let written = if group.events().is_empty() { Ok(()) } else { self.durable.append(group.events()) };
        if written.is_ok() {
            self.shared.publish(group.into_events());
        }
        self.last = LastGroup { transactions, took: began.elapsed() };
        written
    }
}

/// Even a refusal depends on the sync: it may be due to a transaction of the same group.
fn settle(outcome: Outcome, written: &Result<(), CommitError>) -> Outcome {
    match written {
        Ok(()) => outcome,
        Err(error) => outcome.map(|_| Err(error.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::State;
    use crate::testing::wait;

    fn writer() -> Writer {
        Writer::new(Arc::new(Shared::new(State::new(0))), Box::new(MemoryOnly))
    }

    fn request() -> Request {
        Request { operations: Vec::new(), reply: oneshot::channel().0 }
    }

    #[test]
    fn a_group_waits_for_as_many_as_the_last_one_had_and_not_for_more() {
        let (sender, mut queue) = mpsc::channel(1);
        let mut writer = writer();
        writer.last.transactions = 2;
        let in_a_while = Instant::now() + Duration::from_secs(600);
        let other = sender.clone();
        let sending = std::thread::spawn(move || other.blocking_send(request()).is_ok());
        assert!(writer.next(&mut queue, 1, in_a_while).is_some(), "one is expected, and comes");
        assert!(sending.join().unwrap());
        assert!(writer.next(&mut queue, 2, in_a_while).is_none(), "nobody else is expected");
        assert!(
            writer.next(&mut queue, 1, Instant::now()).is_none(),
            "who is expected does not come in time"
        );
        drop(sender);
    }

    #[test]
    fn who_is_alone_has_the_writer_and_who_is_not_queues() {
        let desk = Desk::new(writer());
        assert!(desk.alone().is_some(), "nobody else is there");

        let writing = desk.writer.lock().unwrap();
        assert!(desk.alone().is_none(), "somebody writes");
        drop(writing);

        desk.writer.lock().unwrap().last.transactions = 2;
        assert!(desk.alone().is_none(), "another is expected");
        desk.writer.lock().unwrap().last.transactions = 1;

        let (sender, queue) = mpsc::channel(1);
        assert!(wait(desk.queue(&sender, request())));
        assert!(desk.alone().is_none(), "another waits");
        drop(sender);
        desk.serve(queue);
        assert!(desk.alone().is_some(), "all who waited were answered");
    }
}
