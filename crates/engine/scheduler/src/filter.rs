//! Whether a node can take a pod, and if not, why: in upstream's words, which people search for. Pure.

mod affinity;
mod resources;
mod taints;

use k8s_openapi::api::core::v1::Pod;

use crate::demand::Demand;
use crate::snapshot::NodeState;

/// Why a node cannot take a pod.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Refusal {
    /// The node was cordoned.
    Unschedulable,
    /// The pod does not tolerate a taint.
    Tainted {
        /// Of the taint.
        key: String,
        /// Of the taint; may be empty.
        value: String,
    },
    /// Selector or required affinity speak of other nodes.
    OtherNodeWanted,
    /// A port of the host is taken.
    HostPortTaken,
    /// No place for another pod.
    TooManyPods,
    /// Too little of this resource is left.
    Insufficient(String),
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Refusal::Unschedulable => f.write_str("node(s) were unschedulable"),
            Refusal::Tainted { key, value } => write!(f, "node(s) had untolerated taint {{{key}: {value}}}"),
            Refusal::OtherNodeWanted => f.write_str("node(s) didn't match Pod's node affinity/selector"),
            Refusal::HostPortTaken => {
                f.write_str("node(s) didn't have free ports for the requested pod ports")
            }
            Refusal::TooManyPods => f.write_str("Too many pods"),
            Refusal::Insufficient(resource) => write!(f, "Insufficient {resource}"),
        }
    }
}

/// What the first filter that refuses says; nothing if the node can take the pod. Only resources give several
/// reasons at once.
pub(crate) fn refusals(pod: &Pod, demand: &Demand, node: &NodeState) -> Vec<Refusal> {
    let by_node = taints::refusal(pod, &node.node).or_else(|| affinity::refusal(pod, &node.node));
    match by_node.or_else(|| host_port_refusal(demand, node)) {
        Some(refusal) => vec![refusal],
        None => resources::refusals(demand, node),
    }
}

fn host_port_refusal(demand: &Demand, node: &NodeState) -> Option<Refusal> {
    let is_taken =
        demand.host_ports.iter().any(|wanted| node.host_ports.iter().any(|port| port.conflicts_with(wanted)));
    is_taken.then_some(Refusal::HostPortTaken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testdata;
    use serde_json::json;

    #[test]
    fn a_port_of_the_host_is_given_once() {
        let ports = json!([{ "name": "c", "ports": [{ "containerPort": 80, "hostPort": 80 }] }]);
        let first = testdata::pod("first", json!({ "spec": { "nodeName": "one", "containers": ports } }));
        let second = testdata::pod("second", json!({ "spec": { "containers": ports } }));
        let demand = Demand::of(&second).unwrap();
        let node = testdata::node(json!({}));
        assert_eq!(refusals(&second, &demand, &testdata::state(&node, &[])), []);
        assert_eq!(refusals(&second, &demand, &testdata::state(&node, &[first])), [Refusal::HostPortTaken]);
    }
}
