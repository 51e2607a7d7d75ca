//! The variables by which containers found Services before there was DNS, and many charts still do.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Service, ServicePort};

use super::super::objects::Objects;

/// For each Service with a cluster IP, those of its own namespace over that of the API.
pub(super) fn variables(objects: &Objects) -> BTreeMap<String, String> {
    let services = objects.api_service.iter().chain(&objects.services);
    services.flat_map(|service| of_service(service)).collect()
}

fn of_service(service: &Service) -> Vec<(String, String)> {
    let Some(spec) = &service.spec else { return Vec::new() };
    let host = spec.cluster_ip.as_deref().unwrap_or_default();
    let ports = spec.ports.as_deref().unwrap_or_default();
    let (Some(first), false) = (ports.first(), matches!(host, "" | "None")) else { return Vec::new() };
    let name = upper(service.metadata.name.as_deref().unwrap_or_default());
    let mut variables = vec![
        (format!("{name}_SERVICE_HOST"), host.to_owned()),
        (format!("{name}_SERVICE_PORT"), first.port.to_string()),
        (format!("{name}_PORT"), address(host, first)),
    ];
    for port in ports {
        if let Some(port_name) = &port.name {
            variables.push((format!("{name}_SERVICE_PORT_{}", upper(port_name)), port.port.to_string()));
        }
        let prefix = format!("{name}_PORT_{}_{}", port.port, protocol(port).to_uppercase());
        variables.push((prefix.clone(), address(host, port)));
        variables.push((format!("{prefix}_PROTO"), protocol(port)));
        variables.push((format!("{prefix}_PORT"), port.port.to_string()));
        variables.push((format!("{prefix}_ADDR"), host.to_owned()));
    }
    variables
}

fn upper(name: &str) -> String {
    name.to_uppercase().replace('-', "_")
}

fn protocol(port: &ServicePort) -> String {
    port.protocol.as_deref().unwrap_or("TCP").to_lowercase()
}

fn address(host: &str, port: &ServicePort) -> String {
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    format!("{}://{host}:{}", protocol(port), port.port)
}
