//! The status of a Job. Pure.

use std::sync::Arc;

use k8s_openapi::api::batch::v1::{JobStatus, UncountedTerminatedPods};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::conditions::{self, Type};
use super::manage::Change;
use super::tally::{Tally, Tracking, count};
use super::verdict::Verdict;
use super::view::{Standing, View};
use crate::pods;

/// Whether the cache shows all that was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sight {
    Whole,
    Behind,
}

/// The status that the Job should have.
pub(super) fn status(
    view: &View<'_>,
    tally: &Tally,
    tracking: &Tracking,
    verdict: Option<&Verdict>,
    change: &Change,
    sight: Sight,
) -> JobStatus {
    let unless_zero = |count: i32| Some(count).filter(|count| *count != 0);
    let stays = |pod: &&Arc<Pod>| !change.removes(pod);
    let active = view.standing(Standing::Active).filter(stays).count() + change.create.len();
    let ready = view.standing(Standing::Active).filter(stays).filter(|pod| pods::is_ready(pod)).count();
    let some = |uids: &[String]| Some(uids.to_vec()).filter(|uids| !uids.is_empty());
    let mut status = JobStatus {
        active: unless_zero(count(active)),
        ready: Some(count(ready)),
        terminating: Some(count(view.terminating().count())),
        succeeded: unless_zero(tracking.succeeded),
        failed: unless_zero(tracking.failed),
        completed_indexes: Some(tally.completed_indexes.to_string()).filter(|text| !text.is_empty()),
        failed_indexes: tally.failed_indexes.as_ref().map(ToString::to_string),
        uncounted_terminated_pods: Some(UncountedTerminatedPods {
            succeeded: some(&tracking.uncounted_succeeded),
            failed: some(&tracking.uncounted_failed),
        }),
        start_time: view.start_time().map(Time),
        completion_time: None,
        conditions: None,
    };
    set_conditions(&mut status, view, tracking, verdict, sight);
    status
}

fn set_conditions(
    status: &mut JobStatus,
    view: &View<'_>,
    tracking: &Tracking,
    verdict: Option<&Verdict>,
    sight: Sight,
) {
    let mut conditions = view.before.conditions.clone().unwrap_or_default();
    match verdict {
        Some(verdict) => {
            let words = (verdict.reason.as_str(), verdict.message.as_str());
            let (first, last) = if verdict.is_success {
                (Type::SuccessCriteriaMet, Type::Complete)
            } else {
                (Type::FailureTarget, Type::Failed)
            };
            conditions::set(&mut conditions, first, true, words, view.now);
            let is_empty = status.active.is_none() && status.terminating == Some(0);
            if is_empty && sight == Sight::Whole && tracking.is_settled() {
                conditions::set(&mut conditions, last, true, words, view.now);
                status.completion_time = Some(Time(view.now)).filter(|_| verdict.is_success);
            }
        }
        None if sight == Sight::Behind || view.is_ending() => {}
        None if view.is_suspended() => {
            let words = ("JobSuspended", "Job suspended");
            conditions::set(&mut conditions, Type::Suspended, true, words, view.now);
        }
        None => {
            let words = ("JobResumed", "Job resumed");
            conditions::set(&mut conditions, Type::Suspended, false, words, view.now);
        }
    }
    status.conditions = Some(conditions).filter(|conditions| !conditions.is_empty());
}
