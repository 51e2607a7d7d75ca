//! The plan of a DaemonSet, case by case.

use super::*;
use k8s_openapi::api::apps::v1::{ControllerRevision, DaemonSet};
use k8s_openapi::api::core::v1::Node;
use serde_json::{Value, from_value, json};

use crate::revisions::{POD_REVISION, Revisions};

fn node(name: &str) -> Arc<Node> {
    Arc::new(from_value(json!({ "metadata": { "name": name } })).unwrap())
}

/// `a: r` is a ready pod on node `a`; `u` is not ready, `t` terminating, `f` failed, `s` succeeded; of the new revision
/// if the letter is a capital one.
fn pod(number: usize, text: &str) -> Arc<Pod> {
    let (node, state) = text.split_once(": ").unwrap();
    let is_new = state.starts_with(|first: char| first.is_ascii_uppercase());
    let state = state.to_ascii_lowercase();
    let phase = match state.as_str() {
        "f" => "Failed",
        "s" => "Succeeded",
        _ => "Running",
    };
    let ready = if state == "u" { "False" } else { "True" };
    Arc::new(
        from_value(json!({
            "metadata": {
                "name": format!("{node}{number}"),
                "uid": format!("{number}"),
                "labels": { POD_REVISION: if is_new { "new" } else { "old" } },
                "creationTimestamp": format!("2026-01-01T00:00:{number:02}Z"),
                "deletionTimestamp": (state == "t").then_some("2026-01-01T00:00:00Z"),
            },
            "spec": { "nodeName": node, "containers": [] },
            "status": { "phase": phase, "conditions": [{ "type": "Ready", "status": ready }] },
        }))
        .unwrap(),
    )
}

#[track_caller]
fn check(strategy: Value, pods: &[&str], create: &[&str], delete: &[&str]) {
    let set: DaemonSet = from_value(json!({
        "metadata": { "name": "log" },
        "spec": { "selector": {}, "template": { "spec": { "containers": [] } }, "updateStrategy": strategy },
    }))
    .unwrap();
    let current: Arc<ControllerRevision> =
        Arc::new(from_value(json!({ "metadata": { "name": "log-new" }, "data": {} })).unwrap());
    let revisions = Revisions { current, others: Vec::new(), collisions: 0 };
    let all: Vec<_> = pods.iter().enumerate().map(|(number, text)| pod(number, text)).collect();
    let nodes = ["a", "b", "c"].map(node);
    let view = View::new(&set, &revisions, &all, &nodes, "2026-01-01T00:01:00Z".parse().unwrap());
    let plan = plan(&view);
    let mut deleted: Vec<_> = plan.delete.iter().filter_map(|pod| pod.metadata.name.clone()).collect();
    deleted.sort();
    assert_eq!((plan.create, deleted), (own(create), own(delete)), "{pods:?}");
}

fn own(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

#[test]
fn each_node_has_one_pod() {
    let rolling = || json!({});
    check(rolling(), &["a: R"], &["b", "c"], &[]);
    check(rolling(), &["a: R", "a: R", "b: R", "c: T"], &[], &["a1"]);
    check(rolling(), &["a: R", "b: R", "c: R", "gone: R"], &[], &["gone3"]);
    check(rolling(), &["a: F", "b: S", "c: R"], &[], &["a0", "b1"]);
}

#[test]
fn a_rollout_takes_as_many_pods_away_as_may_be_missing() {
    let rolling = |count: Value| json!({ "rollingUpdate": { "maxUnavailable": count } });
    check(rolling(json!(1)), &["a: r", "b: r", "c: r"], &[], &["a0"]);
    check(rolling(json!("50%")), &["a: r", "b: r", "c: r"], &[], &["a0", "b1"]);
    check(rolling(json!(1)), &["a: U", "b: r", "c: r"], &[], &[]);
    check(rolling(json!(1)), &["a: R", "b: u", "c: r"], &[], &["b1"]);
    check(rolling(json!(1)), &["a: t", "b: r", "c: r"], &[], &[]);
    check(json!({ "type": "OnDelete" }), &["a: r", "b: r", "c: r"], &[], &[]);
}

#[test]
fn a_surge_puts_the_new_pod_beside_the_old_one_first() {
    let surge = || json!({ "rollingUpdate": { "maxSurge": 1, "maxUnavailable": 0 } });
    check(surge(), &["a: r", "b: r", "c: r"], &["a"], &[]);
    check(surge(), &["a: r", "b: r", "c: r", "a: U"], &[], &[]);
    check(surge(), &["a: r", "b: r", "c: r", "a: R"], &[], &["a0"]);
    check(surge(), &["a: t", "b: r", "c: r", "a: R"], &["b"], &[]);
    check(surge(), &["a: r", "b: u", "c: r", "a: U"], &["b"], &[]);
}
