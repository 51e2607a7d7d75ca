//! From an Ingress' backend to the addresses that serve it now.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};

use bythos_api::names::SERVICE_NAME_LABEL;
use bythos_operator::ObjectKey;
use k8s_openapi::api::core::v1::{Service, ServicePort};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::{IngressBackend, ServiceBackendPort};

/// Where a route leads.
#[derive(Debug)]
pub(crate) enum Backend {
    /// To these endpoints.
    Ready(Endpoints),
    /// Nowhere now; the text says why, for the one who sees the answer 503.
    Unavailable(String),
}

/// Ready endpoints, taken in turn. There is always one.
#[derive(Debug)]
pub(crate) struct Endpoints {
    service: ObjectKey,
    first: SocketAddr,
    others: Vec<SocketAddr>,
    next: AtomicUsize,
}

impl Endpoints {
    /// The Service that has these endpoints.
    pub(crate) fn service(&self) -> &ObjectKey {
        &self.service
    }

    /// The endpoint whose turn it is, and the one after it: the same, if it is the only one.
    pub(crate) fn take_turn(&self) -> (SocketAddr, SocketAddr) {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        (self.at(turn), self.at(turn.wrapping_add(1)))
    }

    fn at(&self, turn: usize) -> SocketAddr {
        match turn % (self.others.len() + 1) {
            0 => self.first,
            place => self.others.get(place - 1).copied().unwrap_or(self.first),
        }
    }
}

/// Services and their slices by key, to look up backends in.
pub(crate) struct Services<'a> {
    services: BTreeMap<ObjectKey, &'a Service>,
    slices: BTreeMap<ObjectKey, Vec<&'a EndpointSlice>>,
}

impl<'a> Services<'a> {
    pub(crate) fn new<S: Borrow<Service>, E: Borrow<EndpointSlice>>(
        services: &'a [S],
        slices: &'a [E],
    ) -> Self {
        let services = services.iter().map(Borrow::borrow).map(|service| (ObjectKey::of(service), service));
        let mut slices_of = BTreeMap::<_, Vec<_>>::new();
        for slice in slices.iter().map(Borrow::borrow) {
            if let Some(service) = service_of(slice) {
                slices_of.entry(service).or_default().push(slice);
            }
        }
        Services { services: services.collect(), slices: slices_of }
    }

    /// Where `backend` of an Ingress in `namespace` leads.
    pub(crate) fn find(&self, namespace: &str, backend: &IngressBackend) -> Backend {
        let Some(wanted) = &backend.service else {
            return Backend::Unavailable(
                "The backend is not a Service; only Services are supported.".to_owned(),
            );
        };
        let key = ObjectKey::namespaced(namespace, &wanted.name);
        let Some(service) = self.services.get(&key) else {
            return Backend::Unavailable(format!("There is no Service {key}."));
        };
        let Some(port) = wanted.port.as_ref().and_then(|port| find_port(service, port)) else {
            return Backend::Unavailable(format!("Service {key} has no port {}.", say(wanted.port.as_ref())));
        };
        let slices = self.slices.get(&key).map(Vec::as_slice).unwrap_or_default();
        let addresses = slices.iter().flat_map(|slice| ready_addresses(slice, port.name.as_deref()));
        let mut addresses = addresses.collect::<BTreeSet<_>>().into_iter();
        match addresses.next() {
            None => Backend::Unavailable(format!("Service {key} has no ready endpoints.")),
            Some(first) => Backend::Ready(Endpoints {
                service: key,
                first,
                others: addresses.collect(),
                next: AtomicUsize::default(),
            }),
        }
    }
}

fn service_of(slice: &EndpointSlice) -> Option<ObjectKey> {
    let name = slice.metadata.labels.as_ref()?.get(SERVICE_NAME_LABEL)?;
    Some(ObjectKey::namespaced(slice.metadata.namespace.as_deref()?, name))
}

fn find_port<'a>(service: &'a Service, wanted: &ServiceBackendPort) -> Option<&'a ServicePort> {
    let name = named(wanted.name.as_deref());
    service.spec.as_ref()?.ports.iter().flatten().find(|port| match name {
        Some(name) => port.name.as_deref() == Some(name),
        None => Some(port.port) == wanted.number,
    })
}

fn say(port: Option<&ServiceBackendPort>) -> String {
    match port {
        Some(ServiceBackendPort { name: Some(name), .. }) => format!("{name:?}"),
        Some(ServiceBackendPort { number: Some(number), .. }) => number.to_string(),
        _ => "given by name or number in the Ingress".to_owned(),
    }
}

/// A slice's port belongs to the Service's port of the same name; one without a name is the only one.
fn ready_addresses(slice: &EndpointSlice, port_name: Option<&str>) -> Vec<SocketAddr> {
    let same_name = |name: Option<&str>| named(name) == named(port_name);
    let port = slice.ports.iter().flatten().find(|port| same_name(port.name.as_deref()));
    let Some(port) = port.and_then(|port| port.port).and_then(|port| u16::try_from(port).ok()) else {
        return Vec::new();
    };
    let endpoints = slice.endpoints.iter().flatten();
    // An endpoint that says nothing about its readiness is ready.
    let ready = endpoints.filter(|endpoint| {
        endpoint.conditions.as_ref().and_then(|conditions| conditions.ready).unwrap_or(true)
    });
    let addresses = ready.filter_map(|endpoint| endpoint.addresses.first()?.parse::<IpAddr>().ok());
    addresses.map(|address| SocketAddr::new(address, port)).collect()
}

fn named(name: Option<&str>) -> Option<&str> {
    name.filter(|name| !name.is_empty())
}
