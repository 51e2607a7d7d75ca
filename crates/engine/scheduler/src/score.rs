//! Which of the nodes that can take a pod is best. Pure.
//!
//! Upstream's scores with upstream's weights, each brought to between 0 and 1 over the nodes in question: what is
//! left of a node, taints that discourage, preferred nodes, preferred pods, and even spreading. Left out: images
//! that are there already, and the balance between resources.

use std::cmp::Ordering;

use k8s_openapi::api::core::v1::{Pod, WeightedPodAffinityTerm};

use crate::demand::{Amounts, Demand};
use crate::filter::spread::{Spread, Strictness};
use crate::filter::{affinity, taints};
use crate::labels::{place, speaks_of};
use crate::snapshot::{Cluster, NodeState};

/// The resources that count, with equal weight, as upstream's least-allocated score.
const COUNTED: [&str; 2] = ["cpu", "memory"];
const LEFT_WEIGHT: f64 = 1.0;
const TAINT_WEIGHT: f64 = 3.0;
const NODE_WEIGHT: f64 = 2.0;
const POD_WEIGHT: f64 = 2.0;
const SPREAD_WEIGHT: f64 = 2.0;

/// The best of `nodes`, which can all take the pod; the first of equals.
pub(crate) fn best<'a>(
    pod: &Pod,
    demand: &Demand,
    nodes: &[&'a NodeState],
    cluster: &Cluster,
) -> Option<&'a NodeState> {
    let spreads = Spread::all(pod, Strictness::ScheduleAnyway, cluster);
    let wishes = wishes(pod);
    let each = |score: &dyn Fn(&NodeState) -> f64| nodes.iter().map(|node| score(node)).collect::<Vec<_>>();
    let left = each(&|node| left_afterwards(demand, node));
    let discouraged = normal(each(&|node| -(taints::discouraging(pod, &node.node) as f64)));
    let preferred = normal(each(&|node| preferred(pod, node)));
    let beside = normal(each(&|node| beside(pod, &wishes, node, cluster)));
    let even = normal(each(&|node| -(spreads.iter().map(|spread| spread.there(node)).sum::<i64>() as f64)));
    let total = |index: usize| {
        let of = |scores: &[f64]| scores.get(index).copied().unwrap_or_default();
        LEFT_WEIGHT * of(&left)
            + TAINT_WEIGHT * of(&discouraged)
            + NODE_WEIGHT * of(&preferred)
            + POD_WEIGHT * of(&beside)
            + SPREAD_WEIGHT * of(&even)
    };
    let scored = nodes.iter().enumerate().map(|(index, node)| (total(index), *node));
    let better = |one: &(f64, &NodeState), other: &(f64, &NodeState)| {
        one.0.partial_cmp(&other.0).unwrap_or(Ordering::Equal)
    };
    // `max_by` takes the last of equals.
    scored.rev().max_by(better).map(|(_, node)| node)
}

/// Brings scores to between 0 and 1; equal ones to 0.
fn normal(scores: Vec<f64>) -> Vec<f64> {
    let least = scores.iter().copied().fold(f64::INFINITY, f64::min);
    let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let width = most - least;
    scores.into_iter().map(|score| if width > 0.0 { (score - least) / width } else { 0.0 }).collect()
}

/// Between 0 (nothing left) and 1 (all left).
fn left_afterwards(demand: &Demand, node: &NodeState) -> f64 {
    let left = COUNTED.iter().map(|&resource| {
        let amount = |amounts: &Amounts| amounts.get(resource).copied().unwrap_or_default();
        let given = amount(&node.allocatable);
        given.minus(amount(&node.taken)).minus(amount(&demand.amounts)).fraction_of(given)
    });
    left.sum::<f64>() / COUNTED.len() as f64
}

/// The weights of the preferred terms that speak of the node.
fn preferred(pod: &Pod, node: &NodeState) -> f64 {
    let affinity = pod.spec.as_ref().and_then(|spec| spec.affinity.as_ref()?.node_affinity.as_ref());
    let terms = affinity
        .and_then(|affinity| affinity.preferred_during_scheduling_ignored_during_execution.as_deref())
        .unwrap_or_default();
    let speaking =
        terms.iter().filter(|term| affinity::is_any(std::slice::from_ref(&term.preference), &node.node));
    speaking.map(|term| f64::from(term.weight)).sum()
}

