//! One pod as an endpoint of a Service. Pure.

use std::net::Ipv4Addr;

use k8s_openapi::api::core::v1::{ObjectReference, Pod, Service};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointConditions};

use crate::pods;

/// The endpoint of `pod`; none before it has an address and after it has ended.
pub(super) fn of(service: &Service, pod: &Pod) -> Option<Endpoint> {
    if pods::is_finished(pod) {
        return None;
    }
    let serving = pods::is_ready(pod);
    let terminating = pods::is_terminating(pod);
    let spec = pod.spec.as_ref();
    Some(Endpoint {
        addresses: vec![address(pod)?],
        conditions: Some(EndpointConditions {
            ready: Some(publishes_not_ready(service) || (serving && !terminating)),
            serving: Some(serving),
            terminating: Some(terminating),
        }),
        hostname: hostname(service, pod),
        node_name: spec.and_then(|spec| spec.node_name.clone()),
        target_ref: Some(ObjectReference {
            kind: Some("Pod".to_owned()),
            namespace: pod.metadata.namespace.clone(),
            name: pod.metadata.name.clone(),
            uid: pod.metadata.uid.clone(),
            ..ObjectReference::default()
        }),
        ..Endpoint::default()
    })
}

fn publishes_not_ready(service: &Service) -> bool {
    service.spec.as_ref().and_then(|spec| spec.publish_not_ready_addresses).unwrap_or_default()
}

/// The pod's first IPv4 address.
fn address(pod: &Pod) -> Option<String> {
    let status = pod.status.as_ref()?;
    let addresses = status.pod_ips.iter().flatten().map(|one| &one.ip).chain(&status.pod_ip);
    addresses.into_iter().find(|ip| ip.parse::<Ipv4Addr>().is_ok()).cloned()
}

/// The name under which cluster DNS knows the pod, where the pod says that it belongs to this Service.
fn hostname(service: &Service, pod: &Pod) -> Option<String> {
    let spec = pod.spec.as_ref()?;
    let is_member = spec.subdomain.is_some() && spec.subdomain == service.metadata.name;
    spec.hostname.clone().filter(|_| is_member)
}
