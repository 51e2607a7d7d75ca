//! The next steps of a Deployment. Pure: what is to be done follows from the [`View`] alone.
//!
//! Few steps at a time: each one changes what the next decision is made on, and that change brings the Deployment
//! back. The rules are those of upstream's deployment controller.

use std::cmp::Reverse;

use k8s_openapi::api::apps::v1::ReplicaSet;
use serde_json::Value;

use super::desired::Strategy;
use super::view::{self, View, available, size};
use super::{proportion, revision};

/// One thing to do.
#[derive(Debug, PartialEq)]
pub(super) enum Step<'a> {
    /// Make the ReplicaSet of the present template.
    Create {
        /// With so many pods.
        replicas: i32,
    },
    /// Bring annotations and the like of the new ReplicaSet up to date.
    Update {
        /// Which.
        set: &'a ReplicaSet,
        /// A merge patch.
        annotations: Value,
    },
    /// Set the size, and the annotations that tell the size it was decided for.
    Scale {
        /// Which.
        set: &'a ReplicaSet,
        /// To so many pods.
        replicas: i32,
    },
    /// Delete a ReplicaSet that history no longer needs.
    Remove {
        /// Which.
        set: &'a ReplicaSet,
    },
}

/// What to do next.
pub(super) fn steps<'a>(view: &View<'a>) -> Vec<Step<'a>> {
    if let Some(update) = revision::update(view) {
        return vec![update];
    }
    if view.desired.is_paused {
        return proportion::steps(view).into_iter().chain(forget_history(view)).collect();
    }
    match view.desired.strategy {
        Strategy::Recreate => recreate(view),
        Strategy::Rolling { .. } if is_scaling(view) => proportion::steps(view),
        Strategy::Rolling { .. } => roll(view),
    }
}

/// Whether the wanted number changed since the sizes of the ReplicaSets were decided.
fn is_scaling(view: &View<'_>) -> bool {
    view.active()
        .any(|set| revision::desired_when_sized(set).is_some_and(|then| then != view.desired.replicas))
}

fn recreate<'a>(view: &View<'a>) -> Vec<Step<'a>> {
    let to_empty = view.old.iter().filter(|set| size(set) > 0);
    let down: Vec<_> = to_empty.map(|&set| Step::Scale { set, replicas: 0 }).collect();
    if !down.is_empty() {
        return down;
    }
    if view.old.iter().any(|set| may_have_pods(set)) {
        return Vec::new();
    }
    match view.new {
        None => vec![Step::Create { replicas: view.desired.replicas }],
        Some(set) if size(set) != view.desired.replicas => {
            vec![Step::Scale { set, replicas: view.desired.replicas }]
        }
        Some(_) => forget_history_when_complete(view),
    }
}

/// Whether pods of `set` still run or end, as far as its status can tell.
fn may_have_pods(set: &ReplicaSet) -> bool {
    let terminating = view::number(set, |status| status.terminating_replicas);
    view::actual(set) > 0 || terminating > 0 || !view::is_observed(set)
}

fn roll<'a>(view: &View<'a>) -> Vec<Step<'a>> {
    let wanted = size_of_new(view);
    let Some(new) = view.new else { return vec![Step::Create { replicas: wanted }] };
    if size(new) != wanted {
        return vec![Step::Scale { set: new, replicas: wanted }];
    }
    let down = scale_old_down(view, new);
    if down.is_empty() { forget_history_when_complete(view) } else { down }
}

/// How many pods the new ReplicaSet may have now, with those of the old ones still there.
fn size_of_new(view: &View<'_>) -> i32 {
    let now = view.new.map_or(0, size);
    if now >= view.desired.replicas {
        return view.desired.replicas;
    }
    let room = view.desired.replicas_max() - view.total_size();
    if room <= 0 { now } else { now + room.min(view.desired.replicas - now) }
}

/// Takes unhealthy old pods first, since nobody misses them, and then as many as availability allows.
fn scale_old_down<'a>(view: &View<'a>, new: &ReplicaSet) -> Vec<Step<'a>> {
    let mut sizes: Vec<(&ReplicaSet, i32)> = view.old.iter().map(|&set| (set, size(set))).collect();
    let unavailable_new = size(new) - available(new);
    let removable = view.total_size() - view.desired.available_min() - unavailable_new;
    if removable <= 0 {
        return Vec::new();
    }
    take(&mut sizes, removable, |set, size| size - available(set));
    take(&mut sizes, view.total_available() - view.desired.available_min(), |_, size| size);
    let changed = sizes.into_iter().filter(|(set, wanted)| *wanted != size(set));
    changed.map(|(set, replicas)| Step::Scale { set, replicas }).collect()
}

/// Takes up to `budget` pods, from each ReplicaSet at most what `spare` says of it, oldest first.
fn take(sizes: &mut [(&ReplicaSet, i32)], budget: i32, spare: impl Fn(&ReplicaSet, i32) -> i32) {
    let mut budget = budget;
    for (set, size) in sizes {
        let taken = spare(set, *size).clamp(0, *size).min(budget.max(0));
        *size -= taken;
        budget -= taken;
    }
}

/// Whether every pod is of the present template, and available.
pub(super) fn is_complete(view: &View<'_>) -> bool {
    let Some(new) = view.new else { return false };
    let wanted = view.desired.replicas;
    let total: i32 = view.all().map(view::actual).sum();
    view::actual(new) == wanted && total == wanted && view.total_available() == wanted
}

fn forget_history_when_complete<'a>(view: &View<'a>) -> Vec<Step<'a>> {
    if is_complete(view) { forget_history(view) } else { Vec::new() }
}

fn forget_history<'a>(view: &View<'a>) -> Vec<Step<'a>> {
    let alive = view.old.iter().copied().filter(|set| set.metadata.deletion_timestamp.is_none());
    let mut newest_first: Vec<&ReplicaSet> = alive.collect();
    newest_first.sort_by_key(|set| Reverse(revision::of(set)));
    let beyond_limit = newest_first.into_iter().skip(view.desired.history_limit);
    beyond_limit.filter(|set| size(set) == 0 && !may_have_pods(set)).map(|set| Step::Remove { set }).collect()
}

#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "cases are written in place")]
mod tests;
