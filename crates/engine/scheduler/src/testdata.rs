//! Objects for the tests of this crate.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, Pod};
use serde_json::{Value, from_value, json};

use crate::snapshot::{Assumed, Cluster, NodeState, take};

/// A ready node `one` with four processors, changed by `change`.
pub(crate) fn node(change: Value) -> Arc<Node> {
    let mut node = json!({
        "metadata": { "name": "one", "labels": { "kubernetes.io/hostname": "one", "disk": "ssd" } },
        "spec": {},
        "status": {
            "allocatable": { "cpu": "4", "memory": "8Gi", "pods": "110", "ephemeral-storage": "100Gi" },
            "conditions": [{ "type": "Ready", "status": "True" }],
        },
    });
    merge(&mut node, change);
    Arc::new(from_value(node).unwrap())
}

/// A pod that asks for one processor, changed by `change`.
pub(crate) fn pod(name: &str, change: Value) -> Arc<Pod> {
    let mut pod = json!({
        "metadata": { "name": name, "namespace": "default", "uid": name },
        "spec": { "containers": [{ "name": "c", "resources": { "requests": { "cpu": "1", "memory": "1Gi" } } }] },
    });
    merge(&mut pod, change);
    Arc::new(from_value(pod).unwrap())
}

/// The state of `node` with `pods` on it.
pub(crate) fn state(node: &Arc<Node>, pods: &[Arc<Pod>]) -> NodeState {
    take(std::slice::from_ref(node), pods, &Assumed::default(), None).remove(0)
}

/// A node of this name in a zone.
pub(crate) fn zoned(name: &str, zone: &str) -> Arc<Node> {
    node(json!({ "metadata": { "name": name, "labels": { "zone": zone } } }))
}

/// All nodes with all pods.
pub(crate) fn cluster(nodes: &[Arc<Node>], pods: &[Arc<Pod>]) -> Cluster {
    Cluster { nodes: take(nodes, pods, &Assumed::default(), None), namespaces: Default::default() }
}

fn merge(target: &mut Value, change: Value) {
    match (target, change) {
        (Value::Object(target), Value::Object(change)) => {
            for (key, value) in change {
                merge(target.entry(key).or_insert(Value::Null), value);
            }
        }
        (target, change) => *target = change,
    }
}
