//! How long the replacement of a failed pod waits: ten seconds, doubling with each failure in a row. Pure.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;

use super::view::{Standing, View};
use crate::pods;

const FIRST: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(600);
/// Failures of the pod's index before this pod.
pub(super) const FAILURES: &str = "batch.kubernetes.io/job-index-failure-count";
/// Of the pod's index before this pod, those that the failure policy ignores.
pub(super) const IGNORED_FAILURES: &str = "batch.kubernetes.io/job-index-ignored-failure-count";

/// How long the next pod of the Job has to wait: after the last failure, by the failures since the last success.
pub(super) fn of_job(view: &View<'_>) -> Duration {
    let ends = |standing| view.standing(standing).filter_map(|pod| end_time(pod));
    let last_success = ends(Standing::Succeeded).max();
    let failures: Vec<Timestamp> =
        ends(Standing::Failed).filter(|end| last_success.is_none_or(|success| *end > success)).collect();
    let count = i32::try_from(failures.len()).unwrap_or(i32::MAX);
    failures.into_iter().max().map_or(Duration::ZERO, |last| remaining(count, last, view.now))
}

/// How long the replacement of `last`, the last pod of its index, has to wait.
pub(super) fn of_index(last: &Pod, now: Timestamp) -> Duration {
    let failures = number(last, FAILURES).saturating_add(number(last, IGNORED_FAILURES)).saturating_add(1);
    end_time(last).map_or(Duration::ZERO, |end| remaining(failures, end, now))
}

/// A count in an annotation; zero where it is left out.
pub(super) fn number(pod: &Pod, annotation: &str) -> i32 {
    let annotations = pod.metadata.annotations.as_ref();
    annotations.and_then(|all| all.get(annotation)?.parse().ok()).unwrap_or_default()
}

fn remaining(failures: i32, last: Timestamp, now: Timestamp) -> Duration {
    let doublings = u32::try_from(failures.saturating_sub(1)).unwrap_or_default().min(16);
    let delay = FIRST.saturating_mul(1 << doublings).min(LONGEST);
    delay.saturating_sub(Duration::try_from(now.duration_since(last)).unwrap_or_default())
}

/// When the last container of a pod ended, or what comes closest to that.
fn end_time(pod: &Pod) -> Option<Timestamp> {
    let containers = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
    let ended = containers
        .filter_map(|container| container.state.as_ref()?.terminated.as_ref()?.finished_at.as_ref());
    let unready =
        || pods::condition(pod, "Ready").and_then(|condition| condition.last_transition_time.as_ref());
    let meta = &pod.metadata;
    let time = ended.max_by_key(|time| time.0).or_else(unready);
    let time = time.or(meta.deletion_timestamp.as_ref()).or(meta.creation_timestamp.as_ref());
    time.map(|time| time.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{from_value, json};
    use std::sync::Arc;

    fn pod(phase: &str, ended_at: u8) -> Arc<Pod> {
        Arc::new(
            from_value(json!({ "metadata": {}, "status": { "phase": phase, "containerStatuses": [{
                "name": "c", "image": "i", "imageID": "", "ready": false, "restartCount": 0,
                "state": { "terminated": { "exitCode": 1, "finishedAt": format!("2026-01-01T00:00:{ended_at:02}Z") } },
            }]}}))
            .unwrap(),
        )
    }

    #[track_caller]
    fn check(pods: &[Arc<Pod>], expected_seconds: u64) {
        let job = Default::default();
        let view = View::new(&job, pods, "2026-01-01T00:00:30Z".parse().unwrap());
        assert_eq!(of_job(&view), Duration::from_secs(expected_seconds));
    }

    #[test]
    fn the_delay_doubles_with_each_failure_since_the_last_success() {
        check(&[], 0);
        check(&[pod("Failed", 25)], 5);
        check(&[pod("Failed", 10)], 0);
        check(&[pod("Failed", 20), pod("Failed", 29)], 19);
        check(&[pod("Failed", 20), pod("Failed", 29), pod("Succeeded", 22)], 9);
        check(&[pod("Failed", 20), pod("Succeeded", 29)], 0);
        let many: Vec<_> = (0..20).map(|_| pod("Failed", 30)).collect();
        check(&many, 600);
    }
}
