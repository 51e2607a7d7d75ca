//! The status of a ReplicaSet. Pure.

use std::sync::Arc;
use std::time::Duration;

use bythos_operator::Next;
use k8s_openapi::api::apps::v1::{ReplicaSet, ReplicaSetCondition, ReplicaSetStatus};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

use crate::call::CallError;
use crate::pods::{self, Availability};

const REPLICA_FAILURE: &str = "ReplicaFailure";

/// Pods could not be made or deleted.
#[derive(Debug)]
pub(super) struct Failure {
    reason: &'static str,
    pub(super) cause: CallError,
}

impl Failure {
    pub(super) fn create(cause: CallError) -> Failure {
        Failure { reason: "FailedCreate", cause }
    }

    pub(super) fn delete(cause: CallError) -> Failure {
        Failure { reason: "FailedDelete", cause }
    }
}

/// How many pods `set` wants.
pub(super) fn desired_replicas(set: &ReplicaSet) -> i32 {
    set.spec.replicas.unwrap_or(1)
}

/// The status that `set` should have, given the pods that it controls, and when to look again because one of them
/// becomes available by mere passing of time.
pub(super) fn of(
    set: &ReplicaSet,
    claimed: &[Arc<Pod>],
    failure: Option<&Failure>,
    now: Timestamp,
) -> (ReplicaSetStatus, Next) {
    let min_ready = set.spec.min_ready_seconds.unwrap_or_default();
    let min_ready = Duration::from_secs(u64::try_from(min_ready).unwrap_or_default());
    let active = || claimed.iter().filter(|pod| pods::is_active(pod));
    let availability: Vec<_> = active().map(|pod| pods::availability(pod, min_ready, now)).collect();
    let available = availability.iter().filter(|one| **one == Availability::Available).count();
    let soon = availability.iter().filter_map(|one| match one {
        Availability::AvailableIn(remaining) => Some(*remaining),
        _ => None,
    });
    let next = soon.min().map_or(Next::Wait, Next::After);
    let status = ReplicaSetStatus {
        replicas: count(active().count()),
        fully_labeled_replicas: unless_zero(active().filter(|pod| has_labels_of_template(set, pod)).count()),
        ready_replicas: unless_zero(active().filter(|pod| pods::is_ready(pod)).count()),
        available_replicas: unless_zero(available),
        terminating_replicas: Some(count(claimed.iter().filter(|pod| pods::is_terminating(pod)).count())),
        observed_generation: set.metadata.generation,
        conditions: conditions(set, failure, now),
    };
    (status, next)
}

/// A count as upstream writes it: zero is left out.
fn unless_zero(pods: usize) -> Option<i32> {
    Some(count(pods)).filter(|count| *count != 0)
}

fn count(pods: usize) -> i32 {
    i32::try_from(pods).unwrap_or(i32::MAX)
}

fn has_labels_of_template(set: &ReplicaSet, pod: &Pod) -> bool {
    let template =
        set.spec.template.as_ref().and_then(|template| template.metadata.as_ref()?.labels.as_ref());
    let labels = pod.metadata.labels.as_ref();
    template.into_iter().flatten().all(|(key, value)| labels.and_then(|all| all.get(key)) == Some(value))
}

fn conditions(
    set: &ReplicaSet,
    failure: Option<&Failure>,
    now: Timestamp,
) -> Option<Vec<ReplicaSetCondition>> {
    let mut conditions = set.status.as_ref().and_then(|status| status.conditions.clone()).unwrap_or_default();
    let is_failure = |condition: &ReplicaSetCondition| condition.type_.as_deref() == Some(REPLICA_FAILURE);
    let before = conditions.iter().find(|condition| is_failure(condition)).cloned();
    conditions.retain(|condition| !is_failure(condition));
    if let Some(failure) = failure.filter(|failure| !failure.cause.is_namespace_going()) {
        let since = before.and_then(|before| before.last_transition_time).unwrap_or(Time(now));
        conditions.push(ReplicaSetCondition {
            type_: Some(REPLICA_FAILURE.to_owned()),
            status: Some("True".to_owned()),
            reason: Some(failure.reason.to_owned()),
            message: Some(failure.cause.cause()),
            last_transition_time: Some(since),
        });
    }
    Some(conditions).filter(|conditions| !conditions.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, from_value, json};

    fn set() -> ReplicaSet {
        from_value(json!({
            "metadata": { "name": "web", "generation": 3 },
            "spec": {
                "replicas": 3,
                "minReadySeconds": 10,
                "selector": { "matchLabels": { "app": "web" } },
                "template": { "metadata": { "labels": { "app": "web", "tier": "front" } } },
            },
        }))
        .unwrap()
    }

    fn pod(change: impl FnOnce(&mut Value)) -> Arc<Pod> {
        let mut pod = json!({
            "metadata": { "labels": { "app": "web", "tier": "front" } },
            "status": { "phase": "Running", "conditions": [
                { "type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z" }
            ]},
        });
        change(&mut pod);
        Arc::new(from_value(pod).unwrap())
    }

    #[test]
    fn counts_follow_the_pods() {
        let pods = [
            pod(|_| {}),
            pod(|pod| pod["status"]["conditions"][0]["lastTransitionTime"] = json!("2026-01-01T00:00:55Z")),
            pod(|pod| pod["status"]["conditions"][0]["status"] = json!("False")),
            pod(|pod| pod["metadata"]["labels"] = json!({ "app": "web" })),
            pod(|pod| pod["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z")),
        ];
        let (status, next) = of(&set(), &pods, None, "2026-01-01T00:01:00Z".parse().unwrap());
        let expected = json!({
            "replicas": 4,
            "fullyLabeledReplicas": 3,
            "readyReplicas": 3,
            "availableReplicas": 2,
            "terminatingReplicas": 1,
            "observedGeneration": 3,
        });
        assert_eq!(serde_json::to_value(status).unwrap(), expected);
        assert_eq!(next, Next::After(Duration::from_secs(5)));
    }

    #[test]
    fn a_failure_is_a_condition_until_it_is_over() {
        let refusal = kube::core::Status::failure("no more than 2 pods", "Forbidden").with_code(403);
        let cause = CallError::on::<Pod>("create", "default/web-x")(kube::Error::Api(Box::new(refusal)));
        let mut set = set();
        let (status, _) =
            of(&set, &[], Some(&Failure::create(cause)), "2026-01-01T00:00:00Z".parse().unwrap());
        let conditions = status.conditions.clone().unwrap();
        assert_eq!(conditions[0].reason.as_deref(), Some("FailedCreate"));
        assert_eq!(conditions[0].message.as_deref(), Some("no more than 2 pods"));
        set.status = Some(status);
        let (status, _) = of(&set, &[], None, "2026-01-01T00:02:00Z".parse().unwrap());
        assert_eq!(status.conditions, None);
    }
}
