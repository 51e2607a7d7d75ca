//! How long to hold back from repeating what failed.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use tokio::time::Instant;

const FIRST: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(300);

/// The kubelet's back-off of crashing containers: none after the first end, then ten seconds, doubling to five
/// minutes; forgotten by a container that ran for ten minutes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct RestartBackoff(Option<LastRestart>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct LastRestart {
    delay: Duration,
    at: Timestamp,
}

impl RestartBackoff {
    /// How long in all, and until when, a container that ended at `ended` waits; `None` if it need not.
    pub(crate) fn holds(&self, ended: Timestamp, now: Timestamp) -> Option<(Duration, Timestamp)> {
        let last = self.0.filter(|last| !is_forgotten(last, ended))?;
        let until = ended.saturating_add(last.delay).ok()?;
        (now < until).then_some((last.delay, until))
    }

    /// The container, which ended at `ended`, is restarted now.
    pub(crate) fn restarted(&mut self, ended: Timestamp, now: Timestamp) {
        let delay = match self.0.filter(|last| !is_forgotten(last, ended)) {
            Some(last) => (last.delay * 2).min(LONGEST),
            None => FIRST,
        };
        self.0 = Some(LastRestart { delay, at: now });
    }
}

/// What the container waited does not count: only how long it ran since.
fn is_forgotten(last: &LastRestart, ended: Timestamp) -> bool {
    Duration::try_from(ended.duration_since(last.at)).is_ok_and(|ran| ran > LONGEST * 2)
}

/// Back-off of anything that failed and is tried again: `first`, doubling to `longest`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Retry {
    next: Duration,
    longest: Duration,
    due: Option<Instant>,
}

impl Retry {
    pub(crate) fn new(first: Duration, longest: Duration) -> Self {
        Retry { next: first, longest, due: None }
    }

    /// For pulling an image.
    pub(crate) fn of_pull() -> Self {
        Retry::new(FIRST, LONGEST)
    }

    /// For what the node itself does: a sandbox, a volume, a container that cannot be made.
    pub(crate) fn of_setup() -> Self {
        Retry::new(Duration::from_secs(1), Duration::from_secs(60))
    }

    pub(crate) fn failed(&mut self, now: Instant) -> Instant {
        let due = now + self.next;
        self.next = (self.next * 2).min(self.longest);
        self.due = Some(due);
        due
    }

    /// When the next attempt may be made, if that lies ahead.
    pub(crate) fn holds(&self, now: Instant) -> Option<Instant> {
        self.due.filter(|due| now < *due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + seconds).unwrap()
    }

    #[test]
    fn the_first_restart_is_immediate_and_the_next_ones_wait_longer() {
        let mut backoff = RestartBackoff::default();
        let mut now = 0;
        let mut waits = Vec::new();
        for _ in 0..8 {
            let ended = at(now);
            if let Some((delay, until)) = backoff.holds(ended, at(now)) {
                assert_eq!(until, ended + delay);
                now += i64::try_from(delay.as_secs()).unwrap();
                waits.push(delay.as_secs());
            } else {
                waits.push(0);
            }
            assert_eq!(backoff.holds(ended, at(now)), None);
            backoff.restarted(ended, at(now));
        }
        assert_eq!(waits, [0, 10, 20, 40, 80, 160, 300, 300]);
    }

    #[test]
    fn ten_quiet_minutes_are_forgiven() {
        let mut backoff = RestartBackoff::default();
        backoff.restarted(at(0), at(0));
        backoff.restarted(at(9), at(10));
        assert!(backoff.holds(at(11), at(12)).is_some());
        assert!(backoff.holds(at(700), at(701)).is_none());
        backoff.restarted(at(700), at(701));
        assert_eq!(backoff.holds(at(702), at(703)).unwrap().0, FIRST);
    }

    #[test]
    fn a_pause_is_no_quiet_time() {
        let mut backoff = RestartBackoff::default();
        for _ in 0..6 {
            backoff.restarted(at(0), at(0));
        }
        // It ran for nine minutes and waits for five more.
        assert_eq!(backoff.holds(at(540), at(700)), Some((LONGEST, at(840))));
    }

    #[test]
    fn a_retry_doubles_to_its_limit() {
        let start = Instant::now();
        let mut retry = Retry::of_setup();
        assert_eq!(retry.holds(start), None);
        let delays: Vec<_> = (0..8).map(|_| (retry.failed(start) - start).as_secs()).collect();
        assert_eq!(delays, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert!(retry.holds(start).is_some());
        assert_eq!(retry.holds(start + Duration::from_secs(61)), None);
    }
}
