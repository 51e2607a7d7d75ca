//! Whether a Job is over, and why. Pure.

use super::conditions::{self, Type};
use super::success_policy;
use super::tally::Tally;
use super::view::{Standing, View};
use crate::pods;

/// How a Job ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) is_success: bool,
    pub(super) reason: String,
    pub(super) message: String,
}

impl Verdict {
    fn failure(reason: &str, message: &str) -> Verdict {
        Verdict { is_success: false, reason: reason.to_owned(), message: message.to_owned() }
    }

    fn success(reason: &str, message: &str) -> Verdict {
        Verdict { is_success: true, reason: reason.to_owned(), message: message.to_owned() }
    }
}

/// The verdict; none while the Job goes on. A verdict that stands in the status stays.
pub(super) fn of(view: &View<'_>, tally: &Tally) -> Option<Verdict> {
    spoken(view)
        .or_else(|| failure(view, tally))
        .or_else(|| failure_of_indexes(view, tally))
        .or_else(|| {
            let policy = view.spec.success_policy.as_ref();
            let words = success_policy::met(policy, view.completions(), &tally.completed_indexes)?;
            Some(Verdict::success("SuccessPolicy", &words))
        })
        .or_else(|| {
            is_complete(view, tally)
                .then(|| Verdict::success("CompletionsReached", "Reached expected number of succeeded pods"))
        })
}

fn spoken(view: &View<'_>) -> Option<Verdict> {
    [(Type::FailureTarget, false), (Type::SuccessCriteriaMet, true)].into_iter().find_map(
        |(type_, is_success)| {
            let condition =
                conditions::find(&view.before, type_).filter(|condition| condition.status == "True")?;
            Some(Verdict {
                is_success,
                reason: condition.reason.clone().unwrap_or_default(),
                message: condition.message.clone().unwrap_or_default(),
            })
        },
    )
}

fn failure(view: &View<'_>, tally: &Tally) -> Option<Verdict> {
    if let Some(words) = &tally.fails_job {
        return Some(Verdict::failure("PodFailurePolicy", words));
    }
    // Where indexes have a limit of their own, the Job has none unless it says so.
    let default = if view.spec.backoff_limit_per_index.is_some() { i32::MAX } else { 6 };
    let limit = view.spec.backoff_limit.unwrap_or(default);
    if tally.failed > limit || restarts_exceed(view, limit) {
        let words = "Job has reached the specified backoff limit";
        return Some(Verdict::failure("BackoffLimitExceeded", words));
    }
    let is_late = view.time_to_deadline().is_some_and(|rest| rest.is_zero());
    is_late.then(|| Verdict::failure("DeadlineExceeded", "Job was active longer than specified deadline"))
}

/// Pods that are restarted in place fail by their restarts.
fn restarts_exceed(view: &View<'_>, limit: i32) -> bool {
    let policy = view.spec.template.spec.as_ref().and_then(|spec| spec.restart_policy.as_deref());
    if policy != Some("OnFailure") {
        return false;
    }
    let running = view.pods().filter(|pod| matches!(pods::phase(pod), "Running" | "Pending"));
    let restarts = running
        .filter_map(|pod| pod.status.as_ref())
        .flat_map(|status| status.container_statuses.iter().chain(&status.init_container_statuses).flatten());
    let restarts = restarts.fold(0_i32, |sum, container| sum.saturating_add(container.restart_count));
    if limit == 0 { restarts > 0 } else { restarts >= limit }
}

fn failure_of_indexes(view: &View<'_>, tally: &Tally) -> Option<Verdict> {
    let failed = tally.failed_indexes.as_ref()?;
    if view.spec.max_failed_indexes.is_some_and(|max| failed.len() > max) {
        let words = "Job has exceeded the specified maximal number of failed indexes";
        return Some(Verdict::failure("MaxFailedIndexesExceeded", words));
    }
    let all_ended = failed.len() + tally.completed_indexes.len() >= view.completions();
    (!failed.is_empty() && all_ended).then(|| Verdict::failure("FailedIndexes", "Job has failed indexes"))
}

fn is_complete(view: &View<'_>, tally: &Tally) -> bool {
    let is_idle = view.standing(Standing::Active).next().is_none();
    let is_enough = match view.spec.completions {
        Some(completions) => tally.succeeded >= completions,
        // Workers without a count are done when one of them is, and the others have ended.
        None => tally.succeeded > 0,
    };
    is_idle && is_enough
}

#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "cases are written in place")]
mod tests {
    use std::sync::Arc;

    use super::*;
    use k8s_openapi::api::batch::v1::Job;
    use k8s_openapi::api::core::v1::Pod;
    use serde_json::{Value, from_value, json};

    fn pod(phase: &str, restarts: i32) -> Arc<Pod> {
        let container =
            json!({ "name": "c", "image": "i", "imageID": "", "ready": true, "restartCount": restarts });
        let metadata = json!({ "finalizers": ["batch.kubernetes.io/job-tracking"], "uid": phase });
        Arc::new(
            from_value(json!({ "metadata": metadata, "status": { "phase": phase, "containerStatuses": [container] } }))
                .unwrap(),
        )
    }

    #[track_caller]
    fn check(spec: Value, pods: &[Arc<Pod>], expected: Option<&str>) {
        let mut whole = json!({ "template": { "spec": { "containers": [], "restartPolicy": "OnFailure" } } });
        whole.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        let status = json!({ "startTime": "2026-01-01T00:00:00Z" });
        let job: Job = from_value(json!({ "metadata": {}, "spec": whole, "status": status })).unwrap();
        let view = View::new(&job, pods, "2026-01-01T00:01:00Z".parse().unwrap());
        let verdict = of(&view, &Tally::of(&view));
        assert_eq!(verdict.map(|verdict| verdict.reason).as_deref(), expected);
    }

    #[test]
    fn pods_that_are_restarted_in_place_fail_by_their_restarts() {
        let one = json!({ "completions": 1, "backoffLimit": 2 });
        check(one.clone(), &[pod("Running", 1)], None);
        check(one, &[pod("Running", 2)], Some("BackoffLimitExceeded"));
        let none = json!({ "completions": 1, "backoffLimit": 0 });
        check(none.clone(), &[pod("Running", 0)], None);
        check(none, &[pod("Running", 1)], Some("BackoffLimitExceeded"));
    }

    #[test]
    fn workers_without_a_count_are_done_when_one_has_succeeded_and_the_others_have_ended() {
        let workers = json!({ "parallelism": 2 });
        check(workers.clone(), &[pod("Succeeded", 0), pod("Running", 0)], None);
        check(workers.clone(), &[pod("Succeeded", 0), pod("Failed", 0)], Some("CompletionsReached"));
        check(workers, &[pod("Failed", 0)], None);
    }

    #[test]
    fn a_deadline_ends_a_job_that_is_not_suspended() {
        check(json!({ "completions": 1, "activeDeadlineSeconds": 61 }), &[], None);
        check(json!({ "completions": 1, "activeDeadlineSeconds": 60 }), &[], Some("DeadlineExceeded"));
        check(json!({ "completions": 1, "activeDeadlineSeconds": 60, "suspend": true }), &[], None);
    }
}
