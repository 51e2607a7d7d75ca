//! Who the other side of a rule is.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use k8s_openapi::api::networking::v1::{IPBlock, NetworkPolicyPeer};

use super::{Direction, PodState, Rule, World, hash, ports, selects};
use crate::table::Fragment;

/// The words that match what the rule allows, one for each peer and port; each ends with a space unless it is empty.
pub(super) fn matches(
    rule: &Rule<'_>,
    direction: Direction,
    namespace: &str,
    pods: &[&PodState],
    world: &World,
    fragment: &mut Fragment,
) -> Vec<String> {
    if rule.peers.is_empty() {
        let all: Vec<_> = world.pods.iter().collect();
        let destinations = if direction == Direction::Ingress { pods } else { &all };
        return ports::matches(rule.ports, destinations);
    }
    let mut found = Vec::new();
    for peer in rule.peers {
        let (words, peers) = match &peer.ip_block {
            Some(block) => (of_block(block, direction), Vec::new()),
            None => {
                let peers = selected(peer, namespace, world);
                (Some(of_pods(peer, namespace, direction, &peers, fragment)), peers)
            }
        };
        let Some(words) = words else { continue };
        let destinations = if direction == Direction::Ingress { pods } else { &peers };
        found.extend(ports::matches(rule.ports, destinations).iter().map(|ports| format!("{words}{ports}")));
    }
    found
}

/// `None` if no address of IPv4 is in it.
fn of_block(block: &IPBlock, direction: Direction) -> Option<String> {
    let address = direction.peer_address();
    let network: Ipv4Net = block.cidr.parse().ok()?;
    let except: Vec<_> = block
        .except
        .iter()
        .flatten()
        .filter_map(|except| except.parse::<Ipv4Net>().ok())
        .map(|except| except.trunc().to_string())
        .collect();
    let mut words = match network.prefix_len() {
        0 => String::new(),
        _ => format!("{address} {} ", network.trunc()),
    };
    if !except.is_empty() {
        words.push_str(&format!("{address} != {{ {} }} ", except.join(", ")));
    }
    Some(words)
}

fn selected<'a>(peer: &NetworkPolicyPeer, namespace: &str, world: &'a World) -> Vec<&'a PodState> {
    let is_in_namespace = |pod: &PodState| match &peer.namespace_selector {
        None => pod.namespace == namespace,
        Some(selector) => {
            world.namespaces.get(&pod.namespace).is_some_and(|labels| selects(selector, labels))
        }
    };
    let is_selected =
        |pod: &PodState| peer.pod_selector.as_ref().is_none_or(|selector| selects(selector, &pod.labels));
    world.pods.iter().filter(|pod| is_in_namespace(pod) && is_selected(pod)).collect()
}

/// A set of their addresses, which pods join and leave without a change of any rule.
fn of_pods(
    peer: &NetworkPolicyPeer,
    namespace: &str,
    direction: Direction,
    peers: &[&PodState],
    fragment: &mut Fragment,
) -> String {
    // Selectors are written by their own types: equal ones look the same.
    let selectors = format!("{:?} {:?}", peer.namespace_selector, peer.pod_selector);
    let own_namespace = if peer.namespace_selector.is_none() { namespace } else { "" };
    let set = format!("peers/{:016x}", hash(&(own_namespace, selectors)));
    fragment.set(&set, &["type ipv4_addr"]);
    let addresses: BTreeSet<Ipv4Addr> = peers.iter().map(|pod| pod.address).collect();
    for address in addresses {
        fragment.member(&set, address.to_string());
    }
    format!("{} @{set} ", direction.peer_address())
}
