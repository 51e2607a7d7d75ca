//! Pods on the pods' network, as rules see them. Pure.

use std::net::Ipv4Addr;

use k8s_openapi::api::core::v1::{ContainerPort, Pod};

/// The pod's own address; `None` if it has none, or none any more.
pub(crate) fn address(pod: &Pod) -> Option<Ipv4Addr> {
    let status = pod.status.as_ref()?;
    let has_ended = matches!(status.phase.as_deref(), Some("Succeeded" | "Failed"));
    let is_on_host = pod.spec.as_ref()?.host_network == Some(true);
    if has_ended || is_on_host { None } else { status.pod_ip.as_deref()?.parse().ok() }
}

/// The ports of the containers that run as long as the pod does.
pub(crate) fn ports(pod: &Pod) -> impl Iterator<Item = &ContainerPort> {
    pod.spec.iter().flat_map(|spec| {
        let sidecars = spec.init_containers.iter().flatten().filter(|one| one.restart_policy.is_some());
        spec.containers.iter().chain(sidecars).flat_map(|one| one.ports.iter().flatten())
    })
}
