//! What brings a StatefulSet closer to what it says. Pure.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;

use super::identity;
use super::view::View;
use crate::pods;

/// One step.
#[derive(Debug)]
pub(super) enum Step {
    Create {
        ordinal: i32,
    },
    Delete {
        pod: Arc<Pod>,
    },
    /// Make what storage claims a pod lacks that waits for them.
    KeepClaims {
        pod: Arc<Pod>,
    },
    /// Give a pod back its labels.
    Mend {
        pod: Arc<Pod>,
    },
}

/// The next steps: of an ordered set, up to the first that others have to wait for.
pub(super) fn steps(view: &View<'_>) -> Vec<Step> {
    let mut steps = Vec::new();
    for ordinal in view.ordinals() {
        let may_go_on = keep(view, ordinal, &mut steps);
        if !may_go_on && view.is_ordered() {
            return steps;
        }
    }
    if !scale_down(view, &mut steps) {
        return steps;
    }
    if view.is_rolling() {
        roll(view, &mut steps);
    }
    steps
}

/// Keeps one replica; false where those behind it have to wait.
fn keep(view: &View<'_>, ordinal: i32, steps: &mut Vec<Step>) -> bool {
    let Some(pod) = view.pod(ordinal) else {
        steps.push(Step::Create { ordinal });
        return false;
    };
    if pods::is_finished(pod) {
        if !pods::is_terminating(pod) {
            steps.push(Step::Delete { pod: pod.clone() });
        }
        return false;
    }
    if pods::phase(pod) == "Pending" {
        steps.push(Step::KeepClaims { pod: pod.clone() });
    }
    if !identity::is_labelled(view.set, pod) {
        steps.push(Step::Mend { pod: pod.clone() });
    }
    view.is_available(pod)
}

/// Ends what is not wanted, the last ordinal first; false where the rest has to wait.
fn scale_down(view: &View<'_>, steps: &mut Vec<Step>) -> bool {
    let condemned: Vec<&Arc<Pod>> = view.members().filter(|pod| view.is_condemned(pod)).rev().collect();
    let first_unavailable = condemned.iter().rev().find(|pod| !view.is_available(pod));
    for pod in &condemned {
        if pods::is_terminating(pod) {
            if view.is_ordered() {
                return false;
            }
            continue;
        }
        let is_next = view.is_available(pod)
            || first_unavailable.is_some_and(|first| first.metadata.uid == pod.metadata.uid);
        if view.is_ordered() && !is_next {
            return false;
        }
        steps.push(Step::Delete { pod: (*pod).clone() });
        if view.is_ordered() {
            return false;
        }
    }
    true
}

/// Ends pods of another revision, the last ordinal first, as many as may be missing.
fn roll(view: &View<'_>, steps: &mut Vec<Step>) {
    let ordinals = view.ordinals();
    let is_missing = |ordinal: &i32| view.pod(*ordinal).is_none_or(|pod| !view.is_available(pod));
    let missing = ordinals.clone().filter(is_missing).count();
    let allowed = usize::try_from(view.unavailable_max()).unwrap_or_default().saturating_sub(missing);
    let first = ordinals.start.saturating_add(view.partition());
    let outdated = (first..ordinals.end)
        .rev()
        .filter_map(|ordinal| view.pod(ordinal))
        .filter(|pod| identity::revision(pod) != view.update_revision && !pods::is_terminating(pod));
    steps.extend(outdated.take(allowed).map(|pod| Step::Delete { pod: pod.clone() }));
}

#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "cases are written in place")]
mod tests;
