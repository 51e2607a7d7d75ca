//! The status of a StatefulSet. Pure.

use k8s_openapi::api::apps::v1::StatefulSetStatus;
use k8s_openapi::api::core::v1::Pod;

use super::identity;
use super::view::{View, is_running};
use crate::pods::{self, Availability};

/// The status that the set should have.
pub(super) fn of(view: &View<'_>) -> StatefulSetStatus {
    let count = |is_counted: &dyn Fn(&Pod) -> bool| {
        i32::try_from(view.members().filter(|pod| is_counted(pod)).count()).unwrap_or(i32::MAX)
    };
    // Zero is left out, as upstream writes it.
    let unless_zero = |count: i32| Some(count).filter(|count| *count != 0);
    let of_revision =
        |name: &str| count(&|pod| !pods::is_terminating(pod) && identity::revision(pod) == name);
    let mut status = StatefulSetStatus {
        observed_generation: view.set.metadata.generation,
        replicas: count(&|_| true),
        ready_replicas: unless_zero(count(&|pod| is_running(pod) && pods::is_ready(pod))),
        available_replicas: Some(count(&|pod| {
            is_running(pod) && view.availability(pod) == Availability::Available
        })),
        current_replicas: unless_zero(of_revision(&view.current_revision)),
        updated_replicas: unless_zero(of_revision(&view.update_revision)),
        current_revision: Some(view.current_revision.clone()),
        update_revision: Some(view.update_revision.clone()),
        collision_count: Some(view.collisions),
        conditions: view.before().conditions,
    };
    let wanted = view.replicas();
    let is_complete = [
        status.updated_replicas.unwrap_or_default(),
        status.ready_replicas.unwrap_or_default(),
        status.replicas,
    ]
    .iter()
    .all(|count| *count == wanted);
    if view.is_rolling() && is_complete {
        status.current_replicas = status.updated_replicas;
        status.current_revision = status.update_revision.clone();
    }
    status
}
