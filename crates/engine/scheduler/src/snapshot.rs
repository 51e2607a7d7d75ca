//! All nodes with what is taken of each, at one moment. Pure but for the caches' order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bythos_operator::ObjectKey;
use k8s_openapi::api::core::v1::{Node, Pod};
use tracing::warn;

use crate::demand::{self, Amounts, Demand, HostPort};
use crate::labels::{Namespaces, priority};
use crate::volumes::{self, Claims, Plan};

/// The resource that counts pods.
pub(crate) const PODS: &str = "pods";

/// A node, what it can give and what is taken of it.
#[derive(Debug, Clone)]
pub(crate) struct NodeState {
    pub(crate) node: Arc<Node>,
    pub(crate) allocatable: Amounts,
    pub(crate) taken: Amounts,
    pub(crate) pods: Vec<Arc<Pod>>,
    pub(crate) host_ports: BTreeSet<HostPort>,
}

impl NodeState {
    pub(crate) fn name(&self) -> &str {
        self.node.metadata.name.as_deref().unwrap_or_default()
    }

    fn new(node: Arc<Node>) -> NodeState {
        let allocatable = node.status.as_ref().and_then(|status| status.allocatable.as_ref());
        let allocatable = demand::amounts(allocatable).unwrap_or_else(|error| {
            warn!(node = ?node.metadata.name, %error, "this node's resources cannot be read");
            Amounts::new()
        });
        NodeState { node, allocatable, taken: Amounts::new(), pods: Vec::new(), host_ports: BTreeSet::new() }
    }

    /// The same node without the pods that `is_gone` names.
    pub(crate) fn without(&self, is_gone: impl Fn(&Pod) -> bool) -> NodeState {
        let empty = NodeState {
            taken: Amounts::new(),
            pods: Vec::new(),
            host_ports: BTreeSet::new(),
            ..self.clone()
        };
        let staying = self.pods.iter().filter(|pod| !is_gone(pod));
        staying.fold(empty, |mut node, pod| {
            node.take(pod);
            node
        })
    }

    fn take(&mut self, pod: &Arc<Pod>) {
        self.pods.push(pod.clone());
        // A demand that cannot be read was not let in by this scheduler; the node sorts out what it can run.
        let Ok(demand) = Demand::of(pod) else { return };
        demand::add(&mut self.taken, &demand.amounts);
        self.host_ports.extend(demand.host_ports);
    }
}

/// All nodes, and what is known of namespaces.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cluster {
    pub(crate) nodes: Vec<NodeState>,
    pub(crate) namespaces: Namespaces,
}

impl Cluster {
    /// Every pod with its node.
    pub(crate) fn pods(&self) -> impl Iterator<Item = (&NodeState, &Pod)> {
        self.nodes.iter().flat_map(|node| node.pods.iter().map(move |pod| (node, &**pod)))
    }

    /// How `claims` get their volumes on the node of this name, which was found to be able to give them.
    pub(crate) fn volume_plan(&self, claims: &Claims, node: &str) -> Plan {
        let state = self.nodes.iter().find(|state| state.name() == node);
        state.and_then(|state| volumes::plan(claims, &state.node)).unwrap_or_default()
    }
}

/// The pods that were bound by this run and that the cache does not show on their node yet, by uid.
///
/// Without them, two pods in a row would both get the last free place of a node.
#[derive(Debug, Default)]
pub(crate) struct Assumed {
    nodes: BTreeMap<String, (ObjectKey, String)>,
}

impl Assumed {
    /// `pod` is on its way to `node`.
    pub(crate) fn add(&mut self, pod: &Pod, node: &str) {
        self.nodes.insert(uid(pod).to_owned(), (ObjectKey::of(pod), node.to_owned()));
    }

    /// The call failed.
    pub(crate) fn remove(&mut self, pod: &Pod) {
        self.nodes.remove(uid(pod));
    }

    /// Whether `pod` is on its way already.
    pub(crate) fn contains(&self, pod: &Pod) -> bool {
        self.nodes.contains_key(uid(pod))
    }

