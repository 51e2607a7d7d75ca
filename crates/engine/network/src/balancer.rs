//! Load balancers: the host's own addresses, written into the status of services that ask for one.
//!
//! A service gets them unless a port that it asks for is taken by the engine itself or by a service before it; then it
//! waits, as it would for a balancer from outside, and an event would be the place to say why.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Arc;

use bythos_operator::ObjectKey;
use k8s_openapi::api::core::v1::{LoadBalancerIngress, Service};
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::json;
use tracing::warn;

use crate::config::NetworkConfig;

/// The class that names this balancer; services without a class are its own, too.
pub(crate) const CLASS: &str = "bythos";

/// A status that is not what it should be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Correction {
    key: ObjectKey,
    addresses: Vec<Ipv4Addr>,
}

/// The services whose status is to be written. Those that have an address keep it when another wants the same port.
pub(crate) fn corrections(config: &NetworkConfig, services: &[Arc<Service>]) -> Vec<Correction> {
    let mut taken = BTreeSet::new();
    let mut corrections = Vec::new();
    let mut services: Vec<_> = services.iter().collect();
    services.sort_by_key(|service| ingress(service).is_empty());
    for service in services {
        let Some(wanted) = wanted(config, service, &mut taken) else { continue };
        let given: Vec<Ipv4Addr> =
            ingress(service).iter().filter_map(|one| one.ip.as_ref()?.parse().ok()).collect();
        let is_more = ingress(service).len() != given.len();
        if given != wanted || is_more {
            corrections.push(Correction { key: ObjectKey::of(&**service), addresses: wanted });
        }
    }
    corrections
}

/// The addresses that the service is to have; `None` if that is not this balancer's business.
fn wanted(
    config: &NetworkConfig,
    service: &Service,
    taken: &mut BTreeSet<(String, i32)>,
) -> Option<Vec<Ipv4Addr>> {
    let spec = service.spec.as_ref()?;
    if spec.type_.as_deref() != Some("LoadBalancer") {
        return (!ingress(service).is_empty()).then(Vec::new);
    }
    if spec.load_balancer_class.as_deref().is_some_and(|class| class != CLASS) {
        return None;
    }
    if service.metadata.deletion_timestamp.is_some() {
        return Some(Vec::new());
    }
    let ports: Vec<_> = spec
        .ports
        .iter()
        .flatten()
        .map(|port| (port.protocol.clone().unwrap_or_else(|| "TCP".to_owned()), port.port))
        .collect();
    let is_reserved = |port: i32| u16::try_from(port).is_ok_and(|port| config.reserved_ports.contains(&port));
    if ports.iter().any(|(protocol, port)| is_reserved(*port) || taken.contains(&(protocol.clone(), *port))) {
        return Some(Vec::new());
    }
    taken.extend(ports);
    Some(config.host_addresses.clone())
}

fn ingress(service: &Service) -> &[LoadBalancerIngress] {
    let status = service.status.as_ref().and_then(|status| status.load_balancer.as_ref());
    status.and_then(|status| status.ingress.as_deref()).unwrap_or_default()
}

/// Writes the status. A failure is logged and made good with the next change.
pub(crate) async fn correct(client: &Client, correction: &Correction) {
    let ingress: Vec<_> =
        correction.addresses.iter().map(|address| json!({ "ip": address, "ipMode": "VIP" })).collect();
    let balancer = if ingress.is_empty() { json!(null) } else { json!({ "ingress": ingress }) };
    let patch = json!({ "status": { "loadBalancer": balancer } });
    let api = Api::<Service>::namespaced(client.clone(), &correction.key.namespace);
    match api.patch_status(&correction.key.name, &PatchParams::default(), &Patch::Merge(patch)).await {
        Ok(_) => {}
        Err(kube::Error::Api(status)) if status.reason == "NotFound" => {}
        Err(error) => {
            let error = bythos_operator::error_chain(&error);
            warn!(service = %correction.key, error, "failed to write the addresses of a load balancer");
        }
    }
}

#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "cases are written in place")]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::config::NetworkSettings;

    fn config() -> NetworkConfig {
        let usual = NetworkSettings::usual("1a2b3c4d", "/etc/cni".into(), "/run/network".into());
        let host_addresses = vec!["192.0.2.1".parse().unwrap()];
        NetworkConfig::new(NetworkSettings { host_addresses, reserved_ports: vec![6443], ..usual }).unwrap()
    }

    fn service(name: &str, spec: Value, given: &[&str]) -> Arc<Service> {
        let ingress: Vec<_> = given.iter().map(|ip| json!({ "ip": ip })).collect();
        let service = json!({ "metadata": { "namespace": "default", "name": name }, "spec": spec,
            "status": { "loadBalancer": { "ingress": ingress } } });
        Arc::new(serde_json::from_value(service).unwrap())
    }

    #[track_caller]
    fn check(case: &str, services: &[Arc<Service>], expected: &[(&str, &[&str])]) {
        let found: Vec<_> = corrections(&config(), services)
            .into_iter()
            .map(|one| (one.key.name, one.addresses.iter().map(ToString::to_string).collect::<Vec<_>>()))
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|(name, addresses)| {
                ((*name).to_owned(), addresses.iter().map(|&address| address.to_owned()).collect::<Vec<_>>())
            })
            .collect();
        assert_eq!(found, expected, "{case}");
    }

    #[test]
    fn a_balancer_is_the_hosts_address_unless_its_port_is_taken() {
        let balancer = |port: i32| json!({ "type": "LoadBalancer", "ports": [{ "port": port }] });
        let host: &[&str] = &["192.0.2.1"];
        check("new", &[service("a", balancer(80), &[])], &[("a", host)]);
        check("as it should be", &[service("a", balancer(80), host)], &[]);
        check("the engine's own port", &[service("a", balancer(6443), host)], &[("a", &[])]);
        let two = [service("a", balancer(80), host), service("b", balancer(80), &[])];
        check("the second of two waits", &two, &[]);
        let two = [service("a", balancer(80), &[]), service("b", balancer(80), host)];
        check("who has it keeps it", &two, &[]);
        let plain = json!({ "type": "ClusterIP", "ports": [{ "port": 80 }] });
        check("no balancer any more", &[service("a", plain, host)], &[("a", &[])]);
        let mut other = balancer(80);
        other["loadBalancerClass"] = json!("example.com/other");
        check("another's class", &[service("a", other, &["198.51.100.1"])], &[]);
        let mut own = balancer(80);
        own["loadBalancerClass"] = json!(CLASS);
        check("by its class", &[service("a", own, &[])], &[("a", host)]);
    }
}
