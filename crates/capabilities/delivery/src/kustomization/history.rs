//! The last attempts, as the status lists them: newest first, at most five, equal ones counted. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use bythos_api::flux::{GoDuration, Snapshot};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

use crate::condition::Reason;

const SNAPSHOTS_MAX: usize = 5;

/// An attempt that ended.
pub(super) struct Attempt {
    /// Digest of the objects that were built.
    pub(super) digest: String,
    pub(super) reason: Reason,
    pub(super) took: Duration,
    pub(super) revision: String,
    pub(super) origin_revision: Option<String>,
}

/// Notes an attempt. One that ended as an earlier one with the same objects takes its place.
pub(super) fn note(history: &mut Vec<Snapshot>, attempt: Attempt, now: Timestamp) {
    let status = attempt.reason.as_str();
    let known = history
        .iter()
        .position(|it| it.digest == attempt.digest && it.last_reconciled_status == status)
        .map(|index| history.remove(index));
    let mut metadata = BTreeMap::from([("revision".to_owned(), attempt.revision)]);
    metadata.extend(attempt.origin_revision.map(|revision| ("originRevision".to_owned(), revision)));
    let snapshot = Snapshot {
        first_reconciled: known.as_ref().map_or(Time(now), |it| it.first_reconciled.clone()),
        total_reconciliations: known.map_or(0, |it| it.total_reconciliations) + 1,
        digest: attempt.digest,
        last_reconciled: Time(now),
        last_reconciled_duration: GoDuration(attempt.took),
        last_reconciled_status: status.to_owned(),
        metadata: Some(metadata),
    };
    history.insert(0, snapshot);
    history.truncate(SNAPSHOTS_MAX);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(digest: &str, reason: Reason) -> Attempt {
        Attempt {
            digest: digest.to_owned(),
            reason,
            took: Duration::from_millis(1500),
            revision: "main@sha1:aaa".to_owned(),
            origin_revision: None,
        }
    }

    #[test]
    fn equal_attempts_are_counted_and_come_first() {
        let mut history = Vec::new();
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        note(&mut history, attempt("a", Reason::ReconciliationSucceeded), at(1));
        note(&mut history, attempt("b", Reason::ReconciliationSucceeded), at(2));
        note(&mut history, attempt("a", Reason::HealthCheckFailed), at(3));
        note(&mut history, attempt("a", Reason::ReconciliationSucceeded), at(4));
        let seen: Vec<(&str, &str, i64)> = history
            .iter()
            .map(|it| (it.digest.as_str(), it.last_reconciled_status.as_str(), it.total_reconciliations))
            .collect();
        assert_eq!(
            seen,
            [
                ("a", "ReconciliationSucceeded", 2),
                ("a", "HealthCheckFailed", 1),
                ("b", "ReconciliationSucceeded", 1)
            ]
        );
        assert_eq!(history[0].first_reconciled, Time(at(1)));
        assert_eq!(history[0].last_reconciled, Time(at(4)));
    }

    #[test]
    fn only_the_last_five_are_kept() {
        let mut history = Vec::new();
        for number in 0..9 {
            let name = number.to_string();
            note(&mut history, attempt(&name, Reason::ReconciliationSucceeded), Timestamp::UNIX_EPOCH);
        }
        let kept: Vec<&str> = history.iter().map(|it| it.digest.as_str()).collect();
        assert_eq!(kept, ["8", "7", "6", "5", "4"]);
    }
}
