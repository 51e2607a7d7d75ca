//! Services and their ready endpoints, read once from the API's objects for both the rules and the names.
//!
//! Pure: no client, no clock. What cannot be understood of an object is left out; the API server has validated it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::Ipv4Addr;

use bythos_api::names::SERVICE_NAME_LABEL;
use bythos_operator::ObjectKey;
use ipnet::Ipv4Net;
use k8s_openapi::api::core::v1::{LoadBalancerIngress, Service, ServicePort, ServiceSpec};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointPort, EndpointSlice};

/// Upstream's default: three hours.
const AFFINITY_SECONDS: u32 = 10_800;

/// A Service as the network sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServiceState {
    pub(crate) key: ObjectKey,
    pub(crate) reach: Reach,
    pub(crate) affinity: Affinity,
    /// Where packets to its own address may go.
    pub(crate) internal: Traffic,
    /// Where packets from outside may go.
    pub(crate) external: Traffic,
    /// Addresses that a load balancer has given it.
    pub(crate) balanced: BTreeSet<Ipv4Addr>,
    /// Addresses that its owner leads to the host in some other way.
    pub(crate) external_addresses: BTreeSet<Ipv4Addr>,
    /// Who may use the load balancer's addresses, if not everybody.
    pub(crate) sources: Option<Vec<Ipv4Net>>,
    pub(crate) ports: Vec<PortState>,
    /// Ready addresses, whatever the port, with the host name that the endpoint asks for.
    pub(crate) addresses: BTreeMap<Ipv4Addr, Option<String>>,
}

impl ServiceState {
    /// Where it leads by UDP.
    pub(crate) fn udp_endpoints(&self) -> impl Iterator<Item = (Ipv4Addr, u16)> {
        let ports = self.ports.iter().filter(|port| port.protocol == Protocol::Udp);
        ports.flat_map(|port| port.endpoints.iter().copied())
    }
}

/// How a Service is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reach {
    /// By an address of its own, which is balanced to the endpoints.
    ClusterAddress(Ipv4Addr),
    /// By the endpoints' own addresses.
    Headless,
    /// It is another name for something outside.
    Alias(String),
}

/// Whether a client is kept with one endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Affinity {
    /// Each connection goes anywhere.
    None,
    /// All connections from one address go to the same endpoint, until there was none for so long.
    ClientAddress {
        /// How long.
        seconds: u32,
    },
}

/// To which endpoints packets may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Traffic {
    /// To all.
    Cluster,
    /// To those of this machine.
    Local,
}

impl Traffic {
    fn parse(policy: Option<&str>) -> Self {
        if policy == Some("Local") { Traffic::Local } else { Traffic::Cluster }
    }
}

/// One port of a Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PortState {
    pub(crate) name: Option<String>,
    pub(crate) protocol: Protocol,
    pub(crate) port: u16,
    pub(crate) node_port: Option<u16>,
    /// Where it leads: ready addresses with the port there; if none is ready, those that still serve while they end.
    pub(crate) endpoints: BTreeSet<(Ipv4Addr, u16)>,
    /// Those of them that are pods of this machine.
    pub(crate) local_endpoints: BTreeSet<(Ipv4Addr, u16)>,
}

/// A transport protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Protocol {
    Tcp,
    Udp,
    Sctp,
}

impl Protocol {
    pub(crate) fn parse(name: Option<&str>) -> Option<Self> {
        match name.unwrap_or("TCP") {
            "TCP" => Some(Protocol::Tcp),
            "UDP" => Some(Protocol::Udp),
            "SCTP" => Some(Protocol::Sctp),
            _ => None,
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
            Protocol::Sctp => "sctp",
        })
    }
}

