//! The ports of a Service on one pod. Pure.
//!
//! A named target port may have another number on each pod; pods with the same ports share slices.

use k8s_openapi::api::core::v1::{Container, Pod, Service, ServicePort};
use k8s_openapi::api::discovery::v1::EndpointPort;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

const TCP: &str = "TCP";

/// The ports of `service` on `pod`, in the Service's order. One that the pod does not have is left out.
pub(super) fn of(service: &Service, pod: &Pod) -> Vec<EndpointPort> {
    let ports = service.spec.iter().flat_map(|spec| spec.ports.iter().flatten());
    ports.filter_map(|port| Some(endpoint_port(port, number(port, pod)?))).collect()
}

fn endpoint_port(port: &ServicePort, number: i32) -> EndpointPort {
    EndpointPort {
        name: Some(port.name.clone().unwrap_or_default()),
        port: Some(number),
        protocol: Some(protocol(port.protocol.as_ref()).to_owned()),
        app_protocol: port.app_protocol.clone(),
    }
}

fn number(port: &ServicePort, pod: &Pod) -> Option<i32> {
    match &port.target_port {
        None => Some(port.port),
        Some(IntOrString::Int(0)) => Some(port.port),
        Some(IntOrString::Int(number)) => Some(*number),
        Some(IntOrString::String(name)) if name.is_empty() => Some(port.port),
        Some(IntOrString::String(name)) => named(pod, name, protocol(port.protocol.as_ref())),
    }
}

fn named(pod: &Pod, name: &str, wanted: &str) -> Option<i32> {
    let spec = pod.spec.as_ref()?;
    let sidecars = spec.init_containers.iter().flatten().filter(|container| is_sidecar(container));
    let ports = spec.containers.iter().chain(sidecars).flat_map(|container| container.ports.iter().flatten());
    let mut named =
        ports.filter(|port| port.name.as_deref() == Some(name) && protocol(port.protocol.as_ref()) == wanted);
    named.next().map(|port| port.container_port)
}

fn is_sidecar(container: &Container) -> bool {
    container.restart_policy.as_deref() == Some("Always")
}

fn protocol(given: Option<&String>) -> &str {
    given.map_or(TCP, String::as_str)
}
