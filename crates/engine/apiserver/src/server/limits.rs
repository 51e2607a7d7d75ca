//! How many requests may be under way, and how long each may take.

use std::time::Duration;

use bythos_access::{MASTERS, User};
use http::Method;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::request::Query;
use crate::status::Failure;

/// How long a request may take; it may ask for less.
const TIME_MAX: Duration = Duration::from_secs(60);
/// Requests under way at once that only read.
const READING_MAX: usize = 400;
/// Requests under way at once that write.
const WRITING_MAX: usize = 200;
/// Further places, for the system itself: whoever is to mend an overload must get through it.
const RESERVED_MAX: usize = 100;
/// Groups of the system itself.
const SYSTEM: [&str; 3] = [MASTERS, "system:nodes", "system:bythos"];

/// The places that requests take while they are under way. Watches and the like take none.
pub(super) struct InFlight {
    reading: Semaphore,
    writing: Semaphore,
    reserved: Semaphore,
}

impl InFlight {
    pub(super) fn new() -> InFlight {
        InFlight::of(READING_MAX, WRITING_MAX, RESERVED_MAX)
    }

    fn of(reading: usize, writing: usize, reserved: usize) -> InFlight {
        InFlight {
            reading: Semaphore::new(reading),
            writing: Semaphore::new(writing),
            reserved: Semaphore::new(reserved),
        }
    }

    /// A place for a request, until it is dropped.
    pub(super) fn enter(&self, method: &Method, user: &User) -> Result<SemaphorePermit<'_>, Failure> {
        let own = if method.is_safe() { &self.reading } else { &self.writing };
        let is_system = SYSTEM.iter().any(|group| user.is_in(group));
        let reserved = || is_system.then(|| self.reserved.try_acquire().ok()).flatten();
        own.try_acquire().ok().or_else(reserved).ok_or(Failure::TooManyRequests)
    }
}

/// How long a request may take, by its query parameter `timeout`, for example `1m30s`.
pub(super) fn time(uri: &http::Uri) -> Result<Duration, Failure> {
    let query = Query::parse(uri.query().unwrap_or_default());
    let Some(asked) = query.get("timeout") else { return Ok(TIME_MAX) };
    match parse_duration(asked) {
        // As upstream: nothing asked for.
        Some(time) if time.is_zero() => Ok(TIME_MAX),
        Some(time) => Ok(time.min(TIME_MAX)),
        None => Err(Failure::BadRequest(format!(
            "invalid timeout specified in the request URL: {asked:?}: expected a duration such as \"30s\" or \"1m30s\""
        ))),
    }
}

/// A duration as Go writes it.
fn parse_duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(number_end);
        let unit_end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, next) = after.split_at(unit_end);
        let seconds = match unit {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        let number: f64 = number.parse().ok()?;
        total = total.checked_add(Duration::try_from_secs_f64(number * seconds).ok()?)?;
        rest = next;
    }
    (!text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_do_not_take_each_others_places() {
        let in_flight = InFlight::of(1, 1, 0);
        let bob = User::authenticated("bob", &[]);
        let reads = in_flight.enter(&Method::GET, &bob).unwrap();
        assert!(matches!(in_flight.enter(&Method::GET, &bob), Err(Failure::TooManyRequests)));
        let _writes = in_flight.enter(&Method::POST, &bob).unwrap();
        assert!(in_flight.enter(&Method::DELETE, &bob).is_err());
        drop(reads);
        assert!(in_flight.enter(&Method::HEAD, &bob).is_ok());
    }

    #[test]
    fn the_system_has_places_of_its_own() {
        let in_flight = InFlight::of(0, 0, 1);
        let root = User::authenticated("root", &[MASTERS]);
        assert!(in_flight.enter(&Method::GET, &User::authenticated("bob", &["staff"])).is_err());
        let taken = in_flight.enter(&Method::PUT, &root).unwrap();
        assert!(in_flight.enter(&Method::GET, &root).is_err());
        drop(taken);
        assert!(in_flight.enter(&Method::GET, &User::authenticated("one", &["system:nodes"])).is_ok());
    }

    #[track_caller]
    fn check(uri: &str, expected: Option<Duration>) {
        assert_eq!(time(&uri.parse().unwrap()).ok(), expected, "{uri}");
    }

    #[test]
    fn a_request_may_ask_for_less_time() {
        check("/api", Some(TIME_MAX));
        check("/api?timeout=", Some(TIME_MAX));
        check("/api?timeout=0s", Some(TIME_MAX));
        check("/api?timeout=1.5s", Some(Duration::from_millis(1500)));
        check("/api?timeout=1m30s", Some(TIME_MAX));
        check("/api?timeout=100ms", Some(Duration::from_millis(100)));
        for nonsense in ["5", "s", "1x", "-1s", "1s1", "1..2s", "1e5s"] {
            check(&format!("/api?timeout={nonsense}"), None);
        }
    }
}
