//! The status of a DaemonSet. Pure.

use std::time::Duration;

use k8s_openapi::api::apps::v1::DaemonSetStatus;

use super::placement::Fit;
use super::view::View;
use crate::pods::{self, Availability};

/// The status that the set should have, and when the next pod becomes available by mere passing of time.
pub(super) fn of(view: &View<'_>) -> (DaemonSetStatus, Option<Duration>) {
    let mut status = DaemonSetStatus {
        observed_generation: view.set.metadata.generation,
        collision_count: view.set.status.as_ref().and_then(|status| status.collision_count),
        conditions: view.set.status.as_ref().and_then(|status| status.conditions.clone()),
        ..DaemonSetStatus::default()
    };
    if view.collisions > 0 {
        status.collision_count = Some(view.collisions);
    }
    let (mut updated, mut available, mut soon) = (0, 0, None::<Duration>);
    for place in view.places.values() {
        if place.fit != Fit::Runs {
            status.number_misscheduled += i32::from(!place.pods.is_empty());
            continue;
        }
        status.desired_number_scheduled += 1;
        // The oldest pod stands for the node; while a new one starts beside it, the new one says how far it is.
        let newest_updated = place.pods.iter().find(|pod| view.is_updated(pod));
        updated += i32::from(newest_updated.is_some());
        let Some(pod) = place.pods.iter().find(|pod| pods::is_ready(pod)).or(place.pods.first()) else {
            continue;
        };
        status.current_number_scheduled += 1;
        status.number_ready += i32::from(pods::is_ready(pod));
        match view.availability(pod) {
            Availability::Available => available += 1,
            Availability::AvailableIn(rest) => soon = Some(soon.map_or(rest, |soonest| soonest.min(rest))),
            Availability::Unready => {}
        }
    }
    // Zero is left out, as upstream writes it.
    let unless_zero = |count: i32| Some(count).filter(|count| *count != 0);
    status.updated_number_scheduled = unless_zero(updated);
    status.number_available = unless_zero(available);
    status.number_unavailable = unless_zero(status.desired_number_scheduled - available);
    (status, soon)
}