/// One Service with its ready endpoints, of which `slices` are all; `None` if it has none of the network's business.
pub(crate) fn read(service: &Service, slices: &[&EndpointSlice]) -> Option<ServiceState> {
    let key = ObjectKey::of(service);
    let spec = service.spec.as_ref()?;
    // The names become part of rules and of DNS names: what is not a label as the API demands it is not ours.
    if !is_label(&key.namespace) || !is_label(&key.name) {
        return None;
    }
    let affinity = match spec.session_affinity.as_deref() {
        Some("ClientIP") => Affinity::ClientAddress { seconds: affinity_seconds(spec) },
        _ => Affinity::None,
    };
    let addresses = slices.iter().flat_map(|slice| ready_addresses(slice)).collect();
    let ports = spec.ports.iter().flatten().filter_map(|port| read_port(port, slices)).collect();
    let given = service.status.as_ref().and_then(|status| status.load_balancer.as_ref()?.ingress.as_deref());
    let is_ours_to_serve = |ingress: &&LoadBalancerIngress| ingress.ip_mode.as_deref() != Some("Proxy");
    let given = given.unwrap_or_default().iter().filter(is_ours_to_serve);
    let externals = spec.external_ips.iter().flatten();
    Some(ServiceState {
        reach: read_reach(spec)?,
        key,
        affinity,
        internal: Traffic::parse(spec.internal_traffic_policy.as_deref()),
        external: Traffic::parse(spec.external_traffic_policy.as_deref()),
        balanced: given.filter_map(|ingress| ingress.ip.as_ref()?.parse().ok()).collect(),
        external_addresses: externals.filter_map(|address| address.parse().ok()).collect(),
        sources: read_sources(spec),
        ports,
        addresses,
    })
}

/// The Service to which a slice belongs.
pub(crate) fn owner_of(slice: &EndpointSlice) -> Option<ObjectKey> {
    let name = slice.metadata.labels.as_ref()?.get(SERVICE_NAME_LABEL)?;
    let key = ObjectKey::namespaced(slice.metadata.namespace.as_deref()?, name);
    (slice.address_type == "IPv4").then_some(key)
}

fn affinity_seconds(spec: &ServiceSpec) -> u32 {
    let config = spec.session_affinity_config.as_ref().and_then(|config| config.client_ip.as_ref());
    let seconds = config.and_then(|config| config.timeout_seconds);
    seconds
        .and_then(|seconds| u32::try_from(seconds).ok())
        .filter(|seconds| *seconds > 0)
        .unwrap_or(AFFINITY_SECONDS)
}

/// Ranges of IPv6 allow nobody here.
fn read_sources(spec: &ServiceSpec) -> Option<Vec<Ipv4Net>> {
    let ranges = spec.load_balancer_source_ranges.as_ref().filter(|ranges| !ranges.is_empty())?;
    Some(
        ranges
            .iter()
            .filter_map(|range| range.trim().parse::<Ipv4Net>().ok())
            .map(|net| net.trunc())
            .collect(),
    )
}

fn is_label(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&name.len()) && name.bytes().all(allowed)
}

fn read_reach(spec: &ServiceSpec) -> Option<Reach> {
    if spec.type_.as_deref() == Some("ExternalName") {
        return spec.external_name.clone().map(Reach::Alias);
    }
    match spec.cluster_ip.as_deref()? {
        "None" => Some(Reach::Headless),
        address => address.parse().ok().map(Reach::ClusterAddress),
    }
}

fn read_port(port: &ServicePort, slices: &[&EndpointSlice]) -> Option<PortState> {
    let protocol = Protocol::parse(port.protocol.as_deref())?;
    let name = named(port.name.as_deref());
    let mut found = Vec::new();
    for slice in slices {
        let target = slice.ports.iter().flatten().find_map(|target| target_port(target, name, protocol));
        let endpoints = slice.endpoints.iter().flatten();
        found.extend(
            target.iter().flat_map(|target| endpoints.clone().map(move |endpoint| (endpoint, *target))),
        );
    }
    let usable = usable(&found);
    let address =
        |(endpoint, target): &(&Endpoint, u16)| Some((endpoint.addresses.first()?.parse().ok()?, *target));
    let endpoints = usable.iter().filter_map(address).collect();
    let local_endpoints =
        usable.iter().filter(|(endpoint, _)| is_local(endpoint)).filter_map(address).collect();
    Some(PortState {
        name: name.map(str::to_owned),
        protocol,
        port: u16::try_from(port.port).ok()?,
        node_port: port.node_port.and_then(|port| u16::try_from(port).ok()).filter(|port| *port != 0),
        endpoints,
        local_endpoints,
    })
}

