//! Services and their endpoints.

use serde_json::Value;

use super::{NONE, age, all_joined, column, joined, load_balancer_addresses, text_at, text_or_none, wide};
use crate::Column;
use crate::fields::{at, integer, items, text};

pub(crate) fn columns() -> Vec<Column> {
    vec![
        column("Type", |service| text_at(service, "spec.type")),
        column("Cluster-IP", |service| text_or_none(service, "spec.clusterIP")),
        column("External-IP", external_ip),
        column("Port(s)", ports),
        age(),
        wide(column("Selector", |service| crate::selector::printed(at(service, "spec.selector")).into())),
    ]
}

fn external_ip(service: &Value) -> Value {
    let own = || items(service, "spec.externalIPs").iter().filter_map(Value::as_str);
    match text(service, "spec.type") {
        "ExternalName" => text_at(service, "spec.externalName"),
        "LoadBalancer" => {
            let given = load_balancer_addresses(service);
            let all: Vec<&str> =
                (!given.is_empty()).then_some(given.as_str()).into_iter().chain(own()).collect();
            if all.is_empty() { "<pending>".into() } else { all.join(",").into() }
        }
        _ => all_joined(own()),
    }
}

fn ports(service: &Value) -> Value {
    let ports: Vec<String> = items(service, "spec.ports")
        .iter()
        .map(|port| {
            let (number, protocol) = (integer(port, "port").unwrap_or_default(), text(port, "protocol"));
            match integer(port, "nodePort").unwrap_or_default() {
                0 => format!("{number}/{protocol}"),
                node_port => format!("{number}:{node_port}/{protocol}"),
            }
        })
        .collect();
    all_joined(ports.iter().map(String::as_str))
}

pub(crate) fn endpoints() -> Vec<Column> {
    vec![column("Endpoints", |endpoints| joined(&ready_addresses(endpoints), 3).into()), age()]
}

fn ready_addresses(endpoints: &Value) -> Vec<String> {
    let mut all = Vec::new();
    for subset in items(endpoints, "subsets") {
        let (addresses, ports) = (items(subset, "addresses"), items(subset, "ports"));
        if ports.is_empty() {
            all.extend(addresses.iter().map(|address| text(address, "ip").to_owned()));
        }
        for port in ports {
            let number = integer(port, "port").unwrap_or_default();
            all.extend(addresses.iter().map(|address| with_port(text(address, "ip"), number)));
        }
    }
    all
}

fn with_port(ip: &str, port: i64) -> String {
    if ip.contains(':') { format!("[{ip}]:{port}") } else { format!("{ip}:{port}") }
}

pub(crate) fn endpoint_slice() -> Vec<Column> {
    vec![
        column("AddressType", |slice| text_at(slice, "addressType")),
        column("Ports", slice_ports),
        column("Endpoints", |slice| {
            let addresses =
                items(slice, "endpoints").iter().flat_map(|endpoint| items(endpoint, "addresses"));
            let addresses: Vec<String> = addresses.filter_map(Value::as_str).map(str::to_owned).collect();
            if addresses.is_empty() { "<unset>".into() } else { joined(&addresses, 3).into() }
        }),
        age(),
    ]
}

fn slice_ports(slice: &Value) -> Value {
    let ports: Vec<String> = items(slice, "ports")
        .iter()
        .map(|port| match integer(port, "port") {
            Some(number) => number.to_string(),
            None if text(port, "name").is_empty() => "*".to_owned(),
            None => text(port, "name").to_owned(),
        })
        .collect();
    match joined(&ports, 3) {
        none if none == NONE => "<unset>".into(),
        ports => ports.into(),
    }
}
