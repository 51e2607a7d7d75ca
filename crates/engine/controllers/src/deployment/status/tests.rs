//! What the status of a Deployment says, case by case.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use serde_json::{Value, from_value, json};

use super::*;

const START: &str = "2026-01-01T00:00:00Z";

fn template() -> Value {
    json!({ "metadata": { "labels": { "app": "web" } }, "spec": { "containers": [{ "name": "c" }] } })
}

fn deployment(status: Value) -> Deployment {
    from_value(json!({
        "metadata": { "name": "web", "generation": 4 },
        "spec": {
            "replicas": 2,
            "progressDeadlineSeconds": 60,
            "selector": {},
            "template": template(),
            "strategy": { "rollingUpdate": { "maxSurge": 1, "maxUnavailable": 0 } },
        },
        "status": status,
    }))
    .unwrap()
}

fn replica_set(status: Value) -> Arc<ReplicaSet> {
    let object = json!({
        "metadata": { "name": "web-x" },
        "spec": { "replicas": 2, "selector": {}, "template": template() },
        "status": status,
    });
    Arc::new(from_value(object).unwrap())
}

fn progressing(reason: &str) -> Value {
    json!({
        "type": "Progressing",
        "status": "True",
        "reason": reason,
        "lastUpdateTime": START,
        "lastTransitionTime": START,
    })
}

/// Reason and message of `Progressing`, and when to look again.
fn told(before: Value, set: Value, outcome: &Outcome, at: &str) -> (String, String, Next) {
    let deployment = deployment(before);
    let sets = [replica_set(set)];
    let view = View::new(&deployment, &sets);
    let now = at.parse().unwrap();
    let status = of(&view, outcome, now);
    let condition =
        status.conditions.iter().flatten().find(|one| one.type_.as_deref() == Some("Progressing"));
    let condition = condition.cloned().unwrap();
    (condition.reason.unwrap(), condition.message.unwrap_or_default(), next_look(&view, &status, now))
}

#[track_caller]
fn check(case: &str, before: Value, set: Value, at: &str, expected: (&str, &str, Next)) {
    let (reason, message, next) = told(before, set, &Outcome::Nothing, at);
    assert_eq!((reason.as_str(), message.as_str(), next), expected, "{case}");
}

#[test]
fn progress_is_told_until_it_is_complete_or_overdue() {
    let created = json!({ "conditions": [progressing("NewReplicaSetCreated")] });
    let half = json!({ "replicas": 2, "readyReplicas": 1, "availableReplicas": 1 });
    let full = json!({ "replicas": 2, "readyReplicas": 2, "availableReplicas": 2 });
    let none = json!({ "replicas": 0 });
    let after = |seconds| Next::After(Duration::from_secs(seconds));
    check(
        "one more pod",
        created.clone(),
        half,
        "2026-01-01T00:00:30Z",
        ("ReplicaSetUpdated", "ReplicaSet \"web-x\" is progressing.", after(61)),
    );
    check(
        "all pods",
        created.clone(),
        full,
        "2026-01-01T00:00:30Z",
        ("NewReplicaSetAvailable", "ReplicaSet \"web-x\" has successfully progressed.", Next::Wait),
    );
    check(
        "standing still",
        created.clone(),
        none.clone(),
        "2026-01-01T00:00:30Z",
        ("NewReplicaSetCreated", "", after(31)),
    );
    check(
        "standing still for too long",
        created,
        none.clone(),
        "2026-01-01T00:01:01Z",
        ("ProgressDeadlineExceeded", "ReplicaSet \"web-x\" has timed out progressing.", Next::Wait),
    );
    check(
        "never told before",
        json!({}),
        none,
        START,
        ("FoundNewReplicaSet", "Found new replica set \"web-x\"", after(61)),
    );
}

#[test]
fn a_finished_rollout_stays_finished_when_a_pod_fails() {
    let finished = json!({
        "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2,
        "conditions": [progressing("NewReplicaSetAvailable")],
    });
    let one_failed = json!({ "replicas": 2, "readyReplicas": 1, "availableReplicas": 1 });
    check(
        "one failed",
        finished,
        one_failed,
        "2026-01-02T00:00:00Z",
        ("NewReplicaSetAvailable", "", Next::Wait),
    );
}

#[test]
fn counts_and_conditions_of_the_replica_sets_are_told() {
    let deployment = deployment(json!({}));
    let sets = [replica_set(json!({
        "replicas": 2, "readyReplicas": 1, "availableReplicas": 1, "terminatingReplicas": 1,
        "conditions": [
            { "type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "quota" }
        ],
    }))];
    let status = of(&View::new(&deployment, &sets), &Outcome::Nothing, START.parse().unwrap());
    let conditions = status.conditions.clone().unwrap();
    let reasons: Vec<_> = conditions.iter().filter_map(|one| one.reason.as_deref()).collect();
    assert_eq!(reasons, ["MinimumReplicasUnavailable", "ReplicaSetUpdated", "FailedCreate"]);
    let counts = serde_json::to_value(DeploymentStatus { conditions: None, ..status }).unwrap();
    let expected = json!({
        "observedGeneration": 4, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 1,
        "availableReplicas": 1, "unavailableReplicas": 1, "terminatingReplicas": 1,
    });
    assert_eq!(counts, expected);
}

#[test]
fn a_collision_is_counted_and_a_creation_told() {
    let deployment = deployment(json!({ "collisionCount": 1 }));
    let view = View::new(&deployment, &[]);
    let status = of(&view, &Outcome::Collided, START.parse().unwrap());
    assert_eq!(status.collision_count, Some(2));
    let (reason, message, _) =
        told(json!({}), json!({ "replicas": 0 }), &Outcome::Created("web-x".to_owned()), START);
    assert_eq!(
        (reason.as_str(), message.as_str()),
        ("NewReplicaSetCreated", "Created new replica set \"web-x\"")
    );
}
