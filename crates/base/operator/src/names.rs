//! Cluster names for parts that run on the host.
//!
//! A pod resolves `forge.bythos-system.svc` through the cluster's DNS. A part inside the process of Bythos runs on
//! the host, whose resolver does not know such names; it asks the API instead.

use std::net::IpAddr;

use k8s_openapi::api::core::v1::Service;
use kube::{Api, Client};

/// A cluster name that leads nowhere.
#[derive(Debug, thiserror::Error)]
pub enum NameError {
    /// The API could not be asked, or there is no such Service.
    #[error("failed to look up Service {service:?} in namespace {namespace:?}")]
    GetService {
        /// Namespace in the name.
        namespace: String,
        /// Service in the name.
        service: String,
        /// What the client said.
        #[source]
        source: Box<kube::Error>,
    },
    /// The Service has no address of its own.
    #[error("Service {service:?} in namespace {namespace:?} has no cluster IP")]
    NoAddress {
        /// Namespace in the name.
        namespace: String,
        /// Service in the name.
        service: String,
    },
}

/// The address of `host` if it names a Service of the cluster (`<service>.<namespace>.svc`, with or without
/// `.cluster.local`); `None` if it is some other name, which the host's resolver knows.
///
/// # Errors
/// The name is a cluster name, but there is no such Service, or it has no address.
pub async fn resolve(client: &Client, host: &str) -> Result<Option<IpAddr>, NameError> {
    let Some((service, namespace)) = service_in(host) else { return Ok(None) };
    let found =
        Api::<Service>::namespaced(client.clone(), namespace).get(service).await.map_err(|source| {
            NameError::GetService {
                namespace: namespace.to_owned(),
                service: service.to_owned(),
                source: Box::new(source),
            }
        })?;
    let address = found.spec.and_then(|spec| spec.cluster_ip).and_then(|address| address.parse().ok());
    address
        .map(Some)
        .ok_or_else(|| NameError::NoAddress { namespace: namespace.to_owned(), service: service.to_owned() })
}

fn service_in(host: &str) -> Option<(&str, &str)> {
    let host = host.trim_end_matches('.');
    let name = host.strip_suffix(".svc.cluster.local").or_else(|| host.strip_suffix(".svc"))?;
    let (service, namespace) = name.split_once('.')?;
    let is_label = |part: &str| !part.is_empty() && !part.contains('.');
    (is_label(service) && is_label(namespace)).then_some((service, namespace))
}

#[cfg(test)]
mod tests {
    use super::service_in;

    #[test]
    fn only_names_of_services_are_cluster_names() {
        let cases = [
            ("forge.bythos-system.svc", Some(("forge", "bythos-system"))),
            ("forge.bythos-system.svc.cluster.local.", Some(("forge", "bythos-system"))),
            ("pod.forge.bythos-system.svc", None),
            ("forge.svc", None),
            (".bythos-system.svc", None),
            ("github.com", None),
        ];
        for (host, expected) in cases {
            assert_eq!(service_in(host), expected, "{host}");
        }
    }
}
