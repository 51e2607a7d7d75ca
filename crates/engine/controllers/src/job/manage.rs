//! Which pods of a Job to make and to delete. Pure but for the random names of pods.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{
    Container, EnvVar, EnvVarSource, ObjectFieldSelector, Pod, PodTemplateSpec,
};

use super::failure_policy::{self, Meaning};
use super::indexes::INDEX;
use super::tally::Tally;
use super::view::{Standing, View};
use super::{FINALIZER, backoff};
use crate::pod_control::BURST;
use crate::{pod_template, ranking};

const INDEX_VARIABLE: &str = "JOB_COMPLETION_INDEX";

/// What to do.
#[derive(Default)]
pub(super) struct Change {
    /// Pods that are not wanted any more: they go uncounted.
    pub(super) dismiss: Vec<Arc<Pod>>,
    /// Pods of a Job that is over: how they end counts.
    pub(super) end: Vec<Arc<Pod>>,
    pub(super) create: Vec<Pod>,
    /// When a pod may be made that has to wait yet.
    pub(super) look_again: Option<Duration>,
}

impl Change {
    /// Whether `pod` is among those that go.
    pub(super) fn removes(&self, pod: &Pod) -> bool {
        self.dismiss.iter().chain(&self.end).any(|gone| gone.metadata.uid == pod.metadata.uid)
    }
}

/// The change that brings the Job to the number of pods that it wants now.
pub(super) fn change(view: &View<'_>, tally: &Tally, is_over: bool) -> Change {
    let active: Vec<Arc<Pod>> = view.standing(Standing::Active).cloned().collect();
    if is_over {
        return Change { end: active, ..Change::default() };
    }
    if view.is_suspended() {
        return Change { dismiss: ranking::first_to_go(active, BURST), ..Change::default() };
    }
    let wanted = wanted(view, tally, active.len());
    let dismiss = to_dismiss(view, active.clone(), active.len().saturating_sub(wanted));
    if !dismiss.is_empty() {
        return Change { dismiss, ..Change::default() };
    }
    let ending = if view.replaces_only_failed() { view.terminating().count() } else { 0 };
    let missing = wanted.saturating_sub(active.len()).saturating_sub(ending).min(BURST);
    if missing == 0 {
        return Change::default();
    }
    make(view, tally, missing)
}

/// How many pods should run at a time.
fn wanted(view: &View<'_>, tally: &Tally, active: usize) -> usize {
    let parallelism = view.spec.parallelism.unwrap_or(1);
    match view.spec.completions {
        None if tally.succeeded > 0 => active,
        None => usize::try_from(parallelism).unwrap_or_default(),
        Some(completions) => {
            usize::try_from((completions - tally.succeeded).min(parallelism)).unwrap_or_default()
        }
    }
}

/// Pods without an index or with that of another pod, and at least as many as are too many.
fn to_dismiss(view: &View<'_>, active: Vec<Arc<Pod>>, surplus: usize) -> Vec<Arc<Pod>> {
    let mut dismiss = Vec::new();
    let mut others = active;
    if view.is_indexed() {
        let mut by_index = BTreeMap::<Option<i32>, Vec<Arc<Pod>>>::new();
        for pod in others.drain(..) {
            by_index.entry(view.index_of(&pod)).or_default().push(pod);
        }
        for (index, pods) in by_index {
            let too_many = pods.len() - usize::from(index.is_some());
            let ranked = ranking::first_to_go(pods, usize::MAX);
            let (go, stay) = ranked.split_at(too_many);
            dismiss.extend_from_slice(go);
            others.extend_from_slice(stay);
        }
    }
    let more = surplus.saturating_sub(dismiss.len());
    dismiss.extend(ranking::first_to_go(others, more));
    dismiss.truncate(BURST);
    dismiss
}

