//! Load balancers: the host's own addresses, written into the status of services that ask for one.
//!
//! A service gets them unless a port that it asks for is taken: by the engine itself, by a pod with that port of the
//! host, or by a service before it. Then it waits, as it would for a balancer from outside, and an event says why.

use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;
use std::sync::Arc;

use bythos_operator::ObjectKey;
use bythos_operator::event::{Publisher, Severity};
use k8s_openapi::api::core::v1::{LoadBalancerIngress, Service};
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::json;
use tracing::warn;

use crate::config::NetworkConfig;
use crate::host_ports::HostPorts;
use crate::services::Protocol;

/// The class that names this balancer; services without a class are its own, too.
pub(crate) const CLASS: &str = "bythos";
/// Upstream's words for a service whose balancer could not be had.
const EVENT_REASON: &str = "SyncLoadBalancerFailed";

/// What is to be done about the services.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    corrections: Vec<Correction>,
    waiting: Vec<(Arc<Service>, Obstacle)>,
}

/// A status that is not what it should be.
#[derive(Debug, PartialEq, Eq)]
struct Correction {
    key: ObjectKey,
    addresses: Vec<Ipv4Addr>,
}

/// Why a service has no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("port {port}/{} of the host is taken by {holder}", protocol.to_string().to_uppercase())]
struct Obstacle {
    protocol: Protocol,
    port: u16,
    holder: Holder,
}

/// Who has a port of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Holder {
    Engine,
    Pod(ObjectKey),
    Service(ObjectKey),
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Holder::Engine => f.write_str("Bythos itself"),
            Holder::Pod(key) => write!(f, "pod {key} (hostPort)"),
            Holder::Service(key) => write!(f, "service {key}"),
        }
    }
}

type Taken = BTreeMap<(Protocol, u16), Holder>;

/// Those that have an address keep it when another, or a pod, wants the same port.
pub(crate) fn plan(
    config: &NetworkConfig,
    services: &[Arc<Service>],
    host_ports: &BTreeMap<ObjectKey, HostPorts>,
) -> Plan {
    let (mut plan, mut taken) = (Plan::default(), Taken::new());
    let (waiting, served): (Vec<_>, Vec<_>) =
        services.iter().partition(|service| ingress(service).is_empty());
    for service in served {
        plan.add(config, service, &mut taken);
    }
    for (pod, ports) in host_ports {
        let is_at_balancer = |address: Ipv4Addr| config.host_addresses.contains(&address);
        for port in ports.ports.iter().filter(|port| port.address.is_none_or(is_at_balancer)) {
            taken.entry((port.protocol, port.port)).or_insert_with(|| Holder::Pod(pod.clone()));
        }
    }
    for service in waiting {
        plan.add(config, service, &mut taken);
    }
    plan
}

impl Plan {
    fn add(&mut self, config: &NetworkConfig, service: &Arc<Service>, taken: &mut Taken) {
        let wanted = match wanted(config, service, taken) {
            None => return,
            Some(Ok(addresses)) => addresses,
            Some(Err(obstacle)) => {
                self.waiting.push((service.clone(), obstacle));
                Vec::new()
            }
        };
        let given: Vec<Ipv4Addr> =
            ingress(service).iter().filter_map(|one| one.ip.as_ref()?.parse().ok()).collect();
        let is_more = ingress(service).len() != given.len();
        if given != wanted || is_more {
            self.corrections.push(Correction { key: ObjectKey::of(&**service), addresses: wanted });
        }
    }
}

/// The addresses that the service is to have; `None` if that is not this balancer's business.
fn wanted(
    config: &NetworkConfig,
    service: &Service,
    taken: &mut Taken,
) -> Option<Result<Vec<Ipv4Addr>, Obstacle>> {
    let spec = service.spec.as_ref()?;
    if spec.type_.as_deref() != Some("LoadBalancer") {
        return (!ingress(service).is_empty()).then(|| Ok(Vec::new()));
    }
    if spec.load_balancer_class.as_deref().is_some_and(|class| class != CLASS) {
        return None;
    }
    if service.metadata.deletion_timestamp.is_some() {
        return Some(Ok(Vec::new()));
    }
    let ports = spec.ports.iter().flatten().filter_map(|port| {
        Some((Protocol::parse(port.protocol.as_deref())?, u16::try_from(port.port).ok()?))
    });
    let obstacle = ports.clone().find_map(|(protocol, port)| {
        let is_reserved = config.reserved_ports.contains(&port);
        let holder = if is_reserved { Some(Holder::Engine) } else { taken.get(&(protocol, port)).cloned() };
        Some(Obstacle { protocol, port, holder: holder? })
    });
    if let Some(obstacle) = obstacle {
        return Some(Err(obstacle));
    }
    taken.extend(ports.map(|port| (port, Holder::Service(ObjectKey::of(service)))));
    Some(Ok(config.host_addresses.clone()))
}

fn ingress(service: &Service) -> &[LoadBalancerIngress] {
    let status = service.status.as_ref().and_then(|status| status.load_balancer.as_ref());
    status.and_then(|status| status.ingress.as_deref()).unwrap_or_default()
}