/// The ready ones, or, if there are none, those that end and still serve.
fn usable<'a>(endpoints: &[(&'a Endpoint, u16)]) -> Vec<(&'a Endpoint, u16)> {
    let all = |is_usable: fn(&Endpoint) -> bool| -> Vec<_> {
        endpoints.iter().copied().filter(|(endpoint, _)| is_usable(endpoint)).collect()
    };
    let ready = all(is_ready);
    if ready.is_empty() { all(serves_while_it_ends) } else { ready }
}

/// An endpoint that says nothing about its readiness is ready.
fn is_ready(endpoint: &Endpoint) -> bool {
    endpoint.conditions.as_ref().and_then(|conditions| conditions.ready).unwrap_or(true)
}

fn serves_while_it_ends(endpoint: &Endpoint) -> bool {
    let conditions = endpoint.conditions.as_ref();
    conditions
        .is_some_and(|conditions| conditions.terminating == Some(true) && conditions.serving != Some(false))
}

/// This machine is the only node there is.
fn is_local(endpoint: &Endpoint) -> bool {
    endpoint.node_name.is_some()
}

/// A slice's port belongs to the Service's port of the same name; one without a name is the only one.
fn target_port(target: &EndpointPort, name: Option<&str>, protocol: Protocol) -> Option<u16> {
    let same = named(target.name.as_deref()) == name
        && Protocol::parse(target.protocol.as_deref()) == Some(protocol);
    if same { target.port.and_then(|port| u16::try_from(port).ok()) } else { None }
}

fn named(name: Option<&str>) -> Option<&str> {
    name.filter(|name| !name.is_empty())
}

/// An endpoint's addresses are interchangeable, so one serves.
fn ready_addresses(slice: &EndpointSlice) -> impl Iterator<Item = (Ipv4Addr, Option<String>)> {
    slice.endpoints.iter().flatten().filter_map(|endpoint| {
        let ready = is_ready(endpoint);
        let address = endpoint.addresses.first()?.parse().ok()?;
        let hostname = endpoint.hostname.clone().filter(|hostname| is_label(hostname));
        ready.then_some((address, hostname))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::tests::samples;

    #[track_caller]
    fn endpoints_of_http(endpoints: &serde_json::Value, ports: &serde_json::Value) -> Vec<(Ipv4Addr, u16)> {
        let spec = json!({ "clusterIP": "10.43.0.20", "ports": [{ "name": "http", "port": 80 }] });
        let slice = samples::slice("default", "web", endpoints, ports);
        let state = read(&samples::service("default", "web", &spec), &[&slice]).unwrap();
        state.ports[0].endpoints.iter().copied().collect()
    }

    #[test]
    fn only_ready_endpoints_of_the_ports_name_and_protocol_count() {
        let one = json!([{ "addresses": ["10.42.0.2"] }]);
        let found = vec![(Ipv4Addr::new(10, 42, 0, 2), 8080)];
        assert_eq!(endpoints_of_http(&one, &json!([{ "name": "http", "port": 8080 }])), found);
        assert!(endpoints_of_http(&one, &json!([{ "name": "web", "port": 8080 }])).is_empty());
        assert!(endpoints_of_http(&one, &json!([{ "port": 8080 }])).is_empty());
        assert!(
            endpoints_of_http(&one, &json!([{ "name": "http", "port": 8080, "protocol": "UDP" }])).is_empty()
        );
        assert!(endpoints_of_http(&one, &json!([{ "name": "http" }])).is_empty());
        let unready = json!([{ "addresses": ["10.42.0.2"], "conditions": { "ready": false } }]);
        assert!(endpoints_of_http(&unready, &json!([{ "name": "http", "port": 8080 }])).is_empty());
    }

    #[test]
    fn a_service_without_an_address_yet_is_left_out() {
        let service = samples::service("default", "web", &json!({ "ports": [{ "port": 80 }] }));
        assert_eq!(read(&service, &[]), None);
    }

    #[test]
    fn a_name_that_is_no_label_never_reaches_the_rules() {
        let spec = json!({ "clusterIP": "10.43.0.20", "ports": [{ "port": 80 }] });
        assert_eq!(read(&samples::service("default", "web; flush ruleset", &spec), &[]), None);
    }
}
