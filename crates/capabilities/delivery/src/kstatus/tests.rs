use serde_json::{Value, json};

use super::{Health, of};

#[derive(Clone, Copy)]
enum Expected {
    Current,
    InProgress(&'static str),
    Failed(&'static str),
}
use Expected::{Current, Failed, InProgress};

#[track_caller]
fn check(api_version: &str, kind: &str, rest: &Value, expected: Expected) {
    let mut object =
        json!({ "apiVersion": api_version, "kind": kind, "metadata": { "name": "x", "generation": 2 } });
    object.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    let found = of(&object);
    let good = match (&found, &expected) {
        (Health::Current, Current) => true,
        (Health::InProgress(words), InProgress(part)) | (Health::Failed(words), Failed(part)) => {
            words.contains(part)
        }
        _ => false,
    };
    assert!(good, "{kind} is {found}");
}

fn conditions(conditions: &[(&str, &str, &str, &str)]) -> Value {
    let condition = |(type_, status, reason, message): &(&str, &str, &str, &str)| json!({ "type": type_, "status": status, "reason": reason, "message": message });
    conditions.iter().map(condition).collect()
}

#[test]
fn deployments() {
    let deployment = |replicas: i64, status: Value, expected| {
        check(
            "apps/v1",
            "Deployment",
            &json!({ "spec": { "replicas": replicas }, "status": status }),
            expected,
        );
    };
    let whole = json!({
        "observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2, "readyReplicas": 2,
        "conditions": conditions(&[
            ("Available", "True", "", ""),
            ("Progressing", "True", "NewReplicaSetAvailable", ""),
        ]),
    });
    deployment(2, whole, Current);
    let none = json!({ "observedGeneration": 2, "conditions": conditions(&[("Available", "True", "", "")]) });
    deployment(0, none, Current);
    deployment(0, json!({ "observedGeneration": 2 }), InProgress("not available yet"));
    deployment(1, json!({ "observedGeneration": 1 }), InProgress("generation 2 is not observed yet, only 1"));
    deployment(1, json!({ "observedGeneration": 2 }), InProgress("0 of 1 pods are there"));
    deployment(2, json!({ "replicas": 2, "updatedReplicas": 1 }), InProgress("1 of 2 pods are updated"));
    deployment(
        1,
        json!({ "replicas": 2, "updatedReplicas": 1 }),
        InProgress("1 pods too many are still there"),
    );
    deployment(1, json!({ "replicas": 1, "updatedReplicas": 1 }), InProgress("0 of 1 pods are available"));
    deployment(
        1,
        json!({ "conditions": conditions(&[("Progressing", "False", "ProgressDeadlineExceeded", "too slow")]) }),
        Failed("too slow"),
    );
}

#[test]
fn a_deployment_with_a_deadline_is_rolled_out_when_its_controller_says_so() {
    let deployment = |deadline: i64, conditions: Value, expected| {
        let status = json!({
            "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1, "readyReplicas": 1, "conditions": conditions,
        });
        let rest = json!({ "spec": { "progressDeadlineSeconds": deadline }, "status": status });
        check("apps/v1", "Deployment", &rest, expected);
    };
    let available = ("Available", "True", "", "");
    let progressing = |reason| ("Progressing", "True", reason, "");
    deployment(600, conditions(&[available, progressing("NewReplicaSetAvailable")]), Current);
    deployment(
        600,
        conditions(&[available, progressing("ReplicaSetUpdated")]),
        InProgress("ReplicaSetUpdated"),
    );
    deployment(600, conditions(&[available]), InProgress("rolled out"));
    deployment(i64::from(i32::MAX), conditions(&[available]), Current);
}

#[test]
fn replica_sets() {
    let replica_set =
        |status: Value, expected| check("apps/v1", "ReplicaSet", &json!({ "status": status }), expected);
    replica_set(
        json!({ "replicas": 1, "fullyLabeledReplicas": 1, "availableReplicas": 1, "readyReplicas": 1 }),
        Current,
    );
    replica_set(json!({ "replicas": 1 }), InProgress("0 of 1 pods are labelled"));
    replica_set(
        json!({ "conditions": conditions(&[("ReplicaFailure", "True", "FailedCreate", "quota")]) }),
        InProgress("quota"),
    );
}

#[test]
fn stateful_sets_and_daemon_sets() {
    let stateful = |spec: Value, status: Value, expected| {
        check("apps/v1", "StatefulSet", &json!({ "spec": spec, "status": status }), expected);
    };
    let ready = json!({ "replicas": 1, "readyReplicas": 1, "currentReplicas": 1, "currentRevision": "a", "updateRevision": "a" });
    stateful(json!({}), ready.clone(), Current);
    let mut old = ready;
    old["updateRevision"] = json!("b");
    stateful(json!({}), old, InProgress("not all pods are of the new revision"));
    stateful(json!({ "updateStrategy": { "type": "OnDelete" } }), json!({}), Current);
    stateful(json!({}), json!({ "replicas": 1 }), InProgress("0 of 1 pods are ready"));
    check("apps/v1", "DaemonSet", &json!({}), InProgress("not observed yet"));
    check(
        "apps/v1",
        "DaemonSet",
        &json!({ "status": {
            "observedGeneration": 2, "desiredNumberScheduled": 1, "currentNumberScheduled": 1,
            "updatedNumberScheduled": 1, "numberAvailable": 1, "numberReady": 1,
        } }),
        Current,
    );
}

#[test]
fn pods() {
    let pod = |status: Value, expected| check("v1", "Pod", &json!({ "status": status }), expected);
    pod(json!({ "phase": "Succeeded" }), Current);
    pod(json!({ "phase": "Running", "conditions": conditions(&[("Ready", "True", "", "")]) }), Current);
    pod(json!({ "phase": "Failed", "message": "evicted" }), Failed("evicted"));
    pod(
        json!({ "phase": "Running", "containerStatuses": [
            { "name": "web", "state": { "waiting": { "reason": "CrashLoopBackOff" } } },
        ] }),
        Failed("container \"web\" crashes again and again"),
    );
    pod(
        json!({ "phase": "Pending", "conditions": conditions(&[("PodScheduled", "False", "Unschedulable", "no node")]) }),
        InProgress("no node"),
    );
    pod(json!({}), InProgress("no phase"));
}

#[test]
fn services_claims_and_jobs() {
    check("v1", "Service", &json!({ "spec": { "type": "ClusterIP" } }), Current);
    check("v1", "Service", &json!({ "spec": { "type": "LoadBalancer" } }), InProgress("no address"));
    let balanced = json!({ "spec": { "type": "LoadBalancer", "clusterIP": "10.0.0.1" }, "status": { "loadBalancer": {} } });
    check("v1", "Service", &balanced, Current);
    check("v1", "PersistentVolumeClaim", &json!({ "status": { "phase": "Bound" } }), Current);
    check("v1", "PersistentVolumeClaim", &json!({ "status": { "phase": "Pending" } }), InProgress("Pending"));
    check("batch/v1", "Job", &json!({ "status": { "active": 1 } }), InProgress("1 pods are at work"));
    let complete = json!({ "status": { "conditions": conditions(&[("Complete", "True", "", "")]) } });
    check("batch/v1", "Job", &complete, Current);
    let failed =
        json!({ "status": { "conditions": conditions(&[("Failed", "True", "BackoffLimitExceeded", "")]) } });
    check("batch/v1", "Job", &failed, Failed("BackoffLimitExceeded"));
}

#[test]
fn definitions() {
    let definition = |conditions: Value, expected| {
        let status = json!({ "status": { "conditions": conditions } });
        check("apiextensions.k8s.io/v1", "CustomResourceDefinition", &status, expected);
    };
    definition(conditions(&[("NamesAccepted", "True", "", ""), ("Established", "True", "", "")]), Current);
    definition(
        conditions(&[("NamesAccepted", "False", "Conflict", "name is taken")]),
        Failed("name is taken"),
    );
    definition(json!([]), InProgress("being installed"));
}

#[test]
fn any_other_kind_by_its_conditions() {
    let any =
        |status: Value, expected| check("shop.example/v1", "Toy", &json!({ "status": status }), expected);
    any(json!({}), Current);
    any(json!({ "conditions": conditions(&[("Ready", "True", "", "")]) }), Current);
    any(
        json!({ "conditions": conditions(&[("Ready", "False", "Broken", "no wheel")]) }),
        InProgress("no wheel"),
    );
    any(
        json!({ "conditions": conditions(&[("Reconciling", "True", "Busy", ""), ("Ready", "True", "", "")]) }),
        InProgress("Busy"),
    );
    any(
        json!({ "conditions": conditions(&[("Stalled", "True", "Bad", "wrong spec")]) }),
        Failed("wrong spec"),
    );
    any(json!({ "observedGeneration": -1 }), InProgress("generation 2"));
    check("networking.k8s.io/v1", "Ingress", &json!({ "status": { "loadBalancer": {} } }), Current);
    check("v1", "ConfigMap", &json!({}), Current);
}

#[test]
fn what_is_being_deleted_is_not_healthy() {
    let object = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "deletionTimestamp": "2026-01-01T00:00:00Z" } });
    assert_eq!(of(&object), Health::Terminating);
}
