//! The status of a Deployment. Pure.

use std::time::Duration;

use bythos_operator::Next;
use k8s_openapi::api::apps::v1::DeploymentStatus;
use k8s_openapi::jiff::Timestamp;

use super::conditions::{Conditions, Reason, Repeat, Type};
use super::view::{self, View};
use crate::call::CallError;

/// Times in a status have no fractions: what seems to be a second ago may be a moment ago.
const TIME_GRAIN: Duration = Duration::from_secs(1);

/// What carrying out the steps came to.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Nothing that the status speaks of.
    Nothing,
    /// The ReplicaSet of the present template was made; its name.
    Created(String),
    /// It could not be made.
    NotCreated {
        /// For the condition.
        message: String,
        /// Brings the Deployment back later.
        error: CallError,
    },
    /// Another ReplicaSet has the name that the hash gives.
    Collided,
    /// Some other step failed.
    Failed(CallError),
}

impl Outcome {
    /// The error that brings the Deployment back later. After a collision the changed status does.
    pub(super) fn into_result(self) -> Result<(), CallError> {
        match self {
            Outcome::Nothing | Outcome::Created(_) | Outcome::Collided => Ok(()),
            Outcome::NotCreated { error, .. } | Outcome::Failed(error) => Err(error),
        }
    }
}

/// The status that the Deployment should have.
pub(super) fn of(view: &View<'_>, outcome: &Outcome, now: Timestamp) -> DeploymentStatus {
    let before = view.status();
    let mut status = counts(view);
    status.collision_count = before.collision_count;
    if matches!(outcome, Outcome::Collided) {
        status.collision_count = Some(before.collision_count.unwrap_or_default().saturating_add(1));
    }
    let mut conditions = Conditions::new(before.conditions.clone(), now);
    set_available(&mut conditions, view);
    set_progressing(&mut conditions, view, &before, &status, outcome);
    conditions.set_failure(view.new.into_iter().chain(view.old.iter().copied()));
    status.conditions = conditions.into_list();
    status
}

/// When the progress deadline may have passed.
pub(super) fn next_look(view: &View<'_>, status: &DeploymentStatus, now: Timestamp) -> Next {
    let Some(deadline) = view.desired.progress_deadline else { return Next::Wait };
    let conditions = Conditions::new(status.conditions.clone(), now);
    let is_settled = [Reason::NewReplicaSetAvailable, Reason::ProgressDeadlineExceeded]
        .into_iter()
        .any(|reason| conditions.is(Type::Progressing, reason));
    if is_settled || view.desired.is_paused {
        return Next::Wait;
    }
    let Some(idle) = conditions.idle_time(Type::Progressing) else { return Next::Wait };
    Next::After((deadline + TIME_GRAIN).saturating_sub(idle))
}

fn counts(view: &View<'_>) -> DeploymentStatus {
    let sum = |field: fn(&k8s_openapi::api::apps::v1::ReplicaSetStatus) -> Option<i32>| {
        view.all().map(|set| view::number(set, field)).sum::<i32>()
    };
    // Zero is left out, as upstream writes it.
    let unless_zero = |count: i32| Some(count).filter(|count| *count != 0);
    let available = view.total_available();
    DeploymentStatus {
        observed_generation: view.deployment.metadata.generation,
        replicas: unless_zero(sum(|status| Some(status.replicas))),
        updated_replicas: unless_zero(view.new.map_or(0, view::actual)),
        ready_replicas: unless_zero(sum(|status| status.ready_replicas)),
        available_replicas: unless_zero(available),
        unavailable_replicas: unless_zero((view.total_size() - available).max(0)),
        terminating_replicas: Some(sum(|status| status.terminating_replicas)),
        ..DeploymentStatus::default()
    }
}

fn set_available(conditions: &mut Conditions, view: &View<'_>) {
    let (reason, message) = if view.total_available() >= view.desired.available_min() {
        (Reason::MinimumReplicasAvailable, "Deployment has minimum availability.")
    } else {
        (Reason::MinimumReplicasUnavailable, "Deployment does not have minimum availability.")
    };
    conditions.set(Type::Available, reason, message, Repeat::Keep);
}