/// What a pod prefers to be beside, and, with a negative weight, to be away from.
fn wishes(pod: &Pod) -> Vec<WeightedPodAffinityTerm> {
    let affinity = pod.spec.as_ref().and_then(|spec| spec.affinity.as_ref());
    let beside = affinity.and_then(|affinity| affinity.pod_affinity.as_ref());
    let beside = beside.and_then(|it| it.preferred_during_scheduling_ignored_during_execution.clone());
    let away = affinity.and_then(|affinity| affinity.pod_anti_affinity.as_ref());
    let away = away.and_then(|it| it.preferred_during_scheduling_ignored_during_execution.clone());
    let away = away.unwrap_or_default().into_iter().map(|mut term| {
        term.weight = -term.weight;
        term
    });
    beside.unwrap_or_default().into_iter().chain(away).collect()
}

/// The weights of the pod's wishes, and of what the pods that are there wish of it, in the node's places.
fn beside(pod: &Pod, wishes: &[WeightedPodAffinityTerm], node: &NodeState, cluster: &Cluster) -> f64 {
    let namespaces = &cluster.namespaces;
    let is_same_place = |there: &NodeState, topology: &str| {
        let value = place(&node.node, topology);
        value.is_some() && value == place(&there.node, topology)
    };
    let of_other = |(there, other): (&NodeState, &Pod)| {
        let own = wishes.iter().filter(|wish| speaks_of(&wish.pod_affinity_term, pod, other, namespaces));
        let own = own.filter(|wish| is_same_place(there, &wish.pod_affinity_term.topology_key));
        let theirs = self::wishes(other);
        let theirs = theirs.iter().filter(|wish| speaks_of(&wish.pod_affinity_term, other, pod, namespaces));
        let theirs = theirs.filter(|wish| is_same_place(there, &wish.pod_affinity_term.topology_key));
        own.chain(theirs).map(|wish| f64::from(wish.weight)).sum::<f64>()
    };
    cluster.pods().map(of_other).sum()
}

#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "cases are written in place")]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::testdata::{cluster, node, pod, zoned};

    /// Nodes `one` in zone `a` and `two` in zone `b`; a pod `db` that takes half of node `one`.
    #[track_caller]
    fn check(case: &str, spec: Value, expected: &str) {
        let labels = json!({ "app": "db" });
        let requests = json!({ "requests": { "cpu": "2", "memory": "4Gi" } });
        let db = pod(
            "db",
            json!({ "metadata": { "labels": labels },
            "spec": { "nodeName": "one", "containers": [{ "name": "c", "resources": requests }] } }),
        );
        let tainted = node(json!({ "metadata": { "name": "three", "labels": { "zone": "c" } },
            "spec": { "taints": [{ "key": "old", "effect": "PreferNoSchedule" }] } }));
        let cluster = cluster(&[zoned("one", "a"), tainted, zoned("two", "b")], &[db]);
        let web = pod("web", json!({ "metadata": { "labels": { "app": "web" } }, "spec": spec }));
        let demand = Demand::of(&web).unwrap();
        let nodes: Vec<_> = cluster.nodes.iter().collect();
        let best = best(&web, &demand, &nodes, &cluster).map(NodeState::name);
        assert_eq!(best, Some(expected), "{case}");
    }

    #[test]
    fn preferences_decide_among_nodes_that_fit() {
        check("most left, not discouraged", json!({}), "two");
        check("discouraged, but tolerated", json!({ "tolerations": [{ "operator": "Exists" }] }), "three");
        let in_zone = |zone: &str| json!({ "matchExpressions": [{ "key": "zone", "operator": "In", "values": [zone] }] });
        let preferred = json!([{ "weight": 10, "preference": in_zone("a") }]);
        let wish =
            json!({ "nodeAffinity": { "preferredDuringSchedulingIgnoredDuringExecution": preferred } });
        check("a preferred node", json!({ "affinity": wish }), "one");
        let term = json!({ "topologyKey": "zone", "labelSelector": { "matchLabels": { "app": "db" } } });
        let preferred = json!([{ "weight": 10, "podAffinityTerm": term }]);
        let wish =
            |kind: &str| json!({ kind: { "preferredDuringSchedulingIgnoredDuringExecution": preferred } });
        check("beside a pod", json!({ "affinity": wish("podAffinity") }), "one");
        check("away from a pod", json!({ "affinity": wish("podAntiAffinity") }), "two");
        let spread = json!([{ "maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": { "matchLabels": { "app": "db" } } }]);
        check("spread", json!({ "topologySpreadConstraints": spread }), "two");
    }
}
