//! A queue of keys, each worked on by one worker at a time.
//!
//! The semantics are those of client-go's `workqueue`: a key added while it waits is there once; a key added
//! while it is worked on comes again when that work is done; a failed key returns with growing delay.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::Rng as _;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::controller::ObjectKey;

const FIRST_DELAY: Duration = Duration::from_millis(50);
/// A key that is to come later than this comes now and then all the same.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);
const LONGEST_DELAY: Duration = Duration::from_secs(60);

#[derive(Default)]
struct State {
    ready: VecDeque<ObjectKey>,
    waiting: BTreeSet<ObjectKey>,
    working: BTreeSet<ObjectKey>,
    again: BTreeSet<ObjectKey>,
    later: BTreeSet<(Instant, ObjectKey)>,
    due: BTreeMap<ObjectKey, Instant>,
    failures: BTreeMap<ObjectKey, u32>,
}

impl State {
    fn add(&mut self, key: ObjectKey) {
        self.cancel_later(&key);
        if self.working.contains(&key) {
            self.again.insert(key);
        } else if self.waiting.insert(key.clone()) {
            self.ready.push_back(key);
        }
    }

    fn cancel_later(&mut self, key: &ObjectKey) {
        if let Some(due) = self.due.remove(key) {
            self.later.remove(&(due, key.clone()));
        }
    }

    /// Moves what has come due to the ready keys and tells when the next one will be.
    fn promote(&mut self, now: Instant) -> Option<Instant> {
        while let Some((due, key)) = self.later.first().cloned() {
            if due > now {
                return Some(due);
            }
            self.add(key);
        }
        None
    }
}

/// See the module's documentation.
#[derive(Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    changed: Notify,
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        // A panic of a worker never happens while the lock is held; the state stays whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, key: ObjectKey) {
        self.state().add(key);
        self.changed.notify_one();
    }

    pub(crate) fn add_after(&self, key: ObjectKey, delay: Duration) {
        let due = Instant::now() + delay.min(LONGEST_WAIT);
        let mut state = self.state();
        if state.due.get(&key).is_some_and(|earlier| *earlier <= due) {
            return;
        }
        state.cancel_later(&key);
        state.due.insert(key.clone(), due);
        state.later.insert((due, key));
        drop(state);
        self.changed.notify_one();
    }

    /// Puts a failed key back with a delay that doubles with each failure in a row, and returns that delay.
    pub(crate) fn add_failed(&self, key: ObjectKey) -> Duration {
        let failures = {
            let mut state = self.state();
            let count = state.failures.entry(key.clone()).or_default();
            *count = count.saturating_add(1);
            *count
        };
        let delay = backoff(failures);
        self.add_after(key, delay);
        delay
    }

    pub(crate) fn forget_failures(&self, key: &ObjectKey) {
        self.state().failures.remove(key);
    }

    /// The next key to work on. The caller must hand it back with [`Queue::done`].
    pub(crate) async fn next(&self) -> ObjectKey {
        loop {
            let changed = self.changed.notified();
            let next_due = {
                let mut state = self.state();
                let next_due = state.promote(Instant::now());
                if let Some(key) = state.ready.pop_front() {
                    state.waiting.remove(&key);
                    state.working.insert(key.clone());
                    // This worker watched the clock for all; another one has to while it is busy.
                    if !state.ready.is_empty() || !state.later.is_empty() {
                        self.changed.notify_one();
                    }
                    return key;
                }
                next_due
            };
            match next_due {
                Some(due) => {
                    tokio::select! {
                        () = changed => {}
                        () = tokio::time::sleep_until(due) => {}
                    }
                }
                None => changed.await,
            }
        }
    }

    pub(crate) fn done(&self, key: &ObjectKey) {
        let mut state = self.state();
        state.working.remove(key);
        if state.again.remove(key) {
            state.add(key.clone());
            drop(state);
            self.changed.notify_one();
        }
    }
}

/// Delay after the `failures`-th failure in a row: doubling, bounded, with up to a quarter of jitter.
fn backoff(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    let delay = FIRST_DELAY.saturating_mul(1 << doublings).min(LONGEST_DELAY);
    delay.mul_f64(rand::rng().random_range(1.0..1.25))
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn key(name: &str) -> ObjectKey {
        ObjectKey::namespaced("default", name)
    }

    fn next_now(queue: &Queue) -> Option<ObjectKey> {
        queue.next().now_or_never()
    }

    #[tokio::test]
    async fn a_key_added_twice_is_handed_out_once() {
        let queue = Queue::default();
        queue.add(key("a"));
        queue.add(key("a"));
        queue.add(key("b"));
        assert_eq!(next_now(&queue), Some(key("a")));
        assert_eq!(next_now(&queue), Some(key("b")));
        assert_eq!(next_now(&queue), None);
    }

    #[tokio::test]
    async fn a_key_added_while_worked_on_comes_again_after_the_work() {
        let queue = Queue::default();
        queue.add(key("a"));
        let first = queue.next().await;
        queue.add(key("a"));
        assert_eq!(next_now(&queue), None);
        queue.done(&first);
        assert_eq!(next_now(&queue), Some(key("a")));
    }

    #[tokio::test]
    async fn a_delayed_key_comes_when_due_and_a_change_brings_it_forward() {
        let queue = Queue::default();
        queue.add_after(key("a"), Duration::from_secs(3600));
        queue.add_after(key("b"), Duration::from_secs(7200));
        assert_eq!(next_now(&queue), None);
        queue.add(key("b"));
        assert_eq!(next_now(&queue), Some(key("b")));
        let in_an_hour = Instant::now() + Duration::from_secs(3600);
        assert_eq!(queue.state().promote(in_an_hour), None, "nothing is left to come");
        assert_eq!(next_now(&queue), Some(key("a")));
    }

    #[tokio::test]
    async fn of_two_delays_the_earlier_counts() {
        let queue = Queue::default();
        queue.add_after(key("a"), Duration::from_secs(60));
        queue.add_after(key("a"), Duration::from_secs(3600));
        assert_eq!(queue.state().promote(Instant::now() + Duration::from_secs(60)), None);
        assert_eq!(next_now(&queue), Some(key("a")));
    }

    #[tokio::test]
    async fn failures_in_a_row_wait_longer_until_forgotten() {
        let queue = Queue::default();
        let first = queue.add_failed(key("a"));
        let second = queue.add_failed(key("a"));
        assert!(second > first, "{second:?} after {first:?}");
        for _ in 0..40 {
            assert!(queue.add_failed(key("a")) <= LONGEST_DELAY.mul_f64(1.25));
        }
        queue.forget_failures(&key("a"));
        assert!(queue.add_failed(key("a")) < FIRST_DELAY.mul_f64(1.25));
    }
}
