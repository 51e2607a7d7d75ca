//! Whether a node can take a pod, and if not, why: in upstream's words, which people search for. Pure.

pub(crate) mod affinity;
mod pod_affinity;
mod resources;
pub(crate) mod spread;
pub(crate) mod taints;
mod volumes;

use k8s_openapi::api::core::v1::Pod;

use self::pod_affinity::Relations;
use self::spread::{Spread, Strictness};
use crate::demand::Demand;
use crate::snapshot::{Cluster, NodeState};
use crate::volumes::Claims;

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
    Insufficient {
        /// Name of the resource.
        resource: String,
        /// The node would not have enough if it were empty.
        never: bool,
    },
    /// A volume is reached from other nodes only.
    VolumeElsewhere,
    /// No volume lies ready on this node, and none can be made for it.
    NoVolume,
    /// The node is in no place over which pods are spread.
    NoPlace,
    /// There would be too many pods of the sort in the node's place.
    Uneven,
    /// The pods are not there with which it has to be.
    PodsNotThere,
    /// Pods are there that it must not meet.
    PodsThere,
    /// Pods are there that must not meet it.
    PodsAgainst,
}

impl Refusal {
    /// Whether the node could take the pod if other pods made room.
    pub(crate) fn ends_with_pods(&self) -> bool {
        match self {
            Refusal::HostPortTaken
            | Refusal::TooManyPods
            | Refusal::Insufficient { never: false, .. }
            | Refusal::Uneven
            | Refusal::PodsThere
            | Refusal::PodsAgainst => true,
            Refusal::Unschedulable
            | Refusal::Tainted { .. }
            | Refusal::OtherNodeWanted
            | Refusal::Insufficient { never: true, .. }
            | Refusal::VolumeElsewhere
            | Refusal::NoVolume
            | Refusal::NoPlace
            | Refusal::PodsNotThere => false,
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Refusal::Tainted { key, value } => {
                return write!(f, "node(s) had untolerated taint {{{key}: {value}}}");
            }
            Refusal::Insufficient { resource, .. } => return write!(f, "Insufficient {resource}"),
            Refusal::Unschedulable => "node(s) were unschedulable",
            Refusal::OtherNodeWanted => "node(s) didn't match Pod's node affinity/selector",
            Refusal::HostPortTaken => "node(s) didn't have free ports for the requested pod ports",
            Refusal::TooManyPods => "Too many pods",
            Refusal::VolumeElsewhere => "node(s) didn't match PersistentVolume's node affinity",
            Refusal::NoVolume => "node(s) didn't find available persistent volumes to bind",
            Refusal::NoPlace => {
                "node(s) didn't match pod topology spread constraints (missing required label)"
            }
            Refusal::Uneven => "node(s) didn't match pod topology spread constraints",
            Refusal::PodsNotThere => "node(s) didn't match pod affinity rules",
            Refusal::PodsThere => "node(s) didn't match pod anti-affinity rules",
            Refusal::PodsAgainst => "node(s) didn't satisfy existing pods anti-affinity rules",
        })
    }
}

/// One pod with all that it asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) pod: &'a Pod,
    pub(crate) demand: &'a Demand,
    pub(crate) claims: &'a Claims,
}

/// One pod against the nodes of a cluster.
pub(crate) struct Filter<'a> {
    wanted: Wanted<'a>,
    relations: Relations,
    spreads: Vec<Spread>,
}

impl<'a> Filter<'a> {
    /// Looks once at what is there.
    pub(crate) fn new(wanted: Wanted<'a>, cluster: &Cluster) -> Self {
        Filter {
            wanted,
            relations: Relations::of(wanted.pod, cluster),
            spreads: Spread::all(wanted.pod, Strictness::DoNotSchedule, cluster),
        }
    }

    /// What the first filter that refuses says; nothing if the node can take the pod. Only resources give several
    /// reasons at once.
    pub(crate) fn refusals(&self, node: &NodeState) -> Vec<Refusal> {
        let Wanted { pod, demand, claims } = self.wanted;
        let by_node = taints::refusal(pod, &node.node).or_else(|| affinity::refusal(pod, &node.node));
        if let Some(refusal) = by_node.or_else(|| host_port_refusal(demand, node)) {
            return vec![refusal];
        }
        let by_resources = resources::refusals(demand, node);
        if !by_resources.is_empty() {
            return by_resources;
        }
        let by_volumes = volumes::refusal(claims, &node.node);
        let by_pods = || {
            let uneven = self.spreads.iter().find_map(|spread| spread.refusal(node));
            uneven.or_else(|| self.relations.refusal(node))
        };
        by_volumes.or_else(by_pods).into_iter().collect()
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
        let wanted = Wanted { pod: &second, demand: &demand, claims: &Claims::default() };
        let refusals = |pods: &[std::sync::Arc<Pod>]| {
            let cluster = testdata::cluster(&[testdata::node(json!({}))], pods);
            Filter::new(wanted, &cluster).refusals(&cluster.nodes[0])
        };
        assert_eq!(refusals(&[]), []);
        assert_eq!(refusals(&[first]), [Refusal::HostPortTaken]);
    }
}
