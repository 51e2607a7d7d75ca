//! Which pods go first when there are too many. Pure.
//!
//! The order is upstream's, without its preference for nodes that carry several replicas: the engine has one node.

use std::cmp::Reverse;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;

use crate::pods;

const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";

/// Smaller goes first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    is_assigned: bool,
    phase: u8,
    is_ready: bool,
    deletion_cost: i32,
    ready_since: Reverse<Option<Timestamp>>,
    restarts: Reverse<i32>,
    created: Reverse<Option<Timestamp>>,
}

/// The `count` pods of `active` that go first.
pub(crate) fn first_to_go(mut active: Vec<Arc<Pod>>, count: usize) -> Vec<Arc<Pod>> {
    active.sort_by_cached_key(|pod| rank(pod));
    active.truncate(count);
    active
}

fn rank(pod: &Pod) -> Rank {
    let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).unwrap_or_default();
    let annotations = pod.metadata.annotations.as_ref();
    let containers = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
    Rank {
        is_assigned: !node.is_empty(),
        phase: match pods::phase(pod) {
            "Running" => 2,
            "Unknown" => 1,
            _ => 0,
        },
        is_ready: pods::is_ready(pod),
        deletion_cost: annotations.and_then(|all| all.get(DELETION_COST)?.parse().ok()).unwrap_or_default(),
        ready_since: Reverse(pods::ready_since(pod).flatten()),
        restarts: Reverse(containers.map(|container| container.restart_count).max().unwrap_or_default()),
        created: Reverse(pod.metadata.creation_timestamp.as_ref().map(|time| time.0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, from_value, json};

    fn running(name: &str, created: &str, ready_since: &str, restarts: i32) -> Value {
        json!({
            "metadata": { "name": name, "creationTimestamp": created },
            "spec": { "nodeName": "one", "containers": [] },
            "status": {
                "phase": "Running",
                "conditions": [{ "type": "Ready", "status": "True", "lastTransitionTime": ready_since }],
                "containerStatuses": [
                    { "name": "c", "image": "i", "imageID": "", "ready": true, "restartCount": restarts }
                ],
            },
        })
    }

    #[track_caller]
    fn check(case: &str, goes: Value, stays: Value) {
        let pods = [stays, goes].map(|pod| Arc::new(from_value::<Pod>(pod).unwrap()));
        let first = first_to_go(pods.to_vec(), 1);
        assert_eq!(first[0].metadata.name.as_deref(), Some("goes"), "{case}");
        let first = first_to_go(pods.into_iter().rev().collect(), 1);
        assert_eq!(first[0].metadata.name.as_deref(), Some("goes"), "{case}, other way round");
    }

    #[test]
    fn what_is_worth_least_goes_first() {
        const EARLY: &str = "2026-01-01T00:00:00Z";
        const LATE: &str = "2026-01-02T00:00:00Z";
        let good = running("stays", EARLY, EARLY, 0);
        let with = |change: Value| {
            let mut pod = running("goes", EARLY, EARLY, 0);
            for (path, value) in change.as_object().unwrap() {
                *pod.pointer_mut(path).unwrap() = value.clone();
            }
            pod
        };
        check("without a node", with(json!({ "/spec/nodeName": "" })), good.clone());
        check("pending", with(json!({ "/status/phase": "Pending" })), good.clone());
        check("not ready", with(json!({ "/status/conditions/0/status": "False" })), good.clone());
        check("ready for less time", running("goes", EARLY, LATE, 0), good.clone());
        check("more restarts", running("goes", EARLY, EARLY, 3), good.clone());
        check("newer", running("goes", LATE, EARLY, 0), good);

        let mut dear = running("stays", LATE, LATE, 9);
        dear["metadata"]["annotations"] = json!({ DELETION_COST: "10" });
        check("cheaper, though older", running("goes", EARLY, EARLY, 0), dear);
    }
}
