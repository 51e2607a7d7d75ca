//! Network policies as a fragment of the table. Pure.
//!
//! Pods that the same policies speak of share a chain: a packet that one of their rules allows returns from it, any other
//! is dropped at its end. The chains are entered for what is forwarded and belongs to no connection yet: traffic
//! between a pod and the host itself is always allowed, as upstream documents, and so is a pod's to itself.
//!
//! Left out: what a pod does before its address is in its status, and policies for pods on the host's network.

mod peers;
mod ports;

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::net::Ipv4Addr;
use std::sync::Arc;

use bythos_operator::ObjectKey;
use k8s_openapi::api::core::v1::{Namespace, Pod};
use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::{Selector, SelectorExt as _};

use crate::pods;
use crate::ruleset::{EGRESS, INGRESS};
use crate::services::Protocol;
use crate::table::Fragment;

type Labels = BTreeMap<String, String>;

/// Which way a packet goes, as the pod sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Direction {
    Ingress,
    Egress,
}

impl Direction {
    fn lookup(self) -> &'static str {
        match self {
            Direction::Ingress => INGRESS,
            Direction::Egress => EGRESS,
        }
    }

    /// The address of the other side in a packet.
    fn peer_address(self) -> &'static str {
        match self {
            Direction::Ingress => "ip saddr",
            Direction::Egress => "ip daddr",
        }
    }
}

/// A pod on the pods' network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PodState {
    address: Ipv4Addr,
    namespace: String,
    labels: Labels,
    ports: Vec<(String, Protocol, u16)>,
}

impl PodState {
    /// `None` if no rule can speak of it: it has no address of its own, or none any more.
    pub(crate) fn read(pod: &Pod) -> Option<PodState> {
        let named = pods::ports(pod).filter_map(|port| {
            let protocol = Protocol::parse(port.protocol.as_deref())?;
            Some((port.name.clone()?, protocol, u16::try_from(port.container_port).ok()?))
        });
        Some(PodState {
            address: pods::address(pod)?,
            namespace: pod.metadata.namespace.clone()?,
            labels: pod.metadata.labels.clone().unwrap_or_default(),
            ports: named.collect(),
        })
    }
}

/// What the policies depend on.
pub(crate) struct World {
    pods: Vec<PodState>,
    namespaces: BTreeMap<String, Labels>,
}

impl World {
    pub(crate) fn read(pods: &[Arc<Pod>], namespaces: &[Arc<Namespace>]) -> World {
        let labels = |namespace: &Arc<Namespace>| {
            Some((namespace.metadata.name.clone()?, namespace.metadata.labels.clone().unwrap_or_default()))
        };
        World {
            pods: pods.iter().filter_map(|pod| PodState::read(pod)).collect(),
            namespaces: namespaces.iter().filter_map(labels).collect(),
        }
    }
}

/// One rule, whichever its direction.
struct Rule<'a> {
    peers: &'a [NetworkPolicyPeer],
    ports: &'a [NetworkPolicyPort],
}

/// What the policies want in the table.
pub(crate) fn of_policies(policies: &[Arc<NetworkPolicy>], world: &World) -> Fragment {
    let mut fragment = Fragment::default();
    let mut chains = BTreeMap::<(Direction, Vec<ObjectKey>), Vec<&PodState>>::new();
    for pod in &world.pods {
        for direction in [Direction::Ingress, Direction::Egress] {
            let speaking = policies.iter().filter(|policy| speaks_of(policy, direction, pod));
            let keys: Vec<_> = speaking.map(|policy| ObjectKey::of(&**policy)).collect();
            if !keys.is_empty() {
                chains.entry((direction, keys)).or_default().push(pod);
            }
        }
    }
    for ((direction, keys), pods) in &chains {
        let name = format!("policy/{:016x}", hash(&(direction, keys)));
        let mut rules = Vec::new();
        for policy in policies.iter().filter(|policy| keys.contains(&ObjectKey::of(&***policy))) {
            let namespace = policy.metadata.namespace.as_deref().unwrap_or_default();
            for rule in policy.spec.iter().flat_map(|spec| rules_of(spec, *direction)) {
                let of_rule = peers::matches(&rule, *direction, namespace, pods, world, &mut fragment);
                rules.extend(of_rule.into_iter().map(|words| format!("{words}return")));
            }
        }
        rules.push("drop".to_owned());
        fragment.chain(&name, None, rules);
        for pod in pods {
            fragment.entry(direction.lookup(), pod.address.to_string(), format!("jump {name}"));
        }
    }
    fragment
}

fn speaks_of(policy: &NetworkPolicy, direction: Direction, pod: &PodState) -> bool {
    let Some(spec) = &policy.spec else { return false };
    policy.metadata.namespace.as_deref() == Some(&pod.namespace)
        && is_about(spec, direction)
        && selects(&spec.pod_selector.clone().unwrap_or_default(), &pod.labels)
}

/// A policy that does not say is about what comes in, and about what goes out if it has rules for that.
fn is_about(spec: &NetworkPolicySpec, direction: Direction) -> bool {
    let types = spec.policy_types.as_deref().unwrap_or_default();
    match direction {
        Direction::Ingress => types.is_empty() || types.iter().any(|name| name == "Ingress"),
        Direction::Egress if types.is_empty() => spec.egress.as_ref().is_some_and(|rules| !rules.is_empty()),
        Direction::Egress => types.iter().any(|name| name == "Egress"),
    }
}

fn rules_of(spec: &NetworkPolicySpec, direction: Direction) -> Vec<Rule<'_>> {
    match direction {
        Direction::Ingress => spec
            .ingress
            .iter()
            .flatten()
            .map(|rule| Rule {
                peers: rule.from.as_deref().unwrap_or_default(),
                ports: rule.ports.as_deref().unwrap_or_default(),
            })
            .collect(),
        Direction::Egress => spec
            .egress
            .iter()
            .flatten()
            .map(|rule| Rule {
                peers: rule.to.as_deref().unwrap_or_default(),
                ports: rule.ports.as_deref().unwrap_or_default(),
            })
            .collect(),
    }
}

/// A selector that cannot be read speaks of nothing.
fn selects(selector: &LabelSelector, labels: &Labels) -> bool {
    Selector::try_from(selector.clone()).is_ok_and(|selector| selector.matches(labels))
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests;