/// Carries plans out.
pub(crate) struct Balancer {
    client: Client,
    events: Publisher,
    /// What each service that waits was told.
    told: BTreeMap<ObjectKey, Obstacle>,
}

impl Balancer {
    pub(crate) fn new(client: Client) -> Balancer {
        Balancer {
            events: Publisher::new(client.clone(), "service-controller"),
            client,
            told: BTreeMap::new(),
        }
    }

    /// Writes status and events. A failure is logged and made good with the next change.
    pub(crate) async fn carry_out(&mut self, plan: Plan) {
        for correction in &plan.corrections {
            self.correct(correction).await;
        }
        let mut told = BTreeMap::new();
        for (service, obstacle) in plan.waiting {
            let key = ObjectKey::of(&*service);
            if self.told.get(&key) != Some(&obstacle) {
                let message = format!("Error syncing load balancer: {obstacle}");
                self.events.publish(&*service, Severity::Warning, EVENT_REASON, &message).await;
            }
            told.insert(key, obstacle);
        }
        self.told = told;
    }

    async fn correct(&self, correction: &Correction) {
        let ingress: Vec<_> =
            correction.addresses.iter().map(|address| json!({ "ip": address, "ipMode": "VIP" })).collect();
        let balancer = if ingress.is_empty() { json!(null) } else { json!({ "ingress": ingress }) };
        let patch = json!({ "status": { "loadBalancer": balancer } });
        let api = Api::<Service>::namespaced(self.client.clone(), &correction.key.namespace);
        match api.patch_status(&correction.key.name, &PatchParams::default(), &Patch::Merge(patch)).await {
            Ok(_) => {}
            Err(kube::Error::Api(status)) if status.reason == "NotFound" => {}
            Err(error) => {
                let error = bythos_operator::error_chain(&error);
                warn!(service = %correction.key, error, "failed to write the addresses of a load balancer");
            }
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

    /// With a pod `default/edge` that has TCP port 8080 of the host and UDP port 80 of another address.
    #[track_caller]
    fn check(case: &str, services: &[Arc<Service>], corrections: &[&str], waiting: &[&str]) {
        let port = |address: Option<Ipv4Addr>, protocol: Protocol, port: u16| crate::host_ports::HostPort {
            address,
            protocol,
            port,
            target: 80,
        };
        let elsewhere = Some(Ipv4Addr::new(198, 51, 100, 1));
        let ports = vec![port(None, Protocol::Tcp, 8080), port(elsewhere, Protocol::Tcp, 80)];
        let edge = HostPorts { pod: Ipv4Addr::new(10, 42, 0, 9), ports };
        let edge = BTreeMap::from([(ObjectKey::namespaced("default", "edge"), edge)]);
        let plan = plan(&config(), services, &edge);
        let corrected: Vec<_> =
            plan.corrections.iter().map(|one| format!("{}: {:?}", one.key.name, one.addresses)).collect();
        assert_eq!(corrected, corrections, "{case}");
        let told: Vec<_> = plan
            .waiting
            .iter()
            .map(|(service, obstacle)| format!("{}: {obstacle}", ObjectKey::of(&**service).name))
            .collect();
        assert_eq!(told, waiting, "{case}");
    }

    #[test]
    fn a_balancer_is_the_hosts_address_unless_its_port_is_taken() {
        let balancer = |port: i32| json!({ "type": "LoadBalancer", "ports": [{ "port": port }] });
        let host: &[&str] = &["192.0.2.1"];
        check("new", &[service("a", balancer(80), &[])], &["a: [192.0.2.1]"], &[]);
        check("as it should be", &[service("a", balancer(80), host)], &[], &[]);
        let words = "a: port 6443/TCP of the host is taken by Bythos itself";
        check("the engine's own port", &[service("a", balancer(6443), host)], &["a: []"], &[words]);
        let words = "a: port 8080/TCP of the host is taken by pod default/edge (hostPort)";
        check("a pod's port", &[service("a", balancer(8080), &[])], &[], &[words]);
        check("before the pod", &[service("a", balancer(8080), host)], &[], &[]);
        let two = [service("a", balancer(80), host), service("b", balancer(80), &[])];
        let words = "b: port 80/TCP of the host is taken by service default/a";
        check("the second of two waits", &two, &[], &[words]);
        let two = [service("a", balancer(80), &[]), service("b", balancer(80), host)];
        let words = "a: port 80/TCP of the host is taken by service default/b";
        check("who has it keeps it", &two, &[], &[words]);
        let plain = json!({ "type": "ClusterIP", "ports": [{ "port": 80 }] });
        check("no balancer any more", &[service("a", plain, host)], &["a: []"], &[]);
        let mut other = balancer(80);
        other["loadBalancerClass"] = json!("example.com/other");
        check("another's class", &[service("a", other, &["198.51.100.1"])], &[], &[]);
        let mut own = balancer(80);
        own["loadBalancerClass"] = json!(CLASS);
        check("by its class", &[service("a", own, &[])], &["a: [192.0.2.1]"], &[]);
    }
}
