//! The Service by which pods reach cluster DNS: `kube-dns` in `kube-system`, as every cluster has it.

use std::collections::BTreeMap;

use bythos_api::names::{ENDPOINT_SLICE_MANAGED_BY, SERVICE_NAME_LABEL};
use bythos_operator::apply::{self, ApplyError};
use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointConditions, EndpointPort, EndpointSlice};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Client;

use crate::config::NetworkConfig;

const MANAGER: &str = "bythos-network";
const NAMESPACE: &str = "kube-system";
const NAME: &str = "kube-dns";
const PORTS: [(&str, &str); 2] = [("dns", "UDP"), ("dns-tcp", "TCP")];

/// Applies the Service and the EndpointSlice that leads it to the gateway address.
pub(crate) async fn cluster_dns(client: &Client, config: &NetworkConfig) -> Result<(), ApplyError> {
    apply::namespaced(client, MANAGER, &service(config)).await?;
    apply::namespaced(client, MANAGER, &endpoint_slice(config)).await?;
    Ok(())
}

/// It has no selector: no pod serves it, so its endpoints are ours to keep.
fn service(config: &NetworkConfig) -> Service {
    let port = |(name, protocol): (&str, &str)| ServicePort {
        name: Some(name.to_owned()),
        protocol: Some(protocol.to_owned()),
        port: 53,
        ..ServicePort::default()
    };
    let address = config.dns_address.to_string();
    Service {
        metadata: metadata([("k8s-app", NAME)]),
        spec: Some(ServiceSpec {
            type_: Some("ClusterIP".to_owned()),
            cluster_ip: Some(address.clone()),
            cluster_ips: Some(vec![address]),
            ports: Some(PORTS.into_iter().map(port).collect()),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}

fn endpoint_slice(config: &NetworkConfig) -> EndpointSlice {
    let port = |(name, protocol): (&str, &str)| EndpointPort {
        name: Some(name.to_owned()),
        protocol: Some(protocol.to_owned()),
        port: Some(53),
        ..EndpointPort::default()
    };
    EndpointSlice {
        metadata: metadata([(SERVICE_NAME_LABEL, NAME), (ENDPOINT_SLICE_MANAGED_BY, MANAGER)]),
        address_type: "IPv4".to_owned(),
        endpoints: Some(vec![Endpoint {
            addresses: vec![config.gateway.to_string()],
            conditions: Some(EndpointConditions { ready: Some(true), ..EndpointConditions::default() }),
            ..Endpoint::default()
        }]),
        ports: Some(PORTS.into_iter().map(port).collect()),
    }
}

fn metadata<const N: usize>(labels: [(&str, &str); N]) -> ObjectMeta {
    let labels: BTreeMap<_, _> =
        labels.into_iter().map(|(label, value)| (label.to_owned(), value.to_owned())).collect();
    ObjectMeta {
        namespace: Some(NAMESPACE.to_owned()),
        name: Some(NAME.to_owned()),
        labels: Some(labels),
        ..ObjectMeta::default()
    }
}
