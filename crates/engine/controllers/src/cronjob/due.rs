//! Which time of a schedule is due. Pure.

use bythos_cron::Schedule;
use k8s_openapi::api::batch::v1::CronJob;
use k8s_openapi::jiff::tz::TimeZone;
use k8s_openapi::jiff::{SignedDuration, Timestamp};

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
pub(super) fn of(cron_job: &CronJob, schedule: &Schedule, zone: &TimeZone, now: Timestamp) -> Due {
    let last = cron_job.status.as_ref().and_then(|status| status.last_schedule_time.as_ref());
    let Some(since) = last.or(cron_job.metadata.creation_timestamp.as_ref()) else { return Due::Nothing };
    let deadline = cron_job.spec.starting_deadline_seconds;
    // What is too late anyway need not be looked for.
    let earliest = deadline
        .and_then(|seconds| now.checked_sub(SignedDuration::from_secs(seconds.saturating_add(1))).ok());
    let since = earliest.map_or(since.0, |earliest| earliest.max(since.0));
    match schedule.last_within(since, now, zone) {
        Some(time) => Due::At { time, missed: missed(schedule, zone, since, now) },
        None => Due::Nothing,
    }
}

fn missed(schedule: &Schedule, zone: &TimeZone, since: Timestamp, now: Timestamp) -> i64 {
    let first = schedule.next_after(since, zone);
    let second = first.and_then(|first| schedule.next_after(first, zone));
    match (first, second) {
        (Some(first), Some(second)) if second <= now => {
            now.duration_since(first).as_secs() / second.duration_since(first).as_secs().max(1) + 1
        }
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, from_value, json};

    #[track_caller]
    fn check(last: Option<&str>, deadline: Value, now: &str, expected: Option<(&str, i64)>) {
        let cron_job: CronJob = from_value(json!({
            "metadata": { "creationTimestamp": "2026-01-01T00:00:30Z" },
            "spec": { "schedule": "", "jobTemplate": {}, "startingDeadlineSeconds": deadline },
            "status": { "lastScheduleTime": last },
        }))
        .unwrap();
        let due = of(&cron_job, &"*/10 * * * *".parse().unwrap(), &TimeZone::UTC, now.parse().unwrap());
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
}
