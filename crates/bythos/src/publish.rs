//! What the binary writes into the API for the parts: their roles, and the Services of their listeners.

use std::collections::BTreeMap;
use std::net::IpAddr;

use anyhow::Result;
use bythos_api::names::{BYTHOS_NAMESPACE, ENDPOINT_SLICE_MANAGED_BY, SERVICE_NAME_LABEL};
use bythos_operator::part::ListenerSpec;
use bythos_operator::{Part, apply};
use k8s_openapi::api::core::v1::{Namespace, Service, ServicePort, ServiceSpec};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointConditions, EndpointPort, EndpointSlice};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Client;

/// Field manager of everything that the binary itself writes.
pub(crate) const MANAGER: &str = "bythos";

/// Namespace `name`.
pub(crate) async fn namespace(client: &Client, name: &str) -> Result<()> {
    let metadata = ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() };
    apply::cluster(client, MANAGER, &Namespace { metadata, ..Namespace::default() }).await?;
    Ok(())
}

/// The part's role, bound to its identity, and its resource types.
pub(crate) async fn part(client: &Client, part: &Part) -> Result<()> {
    let (role, binding) = part.access();
    apply::cluster(client, MANAGER, &role).await?;
    apply::cluster(client, MANAGER, &binding).await?;
    for definition in &part.resources {
        apply::cluster(client, MANAGER, definition).await?;
    }
    Ok(())
}

/// A port of a Service: its name and its number, which is also the number of the host's socket.
type NamedPort<'a> = (&'a str, u16);

/// The Services through which pods and other parts reach the listeners of a part on the host at `address`.
pub(crate) async fn services(
    client: &Client,
    specs: &[ListenerSpec],
    port_of: impl Fn(&ListenerSpec) -> u16,
    address: IpAddr,
) -> Result<()> {
    let mut by_service: BTreeMap<&str, Vec<NamedPort<'_>>> = BTreeMap::new();
    for spec in specs {
        if let Some(service) = spec.service {
            by_service.entry(service).or_default().push((spec.name, port_of(spec)));
        }
    }
    for (name, ports) in by_service {
        apply::namespaced(client, MANAGER, &service(name, &ports)).await?;
        endpoints(client, BYTHOS_NAMESPACE, name, &ports, address).await?;
    }
    Ok(())
}

fn service(name: &str, ports: &[NamedPort<'_>]) -> Service {
    let ports = ports.iter().map(|&(name, port)| ServicePort {
        name: Some(name.to_owned()),
        port: i32::from(port),
        protocol: Some("TCP".to_owned()),
        ..ServicePort::default()
    });
    Service {
        metadata: metadata(BYTHOS_NAMESPACE, name),
        spec: Some(ServiceSpec { ports: Some(ports.collect()), ..ServiceSpec::default() }),
        ..Service::default()
    }
}

/// The endpoints of Service `default/kubernetes`: the API server itself.
pub(crate) async fn kubernetes_endpoints(client: &Client, port: u16, address: IpAddr) -> Result<()> {
    endpoints(client, "default", "kubernetes", &[("https", port)], address).await
}

async fn endpoints(
    client: &Client,
    namespace: &str,
    service: &str,
    ports: &[NamedPort<'_>],
    address: IpAddr,
) -> Result<()> {
    let mut metadata = metadata(namespace, service);
    metadata.labels = Some(
        [(SERVICE_NAME_LABEL, service), (ENDPOINT_SLICE_MANAGED_BY, "bythos")]
            .map(|(label, value)| (label.to_owned(), value.to_owned()))
            .into(),
    );
    let ports = ports.iter().map(|&(name, port)| EndpointPort {
        name: Some(name.to_owned()),
        port: Some(i32::from(port)),
        protocol: Some("TCP".to_owned()),
        ..EndpointPort::default()
    });
    let slice = EndpointSlice {
        metadata,
        address_type: "IPv4".to_owned(),
        endpoints: Some(vec![Endpoint {
            addresses: vec![address.to_string()],
            conditions: Some(EndpointConditions { ready: Some(true), ..EndpointConditions::default() }),
            ..Endpoint::default()
        }]),
        ports: Some(ports.collect()),
    };
    apply::namespaced(client, MANAGER, &slice).await?;
    Ok(())
}

fn metadata(namespace: &str, name: &str) -> ObjectMeta {
    ObjectMeta { namespace: Some(namespace.to_owned()), name: Some(name.to_owned()), ..ObjectMeta::default() }
}
