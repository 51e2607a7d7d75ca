//! Scaling a Deployment while it is paused or in the middle of a rollout: the change is shared among its
//! ReplicaSets in proportion to their sizes, so that a risky rollout grows no faster than the proven pods. Pure.

use k8s_openapi::api::apps::v1::ReplicaSet;

use super::desired::Strategy;
use super::plan::Step;
use super::revision;
use super::view::{View, size};

/// The steps that bring all ReplicaSets together to the wanted size.
pub(super) fn steps<'a>(view: &View<'a>) -> Vec<Step<'a>> {
    if let Some(only) = only_active_or_latest(view) {
        return needed(view, only, view.desired.replicas).into_iter().collect();
    }
    if view.new.is_some_and(|new| is_saturated(view, new)) {
        return view.old.iter().filter(|set| size(set) > 0).filter_map(|set| needed(view, set, 0)).collect();
    }
    match view.desired.strategy {
        Strategy::Recreate => Vec::new(),
        Strategy::Rolling { .. } => share(view),
    }
}

/// The one ReplicaSet with pods, or the latest where none has any; none where several have pods.
fn only_active_or_latest<'a>(view: &View<'a>) -> Option<&'a ReplicaSet> {
    let mut active = view.active();
    match (active.next(), active.next()) {
        (None, _) => view.new.or(view.old.last().copied()),
        (only, None) => only,
        _ => None,
    }
}

/// Whether the new ReplicaSet has all the pods that are wanted, available: the old ones are only left-overs.
fn is_saturated(view: &View<'_>, new: &ReplicaSet) -> bool {
    let wanted = view.desired.replicas;
    size(new) == wanted
        && revision::desired_when_sized(new) == Some(wanted)
        && super::view::available(new) == wanted
}

fn share<'a>(view: &View<'a>) -> Vec<Step<'a>> {
    let allowed = if view.desired.replicas > 0 { view.desired.replicas_max() } else { 0 };
    let to_add = allowed - view.total_size();
    let mut active: Vec<&ReplicaSet> = view.active().collect();
    // The largest takes what rounding leaves over; among equals the newest grows and the oldest shrinks.
    if to_add > 0 {
        active.reverse();
    }
    active.sort_by_key(|set| -size(set));
    let mut added = 0;
    let mut sizes = Vec::new();
    for &set in &active {
        let part = proportion(view, set, to_add - added, to_add);
        added += part;
        sizes.push(size(set) + part);
    }
    if let Some(first) = sizes.first_mut() {
        *first = (*first + to_add - added).max(0);
    }
    active.into_iter().zip(sizes).filter_map(|(set, size)| needed(view, set, size)).collect()
}

/// The part of `set` in a change of `to_add` pods, of which `remaining` are not given to anyone yet.
fn proportion(view: &View<'_>, set: &ReplicaSet, remaining: i32, to_add: i32) -> i32 {
    let before = revision::max_when_sized(set).filter(|max| *max > 0);
    let before = before.or(view.status().replicas).filter(|max| *max > 0);
    let own = i64::from(size(set));
    let fraction = match before {
        _ if view.desired.replicas == 0 => -own,
        Some(before) => rounded(own * i64::from(view.desired.replicas_max()), i64::from(before)) - own,
        None => 0,
    };
    let fraction = i32::try_from(fraction).unwrap_or_default();
    if to_add > 0 { fraction.clamp(0, remaining.max(0)) } else { fraction.clamp(remaining.min(0), 0) }
}

/// Half away from zero; both are positive.
fn rounded(dividend: i64, divisor: i64) -> i64 {
    (2 * dividend + divisor) / (2 * divisor)
}

/// A step where size or annotations differ.
fn needed<'a>(view: &View<'_>, set: &'a ReplicaSet, replicas: i32) -> Option<Step<'a>> {
    let is_current = size(set) == replicas
        && revision::desired_when_sized(set) == Some(view.desired.replicas)
        && revision::max_when_sized(set) == Some(view.desired.replicas_max());
    (!is_current).then_some(Step::Scale { set, replicas })
}
