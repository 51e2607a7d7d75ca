//! Counting the pods that have ended. Pure.
//!
//! A pod counts once: while it has the finalizer it is on its way into the count, by its uid in the status or, where
//! it succeeded for an index, by that index; without the finalizer it is counted already.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;

use super::failure_policy::{self, Meaning};
use super::indexes::Indexes;
use super::verdict::Verdict;
use super::view::{Standing, View};
use super::{backoff, has_finalizer};

/// Most pods that are on their way into the count at a time: their uids stand in the status.
const UNCOUNTED_MAX: usize = 500;

/// See the module's documentation.
pub(super) struct Tally {
    /// All that succeeded: pods, or indexes of an Indexed Job.
    pub(super) succeeded: i32,
    /// All pods that failed.
    pub(super) failed: i32,
    pub(super) completed_indexes: Indexes,
    /// Present where indexes may fail alone.
    pub(super) failed_indexes: Option<Indexes>,
    /// Failed pods that are kept until their replacement has taken over their count, by index.
    pub(super) kept: BTreeMap<i32, Arc<Pod>>,
    /// The words of the rule by which a failed pod fails the Job.
    pub(super) fails_job: Option<String>,
}

impl Tally {
    pub(super) fn of(view: &View<'_>) -> Tally {
        let before = &view.before;
        let (mut known_succeeded, mut known_failed) = (BTreeSet::<&str>::new(), BTreeSet::<&str>::new());
        if let Some(uncounted) = &before.uncounted_terminated_pods {
            known_succeeded.extend(uncounted.succeeded.iter().flatten().map(String::as_str));
            known_failed.extend(uncounted.failed.iter().flatten().map(String::as_str));
        }
        let is_new = |pod: &&Arc<Pod>| {
            let uid = uid_of(pod);
            has_finalizer(pod)
                && !known_succeeded.contains(uid)
                && !known_failed.contains(uid)
                && counts(view, pod)
        };
        let completed_indexes = completed(view);
        let succeeded = if view.is_indexed() {
            completed_indexes.len()
        } else {
            let new = view.standing(Standing::Succeeded).filter(is_new).count();
            before.succeeded.unwrap_or_default() + count(known_succeeded.len() + new)
        };
        let new_failed = view.standing(Standing::Failed).filter(is_new);
        let new_failed = new_failed.filter(|pod| meaning(view, pod) != Meaning::Ignore).count();
        let failed_indexes = view.spec.backoff_limit_per_index.map(|limit| failed(view, limit));
        let kept = failed_indexes.as_ref().map(|failed| kept(view, &completed_indexes, failed));
        Tally {
            succeeded,
            failed: before.failed.unwrap_or_default() + count(known_failed.len() + new_failed),
            completed_indexes,
            failed_indexes,
            kept: kept.unwrap_or_default(),
            fails_job: fails_job(view),
        }
    }
}

/// What goes into the status, and the pods that it stands for.
pub(super) struct Tracking {
    /// Counted for good.
    pub(super) succeeded: i32,
    /// Counted for good.
    pub(super) failed: i32,
    /// Uids on their way into the count.
    pub(super) uncounted_succeeded: Vec<String>,
    /// Uids on their way into the count.
    pub(super) uncounted_failed: Vec<String>,
    /// May lose their finalizer once the status is written.
    pub(super) release: Vec<Arc<Pod>>,
    /// Whether every pod that has ended is in.
    is_whole: bool,
}

impl Tracking {
    pub(super) fn of(view: &View<'_>, tally: &Tally, verdict: Option<&Verdict>) -> Tracking {
        let mut tracking = Tracking::without_settled(view);
        for pod in view.pods().filter(|pod| has_finalizer(pod)) {
            if tracking.uncounted_succeeded.len() + tracking.uncounted_failed.len() >= UNCOUNTED_MAX {
                tracking.is_whole = false;
                break;
            }
            let is_over = verdict.is_some() || view.is_ending();
            match view.standing_of(pod) {
                Standing::Active => {}
                Standing::Succeeded => tracking.add_succeeded(view, pod),
                Standing::Ending if !is_over => {}
                Standing::Failed if !is_over && is_kept(view, tally, pod) => {}
                Standing::Ending | Standing::Failed => tracking.add_failed(view, pod),
            }
        }
        if view.is_indexed() {
            tracking.succeeded = tally.completed_indexes.len();
        }
        tracking
    }

    /// Whether nothing is on its way into the count.
    pub(super) fn is_settled(&self) -> bool {
        self.is_whole
            && self.release.is_empty()
            && self.uncounted_succeeded.is_empty()
            && self.uncounted_failed.is_empty()
    }