fn set_progressing(
    conditions: &mut Conditions,
    view: &View<'_>,
    before: &DeploymentStatus,
    after: &DeploymentStatus,
    outcome: &Outcome,
) {
    let Some(deadline) = view.desired.progress_deadline else { return conditions.remove(Type::Progressing) };
    let mut say = |reason, message: &str, repeat| conditions.set(Type::Progressing, reason, message, repeat);
    match outcome {
        Outcome::Created(name) => {
            let message = format!("Created new replica set {name:?}");
            return say(Reason::NewReplicaSetCreated, &message, Repeat::Keep);
        }
        Outcome::NotCreated { message, .. } => {
            return say(Reason::ReplicaSetCreateError, message, Repeat::Keep);
        }
        _ => {}
    }
    if set_paused(conditions, view) {
        return;
    }
    let has_finished = conditions.is(Type::Progressing, Reason::NewReplicaSetAvailable)
        && after.replicas == after.updated_replicas;
    if has_finished {
        return;
    }
    let subject = subject(view);
    if is_complete(view, after) {
        let message = format!("{subject} has successfully progressed.");
        conditions.set(Type::Progressing, Reason::NewReplicaSetAvailable, &message, Repeat::Keep);
    } else if has_progressed(before, after) {
        let message = format!("{subject} is progressing.");
        conditions.set(Type::Progressing, Reason::ReplicaSetUpdated, &message, Repeat::Renew);
    } else if has_timed_out(conditions, deadline) {
        let message = format!("{subject} has timed out progressing.");
        conditions.set(Type::Progressing, Reason::ProgressDeadlineExceeded, &message, Repeat::Keep);
    } else if let (None, Some(new)) = (conditions.get(Type::Progressing), view.new) {
        let message = format!("Found new replica set {:?}", new.metadata.name.as_deref().unwrap_or_default());
        conditions.set(Type::Progressing, Reason::FoundNewReplicaSet, &message, Repeat::Keep);
    }
}

/// Says that the rollout is paused or goes on again. True while it is paused.
fn set_paused(conditions: &mut Conditions, view: &View<'_>) -> bool {
    let was_paused = conditions.is(Type::Progressing, Reason::DeploymentPaused);
    let has_timed_out = conditions.is(Type::Progressing, Reason::ProgressDeadlineExceeded);
    if view.desired.is_paused && !has_timed_out {
        let message = "Deployment is paused";
        conditions.set(Type::Progressing, Reason::DeploymentPaused, message, Repeat::Keep);
    } else if was_paused {
        let message = "Deployment is resumed";
        conditions.set(Type::Progressing, Reason::DeploymentResumed, message, Repeat::Keep);
    }
    view.desired.is_paused
}

fn subject(view: &View<'_>) -> String {
    let (kind, meta) = match view.new {
        Some(set) => ("ReplicaSet", &set.metadata),
        None => ("Deployment", &view.deployment.metadata),
    };
    format!("{kind} {:?}", meta.name.as_deref().unwrap_or_default())
}

fn is_complete(view: &View<'_>, after: &DeploymentStatus) -> bool {
    let wanted = view.desired.replicas;
    [after.updated_replicas, after.replicas, after.available_replicas]
        .into_iter()
        .all(|count| count.unwrap_or_default() == wanted)
        && view.new.is_some()
}

fn has_progressed(before: &DeploymentStatus, after: &DeploymentStatus) -> bool {
    let counts = |status: &DeploymentStatus| {
        let updated = status.updated_replicas.unwrap_or_default();
        let old = status.replicas.unwrap_or_default() - updated;
        (
            updated,
            old,
            status.ready_replicas.unwrap_or_default(),
            status.available_replicas.unwrap_or_default(),
        )
    };
    let (updated, old, ready, available) = counts(after);
    let (updated_before, old_before, ready_before, available_before) = counts(before);
    updated > updated_before || old < old_before || ready > ready_before || available > available_before
}

fn has_timed_out(conditions: &Conditions, deadline: Duration) -> bool {
    if conditions.is(Type::Progressing, Reason::NewReplicaSetAvailable) {
        return false;
    }
    conditions.is(Type::Progressing, Reason::ProgressDeadlineExceeded)
        || conditions.idle_time(Type::Progressing).is_some_and(|idle| idle >= deadline + TIME_GRAIN)
}

#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "cases are written in place")]
mod tests;
