//! Services and their ready endpoints, read once from the API's objects for both the rules and the names.
//!
//! Pure: no client, no clock. What cannot be understood of an object is left out; the API server has validated it.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::Ipv4Addr;

use bythos_api::names::SERVICE_NAME_LABEL;
use bythos_operator::ObjectKey;
use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::api::discovery::v1::{EndpointPort, EndpointSlice};

/// A Service as the network sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServiceState {
    pub(crate) key: ObjectKey,
    pub(crate) reach: Reach,
    pub(crate) affinity: Affinity,
    pub(crate) ports: Vec<PortState>,
    /// Ready addresses, whatever the port, with the host name that the endpoint asks for.
    pub(crate) addresses: BTreeMap<Ipv4Addr, Option<String>>,
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
    /// All connections from one address go to the same endpoint, while the endpoints stay the same.
    ClientAddress,
}

/// One port of a Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PortState {
    pub(crate) name: Option<String>,
    pub(crate) protocol: Protocol,
    pub(crate) port: u16,
    pub(crate) node_port: Option<u16>,
    /// Where it leads: ready addresses with the port there.
    pub(crate) endpoints: BTreeSet<(Ipv4Addr, u16)>,
}

/// A transport protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Protocol {
    Tcp,
    Udp,
    Sctp,
}

impl Protocol {
    fn parse(name: Option<&str>) -> Option<Self> {
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

/// All Services with their ready endpoints, in the order of `services`.
pub(crate) fn read<S, E>(services: &[S], slices: &[E]) -> Vec<ServiceState>
where
    S: Borrow<Service>,
    E: Borrow<EndpointSlice>,
{
    let mut slices_of = BTreeMap::<ObjectKey, Vec<&EndpointSlice>>::new();
    for slice in slices.iter().map(Borrow::borrow).filter(|slice| slice.address_type == "IPv4") {
        if let Some(service) = service_of(slice) {
            slices_of.entry(service).or_default().push(slice);
        }
    }
    services
        .iter()
        .filter_map(|service| {
            let service = service.borrow();
            let key = ObjectKey::of(service);
            let slices = slices_of.get(&key).map(Vec::as_slice).unwrap_or_default();
            read_service(key, service.spec.as_ref()?, slices)
        })
        .collect()
}

fn service_of(slice: &EndpointSlice) -> Option<ObjectKey> {
    let name = slice.metadata.labels.as_ref()?.get(SERVICE_NAME_LABEL)?;
    Some(ObjectKey::namespaced(slice.metadata.namespace.as_deref()?, name))
}

fn read_service(key: ObjectKey, spec: &ServiceSpec, slices: &[&EndpointSlice]) -> Option<ServiceState> {
    // The names become part of rules and of DNS names: what is not a label as the API demands it is not ours.
    if !is_label(&key.namespace) || !is_label(&key.name) {
        return None;
    }
    let affinity = match spec.session_affinity.as_deref() {
        Some("ClientIP") => Affinity::ClientAddress,
        _ => Affinity::None,
    };
    let addresses = slices.iter().flat_map(|slice| ready_addresses(slice)).collect();
    let ports = spec.ports.iter().flatten().filter_map(|port| read_port(port, slices)).collect();
    Some(ServiceState { reach: read_reach(spec)?, key, affinity, ports, addresses })
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
    let mut endpoints = BTreeSet::new();
    for slice in slices {
        let target = slice.ports.iter().flatten().find_map(|target| target_port(target, name, protocol));
        if let Some(target) = target {
            endpoints.extend(ready_addresses(slice).map(|(address, _)| (address, target)));
        }
    }
    Some(PortState {
        name: name.map(str::to_owned),
        protocol,
        port: u16::try_from(port.port).ok()?,
        node_port: port.node_port.and_then(|port| u16::try_from(port).ok()).filter(|port| *port != 0),
        endpoints,
    })
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

/// An endpoint that says nothing about its readiness is ready. Its addresses are interchangeable, so one serves.
fn ready_addresses(slice: &EndpointSlice) -> impl Iterator<Item = (Ipv4Addr, Option<String>)> {
    slice.endpoints.iter().flatten().filter_map(|endpoint| {
        let ready = endpoint.conditions.as_ref().and_then(|conditions| conditions.ready).unwrap_or(true);
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
        let services = [samples::service("default", "web", &spec)];
        let states = read(&services, &[samples::slice("default", "web", endpoints, ports)]);
        states[0].ports[0].endpoints.iter().copied().collect()
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
        let services = [samples::service("default", "web", &json!({ "ports": [{ "port": 80 }] }))];
        assert!(read::<_, EndpointSlice>(&services, &[]).is_empty());
    }

    #[test]
    fn a_name_that_is_no_label_never_reaches_the_rules() {
        let spec = json!({ "clusterIP": "10.43.0.20", "ports": [{ "port": 80 }] });
        let services = [samples::service("default", "web; flush ruleset", &spec)];
        assert!(read::<_, EndpointSlice>(&services, &[]).is_empty());
    }
}
