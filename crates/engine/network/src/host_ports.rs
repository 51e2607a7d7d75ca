//! Ports of the host that lead to pods (`hostPort`), read once from a pod for its rules. Pure.
//!
//! A pod on the host's network holds its ports itself and has none here.

use std::net::Ipv4Addr;

use k8s_openapi::api::core::v1::{ContainerPort, Pod};

use crate::config::NetworkConfig;
use crate::pods;
use crate::services::Protocol;

/// The host's ports of one pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HostPorts {
    /// The pod's own address.
    pub(crate) pod: Ipv4Addr,
    /// At least one.
    pub(crate) ports: Vec<HostPort>,
}

/// One port of the host, and the pod's port behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HostPort {
    /// The one address of the host that answers; without it all do.
    pub(crate) address: Option<Ipv4Addr>,
    pub(crate) protocol: Protocol,
    pub(crate) port: u16,
    pub(crate) target: u16,
}

impl HostPorts {
    /// `None` if the pod holds no port of the host, or has no address yet, or none any more.
    pub(crate) fn read(pod: &Pod) -> Option<HostPorts> {
        let ports: Vec<_> = pods::ports(pod).filter_map(read_port).collect();
        if ports.is_empty() {
            return None;
        }
        Some(HostPorts { pod: pods::address(pod)?, ports })
    }

    /// Whether the host reaches one of them at its loopback addresses.
    pub(crate) fn are_at_loopback(&self) -> bool {
        self.ports.iter().any(|port| port.address.is_none_or(|address| address.is_loopback()))
    }

    /// Where they lead by UDP.
    pub(crate) fn udp_targets(&self) -> impl Iterator<Item = (Ipv4Addr, u16)> {
        self.by_udp().map(|port| (self.pod, port.target))
    }

    /// Their own numbers by UDP.
    pub(crate) fn udp_numbers(&self) -> impl Iterator<Item = u16> {
        self.by_udp().map(|port| port.port)
    }

    fn by_udp(&self) -> impl Iterator<Item = &HostPort> {
        self.ports.iter().filter(|port| port.protocol == Protocol::Udp)
    }
}

impl HostPort {
    /// Whether the engine itself answers there: then it leads to no pod.
    pub(crate) fn is_reserved(&self, config: &NetworkConfig) -> bool {
        config.is_reserved(self.address.unwrap_or(Ipv4Addr::UNSPECIFIED), self.port)
    }
}

fn read_port(port: &ContainerPort) -> Option<HostPort> {
    let address = match port.host_ip.as_deref().unwrap_or_default() {
        "" | "0.0.0.0" => None,
        // An address of IPv6 leads to no pod: they have none.
        one => Some(one.parse().ok()?),
    };
    Some(HostPort {
        address,
        protocol: Protocol::parse(port.protocol.as_deref())?,
        port: port.host_port.and_then(|port| u16::try_from(port).ok()).filter(|port| *port != 0)?,
        target: u16::try_from(port.container_port).ok()?,
    })
}

#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "cases are written in place")]
mod tests {
    use serde_json::{Value, from_value, json};

    use super::*;

    #[track_caller]
    fn check(case: &str, spec: Value, status: Value, expected: &[&str]) {
        let pod: Pod = from_value(json!({ "spec": spec, "status": status })).unwrap();
        let found = HostPorts::read(&pod);
        let said: Vec<_> = found
            .iter()
            .flat_map(|found| found.ports.iter().map(|port| (found.pod, port)))
            .map(|(pod, port)| {
                let address = port.address.map_or("*".to_owned(), |address| address.to_string());
                format!("{address}:{}/{} {pod}:{}", port.port, port.protocol, port.target)
            })
            .collect();
        assert_eq!(said, expected, "{case}");
    }

    #[test]
    fn a_pod_holds_the_ports_that_its_containers_name_while_it_has_an_address() {
        let ports = json!([
            { "containerPort": 80, "hostPort": 8080 },
            { "containerPort": 53, "hostPort": 53, "protocol": "UDP", "hostIP": "127.0.0.1" },
            { "containerPort": 81, "hostPort": 81, "hostIP": "0.0.0.0" },
            { "containerPort": 82, "hostPort": 82, "hostIP": "fd00::1" },
            { "containerPort": 83 },
        ]);
        let spec = json!({ "containers": [{ "name": "c", "ports": ports }] });
        let all = ["*:8080/tcp 10.42.0.2:80", "127.0.0.1:53/udp 10.42.0.2:53", "*:81/tcp 10.42.0.2:81"];
        let running = json!({ "phase": "Running", "podIP": "10.42.0.2" });
        check("running", spec.clone(), running.clone(), &all);
        check("without an address", spec.clone(), json!({ "phase": "Pending" }), &[]);
        check("ended", spec.clone(), json!({ "phase": "Failed", "podIP": "10.42.0.2" }), &[]);
        let mut on_host = spec;
        on_host["hostNetwork"] = json!(true);
        check("on the host's network", on_host, running.clone(), &[]);
        let init = |policy: Value| {
            let container = json!({ "name": "i", "restartPolicy": policy, "ports": [{ "containerPort": 1, "hostPort": 1 }] });
            json!({ "containers": [], "initContainers": [container] })
        };
        check("of a sidecar", init(json!("Always")), running.clone(), &["*:1/tcp 10.42.0.2:1"]);
        check("of an init container", init(json!(null)), running, &[]);
    }
}