    /// Pods whose finalizer is gone are counted now.
    fn without_settled(view: &View<'_>) -> Tracking {
        let held: BTreeSet<&str> =
            view.pods().filter(|pod| has_finalizer(pod)).map(|pod| uid_of(pod)).collect();
        let before = view.before.uncounted_terminated_pods.clone().unwrap_or_default();
        let split = |uids: Option<Vec<String>>| -> (Vec<String>, Vec<String>) {
            uids.unwrap_or_default().into_iter().partition(|uid| held.contains(uid.as_str()))
        };
        let (uncounted_succeeded, succeeded) = split(before.succeeded);
        let (uncounted_failed, failed) = split(before.failed);
        Tracking {
            succeeded: view.before.succeeded.unwrap_or_default() + count(succeeded.len()),
            failed: view.before.failed.unwrap_or_default() + count(failed.len()),
            uncounted_succeeded,
            uncounted_failed,
            release: Vec::new(),
            is_whole: true,
        }
    }

    fn add_succeeded(&mut self, view: &View<'_>, pod: &Arc<Pod>) {
        let is_known =
            self.uncounted_failed.iter().chain(&self.uncounted_succeeded).any(|uid| uid == uid_of(pod));
        if !is_known && !view.is_indexed() {
            self.uncounted_succeeded.push(uid_of(pod).to_owned());
        }
        self.release.push(pod.clone());
    }

    fn add_failed(&mut self, view: &View<'_>, pod: &Arc<Pod>) {
        let is_known = self.uncounted_failed.iter().any(|uid| uid == uid_of(pod));
        if !is_known && counts(view, pod) && meaning(view, pod) != Meaning::Ignore {
            self.uncounted_failed.push(uid_of(pod).to_owned());
        }
        self.release.push(pod.clone());
    }
}

/// Whether a pod that has ended counts at all: of an Indexed Job, only one of its indexes.
fn counts(view: &View<'_>, pod: &Pod) -> bool {
    !view.is_indexed() || view.index_of(pod).is_some()
}

fn meaning(view: &View<'_>, pod: &Pod) -> Meaning {
    failure_policy::meaning(view.spec.pod_failure_policy.as_ref(), pod)
}

fn completed(view: &View<'_>) -> Indexes {
    let before = view.before.completed_indexes.as_deref().unwrap_or_default();
    let mut completed = Indexes::parse(before, if view.is_indexed() { view.completions() } else { 0 });
    for index in view
        .standing(Standing::Succeeded)
        .filter(|pod| has_finalizer(pod))
        .filter_map(|pod| view.index_of(pod))
    {
        completed.insert(index);
    }
    completed
}

fn failed(view: &View<'_>, limit: i32) -> Indexes {
    let before = view.before.failed_indexes.as_deref().unwrap_or_default();
    let mut failed = Indexes::parse(before, view.completions());
    for pod in view.standing(Standing::Failed).filter(|pod| has_finalizer(pod)) {
        let Some(index) = view.index_of(pod) else { continue };
        let is_last = match meaning(view, pod) {
            Meaning::FailIndex => true,
            Meaning::Ignore => false,
            Meaning::Count | Meaning::FailJob(_) => backoff::number(pod, backoff::FAILURES) >= limit,
        };
        if is_last {
            failed.insert(index);
        }
    }
    failed
}

/// The last failed pod of each index that is still to be run again.
fn kept(view: &View<'_>, completed: &Indexes, failed: &Indexes) -> BTreeMap<i32, Arc<Pod>> {
    let running: BTreeSet<i32> =
        view.standing(Standing::Active).filter_map(|pod| view.index_of(pod)).collect();
    let mut kept = BTreeMap::<i32, Arc<Pod>>::new();
    let failures =
        |pod: &Pod| backoff::number(pod, backoff::FAILURES) + backoff::number(pod, backoff::IGNORED_FAILURES);
    for pod in view.standing(Standing::Failed).filter(|pod| has_finalizer(pod)) {
        let Some(index) = view.index_of(pod) else { continue };
        if completed.has(index) || failed.has(index) || running.contains(&index) {
            continue;
        }
        if kept.get(&index).is_none_or(|other| failures(other) < failures(pod)) {
            kept.insert(index, pod.clone());
        }
    }
    kept
}

fn is_kept(view: &View<'_>, tally: &Tally, pod: &Pod) -> bool {
    let kept = view.index_of(pod).and_then(|index| tally.kept.get(&index));
    kept.is_some_and(|kept| uid_of(kept) == uid_of(pod))
}

fn fails_job(view: &View<'_>) -> Option<String> {
    view.standing(Standing::Failed).find_map(|pod| match meaning(view, pod) {
        Meaning::FailJob(words) => Some(words),
        _ => None,
    })
}

fn uid_of(pod: &Pod) -> &str {
    pod.metadata.uid.as_deref().unwrap_or_default()
}

pub(super) fn count(pods: usize) -> i32 {
    i32::try_from(pods).unwrap_or(i32::MAX)
}
