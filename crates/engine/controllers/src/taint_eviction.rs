//! Taints of effect `NoExecute`: pods that do not tolerate one leave its node, those that tolerate it for a time when
//! that has passed.
//!
//! One reconciliation looks at a node and all its pods; a timer stands at the first pod whose time is limited. That
//! time begins when both the pod and the taint are there: at the taint's `timeAdded` where whoever set it wrote it, at
//! the first sight of the two otherwise. Who may set the taints of a node that is not ready is told in the crate's
//! documentation.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bythos_operator::event::{Publisher, Severity};
use bythos_operator::{Cache, Controller, Next, ObjectKey};
use k8s_openapi::api::core::v1::{Node, Pod, Taint, Toleration};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::Client;
use tokio_util::sync::CancellationToken;

use crate::call::CallError;
use crate::pod_end::{self, Cause};
use crate::pods;
use crate::reconcile::{self, Reconcile};
use crate::taints::{NO_EXECUTE, tolerates};

const CAUSE: Cause =
    Cause { reason: "DeletionByTaintManager", message: "Taint manager: deleting due to NoExecute taint" };
/// On the image in the API of a pod that the node runs from a file, and that tolerates everything.
const MIRROR: &str = "kubernetes.io/config.mirror";

pub(crate) struct TaintEvictions {
    client: Client,
    nodes: Cache<Node>,
    pods: Cache<Pod>,
    events: Publisher,
    /// By node: when each pod whose time is limited was first seen with the taint, by uid.
    seen: Mutex<BTreeMap<String, BTreeMap<String, Timestamp>>>,
}

/// Until when a pod may stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stay {
    NoLonger,
    Until(Timestamp),
    ForEver,
}

/// Until when `pod` may stay on a node with these taints of effect `NoExecute`, with which it was first seen then. Pure.
fn stay(pod: &Pod, taints: &[&Taint], seen: Timestamp) -> Stay {
    let annotations = pod.metadata.annotations.as_ref();
    if annotations.is_some_and(|annotations| annotations.contains_key(MIRROR)) {
        return Stay::ForEver;
    }
    let tolerations = pod.spec.as_ref().and_then(|spec| spec.tolerations.as_deref()).unwrap_or_default();
    let under = taints.iter().map(|taint| stay_under(taint, tolerations, begin(pod, taint, seen)));
    under.min().unwrap_or(Stay::ForEver)
}

/// As long as the shortest of the tolerations that speak of the taint says.
fn stay_under(taint: &Taint, tolerations: &[Toleration], begin: Timestamp) -> Stay {
    let speaking: Vec<_> = tolerations.iter().filter(|one| tolerates(one, taint)).collect();
    if speaking.is_empty() {
        return Stay::NoLonger;
    }
    match speaking.iter().filter_map(|one| one.toleration_seconds).min() {
        None => Stay::ForEver,
        Some(seconds) if seconds <= 0 => Stay::NoLonger,
        Some(seconds) => {
            let end = begin.saturating_add(SignedDuration::from_secs(seconds));
            Stay::Until(end.unwrap_or(Timestamp::MAX))
        }
    }
}

/// Since when the pod is there with the taint.
fn begin(pod: &Pod, taint: &Taint, seen: Timestamp) -> Timestamp {
    let scheduled = pods::condition(pod, "PodScheduled").and_then(|one| one.last_transition_time.as_ref());
    match (&taint.time_added, scheduled) {
        (Some(added), Some(scheduled)) => added.0.max(scheduled.0),
        _ => seen,
    }
}

fn no_execute(node: &Node) -> Vec<&Taint> {
    let taints = node.spec.iter().flat_map(|spec| spec.taints.iter().flatten());
    taints.filter(|taint| taint.effect == NO_EXECUTE).collect()
}

fn node_of(pod: &Pod) -> Option<&str> {
    pod.spec.as_ref()?.node_name.as_deref().filter(|node| !node.is_empty())
}

impl TaintEvictions {
    pub(crate) fn new(client: Client, nodes: Cache<Node>, pods: Cache<Pod>) -> TaintEvictions {
        let events = Publisher::new(client.clone(), "taint-eviction-controller");
        TaintEvictions { client, nodes, pods, events, seen: Mutex::default() }
    }

    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let controller = Controller::new("taint eviction")
            .reconciles(&self.nodes)
            .watches(&self.pods, |pod| node_of(pod).map(ObjectKey::cluster).into_iter().collect());
        reconcile::run(controller, 1, shutdown, self).await;
    }

    /// Until when each of the pods may stay. Those whose time is limited are remembered, and no others.
    fn stays(&self, node: &Node, pods: Vec<Arc<Pod>>, now: Timestamp) -> Vec<(Arc<Pod>, Stay)> {
        let taints = no_execute(node);
        let mut all_seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let before = all_seen.remove(&name(node)).unwrap_or_default();
        let mut seen = BTreeMap::new();
        let mut stays = Vec::new();
        for pod in pods {
            let uid = pod.metadata.uid.clone().unwrap_or_default();
            let first = before.get(&uid).copied().unwrap_or(now);
            let stay = stay(&pod, &taints, first);
            if let Stay::Until(_) = stay {
                seen.insert(uid, first);
            }
            stays.push((pod, stay));
        }
        if !seen.is_empty() {
            all_seen.insert(name(node), seen);
        }
        stays
    }

    fn forget(&self, node: &str) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).remove(node);
    }

    async fn evict(&self, pod: &Pod) -> Result<(), CallError> {
        if pod_end::evict(&self.client, pod, CAUSE).await? {
            let message = format!("Marking for deletion Pod {}", ObjectKey::of(pod));
            self.events.publish(pod, Severity::Normal, "TaintManagerEviction", &message).await;
        }
        Ok(())
    }
}

