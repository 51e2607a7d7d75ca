//! Which pods of a DaemonSet to make and to delete. Pure.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;

use super::placement::Fit;
use super::view::{Bounds, Place, View};
use crate::pod_control::BURST;
use crate::pods;

/// A pod that has failed is not replaced earlier than this after it was made, so that one that cannot run on its
/// node does not keep the machine busy.
const FAILED_AGE_MIN: Duration = Duration::from_secs(15);

/// A pod that has ended, which a daemon should not.
pub(super) struct Ended {
    pub(super) pod: Arc<Pod>,
    pub(super) node: String,
    pub(super) has_failed: bool,
}

/// What to do.
#[derive(Default)]
pub(super) struct Plan {
    /// Names of the nodes that get a pod.
    pub(super) create: Vec<String>,
    pub(super) delete: Vec<Arc<Pod>>,
    /// Among those to delete.
    pub(super) ended: Vec<Ended>,
    pub(super) look_again: Option<Duration>,
}

/// What brings the set closer to what it says: first a pod everywhere, then, of what is there, the new revision.
pub(super) fn plan(view: &View<'_>) -> Plan {
    let mut plan = Plan::default();
    let rolling = view.rolling();
    let surges = rolling.is_some_and(|bounds| bounds.surge_max > 0);
    for (node, place) in &view.places {
        match place.fit {
            Fit::Leaves => plan.delete.extend(staying(place).cloned()),
            Fit::Runs if place.pods.is_empty() => plan.create.push(node.clone()),
            Fit::Stays if place.pods.is_empty() => {}
            Fit::Runs | Fit::Stays => keep(view, node, place, surges, &mut plan),
        }
    }
    match rolling {
        Some(bounds) if surges => roll_by_surge(view, bounds, &mut plan),
        Some(bounds) => roll_by_deletion(view, bounds, &mut plan),
        None => {}
    }
    plan.create.truncate(BURST);
    plan.delete.truncate(BURST);
    plan
}

fn staying(place: &Place) -> impl Iterator<Item = &Arc<Pod>> {
    place.pods.iter().filter(|pod| !pods::is_terminating(pod))
}

/// Removes what has ended and what is too many: one pod is enough, or one of each revision while the new one starts.
fn keep(view: &View<'_>, node: &str, place: &Place, surges: bool, plan: &mut Plan) {
    let (ended, running): (Vec<_>, Vec<_>) = staying(place).partition(|pod| pods::is_finished(pod));
    for pod in ended {
        let has_failed = pods::phase(pod) == "Failed";
        let created = pod.metadata.creation_timestamp.as_ref().map_or(view.now, |time| time.0);
        let age = Duration::try_from(view.now.duration_since(created)).unwrap_or_default();
        let rest = FAILED_AGE_MIN.saturating_sub(age);
        if has_failed && !rest.is_zero() {
            plan.look_again = Some(plan.look_again.map_or(rest, |soonest| soonest.min(rest)));
            continue;
        }
        plan.delete.push(pod.clone());
        plan.ended.push(Ended { pod: pod.clone(), node: node.to_owned(), has_failed });
    }
    if !surges {
        plan.delete.extend(running.into_iter().skip(1).cloned());
        return;
    }
    let (new, old): (Vec<_>, Vec<_>) = running.into_iter().partition(|pod| view.is_updated(pod));
    let is_replaced = new.first().is_some_and(|pod| view.is_available(pod));
    plan.delete.extend(new.into_iter().skip(1).cloned());
    plan.delete.extend(old.into_iter().skip(usize::from(!is_replaced)).cloned());
}

/// The one pod of a node that counts: the oldest that stays and has not ended.
fn live(place: &Place) -> Option<&Arc<Pod>> {
    staying(place).find(|pod| !pods::is_finished(pod))
}

/// Deletes old pods: those that are not available at once, others as far as so many may be missing.
fn roll_by_deletion(view: &View<'_>, bounds: Bounds, plan: &mut Plan) {
    let (mut missing, mut free, mut candidates) = (0, Vec::new(), Vec::new());
    for place in view.places.values().filter(|place| place.fit == Fit::Runs) {
        match live(place) {
            None => missing += 1,
            Some(pod) if view.is_updated(pod) => missing += usize::from(!view.is_available(pod)),
            Some(pod) if !view.is_available(pod) => {
                missing += 1;
                free.push(pod.clone());
            }
            Some(pod) => candidates.push(pod.clone()),
        }
    }
    let is_new =
        |pod: &Arc<Pod>, plan: &Plan| plan.delete.iter().all(|gone| gone.metadata.uid != pod.metadata.uid);
    let allowed = bounds.unavailable_max.saturating_sub(missing);
    for pod in free.into_iter().chain(candidates.into_iter().take(allowed)) {
        if is_new(&pod, plan) {
            plan.delete.push(pod);
        }
    }
}

/// Makes new pods beside the old ones, as many as may be too many; where the old one is not available, at once.
fn roll_by_surge(view: &View<'_>, bounds: Bounds, plan: &mut Plan) {
    let (mut surging, mut free, mut candidates) = (0, Vec::new(), Vec::new());
    for (node, place) in view.places.iter().filter(|(_, place)| place.fit == Fit::Runs) {
        let running: Vec<_> = staying(place).filter(|pod| !pods::is_finished(pod)).collect();
        let old = running.iter().find(|pod| !view.is_updated(pod));
        let has_new = running.iter().any(|pod| view.is_updated(pod));
        match old {
            Some(_) if has_new => surging += 1,
            Some(old) if !view.is_available(old) => free.push(node.clone()),
            Some(_) => candidates.push(node.clone()),
            None => {}
        }
    }
    let allowed = bounds.surge_max.saturating_sub(surging);
    plan.create.extend(free.into_iter().chain(candidates.into_iter().take(allowed)));
}

#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "cases are written in place")]
mod tests;