fn make(view: &View<'_>, tally: &Tally, missing: usize) -> Change {
    let template = template(view);
    if !view.is_indexed() {
        let wait = backoff::of_job(view);
        if !wait.is_zero() {
            return Change { look_again: Some(wait), ..Change::default() };
        }
        let create = (0..missing).map(|_| pod_template::pod(view.job, &template)).collect();
        return Change { create, ..Change::default() };
    }
    let has_own_limits = tally.failed_indexes.is_some();
    let wait_of = |index: i32| match tally.kept.get(&index) {
        Some(last) => backoff::of_index(last, view.now),
        None => Duration::ZERO,
    };
    let wait_of_all = if has_own_limits { Duration::ZERO } else { backoff::of_job(view) };
    if !wait_of_all.is_zero() {
        return Change { look_again: Some(wait_of_all), ..Change::default() };
    }
    let pending = pending_indexes(view, tally, missing);
    let waits: Vec<Duration> = pending.iter().map(|index| wait_of(*index)).collect();
    let now = pending.iter().zip(&waits).filter(|(_, wait)| wait.is_zero()).map(|(index, _)| *index);
    let create = now.map(|index| indexed_pod(view, tally, &template, index)).collect();
    let look_again = waits.into_iter().filter(|wait| !wait.is_zero()).min();
    Change { create, look_again, ..Change::default() }
}

/// The first indexes that have neither ended nor a pod.
fn pending_indexes(view: &View<'_>, tally: &Tally, count_max: usize) -> Vec<i32> {
    let is_taken = |standing: Standing| match standing {
        Standing::Active | Standing::Ending => true,
        Standing::Succeeded | Standing::Failed => false,
    };
    let taken: BTreeSet<i32> = view
        .pods()
        .filter(|pod| is_taken(view.standing_of(pod)))
        .filter_map(|pod| view.index_of(pod))
        .collect();
    let has_failed = |index| tally.failed_indexes.as_ref().is_some_and(|failed| failed.has(index));
    (0..view.completions())
        .filter(|index| !taken.contains(index) && !tally.completed_indexes.has(*index) && !has_failed(*index))
        .take(count_max)
        .collect()
}

fn template(view: &View<'_>) -> PodTemplateSpec {
    let mut template = view.spec.template.clone();
    let finalizers = template.metadata.get_or_insert_default().finalizers.get_or_insert_default();
    if !finalizers.iter().any(|finalizer| finalizer == FINALIZER) {
        finalizers.push(FINALIZER.to_owned());
    }
    template
}

fn indexed_pod(view: &View<'_>, tally: &Tally, template: &PodTemplateSpec, index: i32) -> Pod {
    let mut template = template.clone();
    let meta = template.metadata.get_or_insert_default();
    meta.labels.get_or_insert_default().insert(INDEX.to_owned(), index.to_string());
    let annotations = meta.annotations.get_or_insert_default();
    annotations.insert(INDEX.to_owned(), index.to_string());
    if tally.failed_indexes.is_some() {
        annotations.extend(failure_counts(view, tally.kept.get(&index).map(AsRef::as_ref)));
    }
    let name = view.job.metadata.name.as_deref().unwrap_or_default();
    let spec = template.spec.get_or_insert_default();
    spec.hostname = Some(format!("{name}-{index}"));
    let containers = spec.init_containers.iter_mut().flatten().chain(&mut spec.containers);
    containers.for_each(tell_index);
    pod_template::pod_with_prefix(view.job, &template, format!("{name}-{index}-"))
}

/// What the replacement of `last` takes over from it.
fn failure_counts(view: &View<'_>, last: Option<&Pod>) -> Vec<(String, String)> {
    let of_last = |annotation| last.map_or(0, |last| backoff::number(last, annotation));
    let (mut failures, mut ignored) = (of_last(backoff::FAILURES), of_last(backoff::IGNORED_FAILURES));
    if let Some(last) = last {
        match failure_policy::meaning(view.spec.pod_failure_policy.as_ref(), last) {
            Meaning::Ignore => ignored += 1,
            _ => failures += 1,
        }
    }
    let mut counts = vec![(backoff::FAILURES.to_owned(), failures.to_string())];
    if ignored > 0 {
        counts.push((backoff::IGNORED_FAILURES.to_owned(), ignored.to_string()));
    }
    counts
}

fn tell_index(container: &mut Container) {
    let variables = container.env.get_or_insert_default();
    if variables.iter().any(|variable| variable.name == INDEX_VARIABLE) {
        return;
    }
    let field_path = format!("metadata.labels['{INDEX}']");
    variables.push(EnvVar {
        name: INDEX_VARIABLE.to_owned(),
        value: None,
        value_from: Some(EnvVarSource {
            field_ref: Some(ObjectFieldSelector { api_version: None, field_path }),
            ..EnvVarSource::default()
        }),
    });
}