fn name(node: &Node) -> String {
    node.metadata.name.clone().unwrap_or_default()
}

impl Reconcile for TaintEvictions {
    type Error = CallError;

    /// The key is that of a node.
    async fn reconcile(&self, key: ObjectKey) -> Result<Next, CallError> {
        let Some(node) = self.nodes.get(&key).filter(|node| !no_execute(node).is_empty()) else {
            self.forget(&key.name);
            return Ok(Next::Wait);
        };
        let is_there = |pod: &Arc<Pod>| node_of(pod) == Some(key.name.as_str()) && pods::is_active(pod);
        let there: Vec<_> = self.pods.list().into_iter().filter(is_there).collect();
        let now = Timestamp::now();
        let mut next: Option<Timestamp> = None;
        for (pod, stay) in self.stays(&node, there, now) {
            match stay {
                Stay::ForEver => {}
                Stay::Until(end) if end > now => next = Some(next.map_or(end, |next| next.min(end))),
                Stay::Until(_) | Stay::NoLonger => self.evict(&pod).await?,
            }
        }
        Ok(next.map_or(Next::Wait, |next| {
            Next::After(Duration::try_from(next.duration_since(now)).unwrap_or_default())
        }))
    }
}

#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "cases are written in place")]
mod tests {
    use super::*;
    use serde_json::{Value, from_value, json};

    const SEEN: &str = "2026-01-01T00:01:00Z";

    #[track_caller]
    fn check(case: &str, taints: Value, tolerations: Value, expected: Stay) {
        let taints: Vec<Taint> = from_value(taints).unwrap();
        let scheduled =
            json!({ "type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z" });
        let pod: Pod = from_value(json!({
            "spec": { "containers": [], "tolerations": tolerations },
            "status": { "conditions": [scheduled] },
        }))
        .unwrap();
        let found = stay(&pod, &taints.iter().collect::<Vec<_>>(), SEEN.parse().unwrap());
        assert_eq!(found, expected, "{case}");
    }

    #[test]
    fn a_pod_stays_as_long_as_it_tolerates_every_taint() {
        let until = |time: &str| Stay::Until(time.parse().unwrap());
        let taint = |key: &str| json!({ "key": key, "effect": "NoExecute" });
        let (gpu, both) = (json!([taint("gpu")]), json!([taint("gpu"), taint("disk")]));
        let toleration = |key: &str, seconds: Value| json!({ "key": key, "operator": "Exists", "tolerationSeconds": seconds });
        let all = json!([{ "operator": "Exists" }]);
        let forever = json!([toleration("gpu", json!(null))]);
        let minute = json!([toleration("gpu", json!(60))]);
        check("no taint", json!([]), json!([]), Stay::ForEver);
        check("not tolerated", gpu.clone(), json!([]), Stay::NoLonger);
        check("tolerated", gpu.clone(), forever.clone(), Stay::ForEver);
        check("everything tolerated", both.clone(), all, Stay::ForEver);
        check("one of two tolerated", both.clone(), forever, Stay::NoLonger);
        check("for a minute", gpu.clone(), minute, until("2026-01-01T00:02:00Z"));
        check("for no time", gpu.clone(), json!([toleration("gpu", json!(0))]), Stay::NoLonger);
        let shortest = json!([toleration("gpu", json!(60)), toleration("", json!(30))]);
        check("the shortest counts", gpu, shortest, until("2026-01-01T00:01:30Z"));
        let one_limited = json!([toleration("gpu", json!(60)), toleration("disk", json!(null))]);
        check("the shorter of two", both, one_limited, until("2026-01-01T00:02:00Z"));
        let added = json!([{ "key": "gpu", "effect": "NoExecute", "timeAdded": "2026-01-01T00:00:30Z" }]);
        let minute = json!([toleration("gpu", json!(60))]);
        check("since it was added", added, minute, until("2026-01-01T00:01:30Z"));
    }

    #[test]
    fn a_pod_that_the_node_runs_from_a_file_stays() {
        let pod: Pod = from_value(
            json!({ "metadata": { "annotations": { MIRROR: "x" } }, "spec": { "containers": [] } }),
        )
        .unwrap();
        let taint: Taint = from_value(json!({ "key": "gpu", "effect": "NoExecute" })).unwrap();
        assert_eq!(stay(&pod, &[&taint], SEEN.parse().unwrap()), Stay::ForEver);
    }
}
