//! Which ports a rule allows.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use k8s_openapi::api::networking::v1::NetworkPolicyPort;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::PodState;
use crate::services::Protocol;

/// The words that match one of the ports; one empty word if every port is allowed. What a port's name means is said by
/// each pod to which packets go.
pub(super) fn matches(ports: &[NetworkPolicyPort], destinations: &[&PodState]) -> Vec<String> {
    if ports.is_empty() {
        return vec![String::new()];
    }
    ports.iter().flat_map(|port| of_port(port, destinations)).collect()
}

fn of_port(port: &NetworkPolicyPort, destinations: &[&PodState]) -> Vec<String> {
    let Some(protocol) = Protocol::parse(port.protocol.as_deref()) else { return Vec::new() };
    match &port.port {
        None => vec![format!("meta l4proto {protocol} ")],
        Some(IntOrString::Int(first)) => {
            let Ok(first) = u16::try_from(*first) else { return Vec::new() };
            let last = port.end_port.and_then(|last| u16::try_from(last).ok());
            match last.filter(|last| *last > first) {
                Some(last) => vec![format!("{protocol} dport {first}-{last} ")],
                None => vec![format!("{protocol} dport {first} ")],
            }
        }
        Some(IntOrString::String(name)) => of_name(name, protocol, destinations),
    }
}

fn of_name(name: &str, protocol: Protocol, destinations: &[&PodState]) -> Vec<String> {
    let mut addresses = BTreeMap::<u16, BTreeSet<Ipv4Addr>>::new();
    for pod in destinations {
        let named = pod.ports.iter().filter(|(known, of, _)| known == name && *of == protocol);
        for (_, _, number) in named {
            addresses.entry(*number).or_default().insert(pod.address);
        }
    }
    let words = |(number, addresses): (u16, BTreeSet<Ipv4Addr>)| {
        let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
        format!("ip daddr {{ {} }} {protocol} dport {number} ", addresses.join(", "))
    };
    addresses.into_iter().map(words).collect()
}
