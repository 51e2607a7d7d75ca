//! One decision: the node for one pod, or why there is none. Pure.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Pod;

use crate::demand::Demand;
use crate::filter::{Filter, Wanted};
use crate::quantity::ParseQuantity;
use crate::score;
use crate::snapshot::{Cluster, NodeState};
use crate::volumes::ClaimError;

/// A pod that cannot be given a node; the texts are for its condition and for `kubectl describe`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unschedulable {
    /// There is no node at all.
    #[error("no nodes available to schedule pods")]
    NoNodes,
    /// No node can take it. Upstream's sentence, with the reasons counted over all nodes.
    #[error("0/{nodes} nodes are available: {reasons}.")]
    NoFit {
        /// How many there are.
        nodes: usize,
        /// For example `1 Insufficient memory`.
        reasons: String,
    },
    /// What it claims is not there, whatever the node.
    #[error("0/{nodes} nodes are available: {reason}.")]
    Claim {
        /// How many there are.
        nodes: usize,
        /// What is wrong.
        reason: ClaimError,
    },
    /// What it asks for cannot be read.
    #[error("the pod's requests cannot be read: {0}")]
    Demand(#[from] ParseQuantity),
}

/// The name of the best node for the pod.
pub(crate) fn place<'a>(wanted: Wanted<'_>, cluster: &'a Cluster) -> Result<&'a str, Unschedulable> {
    if cluster.nodes.is_empty() {
        return Err(Unschedulable::NoNodes);
    }
    let filter = Filter::new(wanted, cluster);
    let mut fitting = Vec::<&NodeState>::new();
    let mut refusals = BTreeMap::<String, usize>::new();
    for node in &cluster.nodes {
        let refused = filter.refusals(node);
        if refused.is_empty() {
            fitting.push(node);
        }
        for refusal in refused {
            *refusals.entry(refusal.to_string()).or_default() += 1;
        }
    }
    let best = score::best(wanted.pod, wanted.demand, &fitting, cluster);
    best.map(NodeState::name).ok_or_else(|| no_fit(cluster.nodes.len(), &refusals))
}

/// What `pod` asks of its node.
pub(crate) fn demand(pod: &Pod) -> Result<Demand, Unschedulable> {
    Ok(Demand::of(pod)?)
}

fn no_fit(nodes: usize, refusals: &BTreeMap<String, usize>) -> Unschedulable {
    let mut reasons: Vec<_> = refusals.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    reasons.sort();
    Unschedulable::NoFit { nodes, reasons: reasons.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testdata::{cluster, node, pod};
    use crate::volumes::Claims;
    use serde_json::{Value, json};

    fn named(name: &str, change: Value) -> std::sync::Arc<k8s_openapi::api::core::v1::Node> {
        let mut node = (*node(change)).clone();
        node.metadata.name = Some(name.to_owned());
        std::sync::Arc::new(node)
    }

    #[track_caller]
    fn check(
        case: &str,
        nodes: &[std::sync::Arc<k8s_openapi::api::core::v1::Node>],
        pod: &Pod,
        expected: Result<&str, &str>,
    ) {
        let taking = self::pod("there", json!({ "spec": { "nodeName": "busy" } }));
        let cluster = cluster(nodes, &[taking]);
        let claims = Claims::default();
        let placed = demand(pod).and_then(|demand| {
            place(Wanted { pod, demand: &demand, claims: &claims }, &cluster).map(str::to_owned)
        });
        let placed = placed.map_err(|error| error.to_string());
        assert_eq!(
            placed.as_deref().map_err(String::as_str),
            expected.as_ref().map(|name| *name).map_err(|e| *e),
            "{case}"
        );
    }

    #[test]
    fn the_node_with_most_left_gets_the_pod_and_refusals_are_counted() {
        let free = named("free", json!({}));
        let busy = named("busy", json!({}));
        let small = named("small", json!({ "status": { "allocatable": { "memory": "512Mi" } } }));
        let cordoned = named("cordoned", json!({ "spec": { "unschedulable": true } }));
        let web = pod("web", json!({}));
        check("least allocated", &[busy.clone(), free], &web, Ok("free"));
        check("the only one that fits", &[busy, small.clone()], &web, Ok("busy"));
        check("no nodes", &[], &web, Err("no nodes available to schedule pods"));
        let words = "0/2 nodes are available: 1 Insufficient memory, 1 node(s) were unschedulable.";
        check("nobody", &[small, cordoned], &web, Err(words));
    }

    #[test]
    fn a_demand_that_cannot_be_read_is_told() {
        let requests = json!({ "requests": { "memory": "1 GB" } });
        let odd = pod("odd", json!({ "spec": { "containers": [{ "name": "c", "resources": requests }] } }));
        let words = "the pod's requests cannot be read: \"1 GB\" is not a quantity: \
                     expected a number with an optional suffix, such as 500m, 1.5 or 2Gi";
        check("odd", &[named("one", json!({}))], &odd, Err(words));
    }
}