    /// Forgets those that `pods` shows on a node, or no longer.
    pub(crate) fn settle(&mut self, pods: &[Arc<Pod>]) {
        let unassigned: BTreeSet<_> =
            pods.iter().filter(|pod| node_of(pod).is_none()).map(|pod| uid(pod)).collect();
        self.nodes.retain(|uid, _| unassigned.contains(uid.as_str()));
    }

    fn node_of(&self, pod: &Pod) -> Option<&str> {
        self.nodes.get(uid(pod)).map(|(_, node)| node.as_str())
    }
}

/// The nodes with what `pods` take, as `wanting` has to see it: with the pods that are assumed to be there, and those
/// of at least its priority for which room is being made.
pub(crate) fn take(
    nodes: &[Arc<Node>],
    pods: &[Arc<Pod>],
    assumed: &Assumed,
    wanting: Option<&Pod>,
) -> Vec<NodeState> {
    let nominated = |pod: &Arc<Pod>| {
        let wanting = wanting?;
        let is_before = uid(pod) != uid(wanting) && priority(pod) >= priority(wanting);
        nominated_node(pod)
            .filter(|_| is_before && pod.metadata.deletion_timestamp.is_none())
            .map(str::to_owned)
    };
    let mut states: BTreeMap<String, NodeState> = nodes
        .iter()
        .map(|node| (node.metadata.name.clone().unwrap_or_default(), NodeState::new(node.clone())))
        .collect();
    for pod in pods.iter().filter(|pod| !is_finished(pod)) {
        let node = node_of(pod).or_else(|| assumed.node_of(pod)).map(str::to_owned);
        if let Some(state) = node.or_else(|| nominated(pod)).and_then(|node| states.get_mut(&node)) {
            state.take(pod);
        }
    }
    states.into_values().collect()
}

/// The node that `pod` is on.
pub(crate) fn node_of(pod: &Pod) -> Option<&str> {
    pod.spec.as_ref()?.node_name.as_deref().filter(|name| !name.is_empty())
}

/// The node on which room is being made for `pod`.
pub(crate) fn nominated_node(pod: &Pod) -> Option<&str> {
    pod.status.as_ref()?.nominated_node_name.as_deref().filter(|name| !name.is_empty())
}

/// Whether `pod` has ended and takes nothing any more.
pub(crate) fn is_finished(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

pub(crate) fn uid(pod: &Pod) -> &str {
    pod.metadata.uid.as_deref().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantity::Amount;
    use crate::testdata::{node, pod};
    use serde_json::json;

    #[test]
    fn pods_take_from_the_node_that_they_are_on_or_on_their_way_to() {
        let nodes = [node(json!({}))];
        let bound = pod("bound", json!({ "spec": { "nodeName": "one" } }));
        let ended =
            pod("ended", json!({ "spec": { "nodeName": "one" }, "status": { "phase": "Succeeded" } }));
        let (coming, waiting) = (pod("coming", json!({})), pod("waiting", json!({})));
        let mut assumed = Assumed::default();
        assumed.add(&coming, "one");
        let pods = [bound, ended, coming.clone(), waiting];
        let states = take(&nodes, &pods, &assumed, None);
        assert_eq!(states[0].pods.len(), 2);
        assert_eq!(states[0].taken["cpu"], Amount::whole(2));

        let arrived = pod("coming", json!({ "spec": { "nodeName": "one" } }));
        assumed.settle(std::slice::from_ref(&coming));
        assert!(assumed.contains(&coming));
        assumed.settle(&[arrived]);
        assert!(!assumed.contains(&coming));
    }

    #[test]
    fn room_that_is_made_for_a_pod_is_kept_from_those_below_it() {
        let nodes = [node(json!({}))];
        let with = |name: &str, priority: i32| {
            let status = json!({ "nominatedNodeName": "one" });
            pod(name, json!({ "spec": { "priority": priority }, "status": status }))
        };
        let pods = [with("high", 10)];
        let seen = |wanting: &Pod| take(&nodes, &pods, &Assumed::default(), Some(wanting))[0].pods.len();
        assert_eq!(seen(&with("low", 0)), 1);
        assert_eq!(seen(&with("higher", 20)), 0);
        assert_eq!(seen(&with("high", 10)), 0, "itself");
    }
}
