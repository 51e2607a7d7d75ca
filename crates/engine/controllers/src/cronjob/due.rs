//! Which time of a schedule is due. Pure.

use std::time::Duration;

use k8s_openapi::api::batch::v1::{CronJob, CronJobSpec};
use k8s_openapi::jiff::{SignedDuration, Timestamp};

use super::timetable::Timetable;

/// What is due.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    /// The run of this time; later ones are not due yet, earlier ones are given up.
    At {
        time: Timestamp,
        /// How many times passed since the last run, as far as a regular schedule tells.
        missed: i64,
    },
}

/// What is due now: the last time that passed since the last run, or since the CronJob is there.
pub(super) fn of(cron_job: &CronJob, timetable: &Timetable, now: Timestamp) -> Due {
    let last = cron_job.status.as_ref().and_then(|status| status.last_schedule_time.as_ref());
    let Some(since) = last.or(cron_job.metadata.creation_timestamp.as_ref()) else { return Due::Nothing };
    let deadline = cron_job.spec.starting_deadline_seconds;
    // What is too late anyway need not be looked for.
    let earliest = deadline
        .and_then(|seconds| now.checked_sub(SignedDuration::from_secs(seconds.saturating_add(1))).ok());
    let since = earliest.map_or(since.0, |earliest| earliest.max(since.0));
    match timetable.last_within(since, now) {
        Some(time) => Due::At { time, missed: missed(timetable, since, now) },
        None => Due::Nothing,
    }
}

/// Whether a run may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    Open,
    /// Those that still run have to go first.
    InPlaceOfOthers,
    /// Another one still runs, and there may be only one.
    Busy,
    TooLate,
}

/// Whether the run of `time` may begin while so many others run.
pub(super) fn entry(spec: &CronJobSpec, time: Timestamp, running: usize, now: Timestamp) -> Entry {
    let late = Duration::try_from(now.duration_since(time)).unwrap_or_default();
    let deadline = spec.starting_deadline_seconds.and_then(|seconds| u64::try_from(seconds).ok());
    match spec.concurrency_policy.as_deref() {
        _ if deadline.is_some_and(|seconds| late > Duration::from_secs(seconds)) => Entry::TooLate,
        Some("Forbid") if running > 0 => Entry::Busy,
        Some("Replace") if running > 0 => Entry::InPlaceOfOthers,
        _ => Entry::Open,
    }
}

fn missed(timetable: &Timetable, since: Timestamp, now: Timestamp) -> i64 {
    let first = timetable.next_after(since);
    let second = first.and_then(|first| timetable.next_after(first));
    match (first, second) {
        (Some(first), Some(second)) if second <= now => {
            now.duration_since(first).as_secs() / second.duration_since(first).as_secs().max(1) + 1
        }
        _ => 1,
    }
}

#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "cases are written in place")]
mod tests {
    use super::*;
    use serde_json::{Value, from_value, json};

    #[track_caller]
    fn check(last: Option<&str>, deadline: Value, now: &str, expected: Option<(&str, i64)>) {
        let cron_job: CronJob = from_value(json!({
            "metadata": { "creationTimestamp": "2026-01-01T00:00:30Z" },
            "spec": { "schedule": "*/10 * * * *", "jobTemplate": {}, "startingDeadlineSeconds": deadline },
            "status": { "lastScheduleTime": last },
        }))
        .unwrap();
        let timetable = Timetable::of(&cron_job.spec).unwrap();
        let due = of(&cron_job, &timetable, now.parse().unwrap());
        let expected = expected.map(|(time, missed)| Due::At { time: time.parse().unwrap(), missed });
        assert_eq!(due, expected.unwrap_or(Due::Nothing));
    }

    #[test]
    fn the_last_time_that_passed_is_due_once() {
        check(None, json!(null), "2026-01-01T00:09:00Z", None);
        check(None, json!(null), "2026-01-01T00:10:00Z", Some(("2026-01-01T00:10:00Z", 1)));
        check(Some("2026-01-01T00:10:00Z"), json!(null), "2026-01-01T00:19:00Z", None);
        check(
            Some("2026-01-01T00:10:00Z"),
            json!(null),
            "2026-01-01T01:01:00Z",
            Some(("2026-01-01T01:00:00Z", 5)),
        );
        check(None, json!(30), "2026-01-01T00:10:30Z", Some(("2026-01-01T00:10:00Z", 1)));
        check(None, json!(30), "2026-01-01T00:11:00Z", None);
    }

    #[test]
    fn a_run_begins_beside_others_as_the_policy_says() {
        let spec = |policy: &str| -> CronJobSpec {
            from_value(json!({
                "schedule": "", "jobTemplate": {}, "concurrencyPolicy": policy, "startingDeadlineSeconds": 60,
            }))
            .unwrap()
        };
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        let cases = [
            ("Allow", 1, 1, Entry::Open),
            ("Forbid", 1, 1, Entry::Busy),
            ("Forbid", 0, 1, Entry::Open),
            ("Replace", 1, 1, Entry::InPlaceOfOthers),
            ("Allow", 0, 61, Entry::TooLate),
        ];
        for (policy, running, now, expected) in cases {
            assert_eq!(entry(&spec(policy), at(0), running, at(now)), expected, "{policy} {running} {now}");
        }
    }
}
