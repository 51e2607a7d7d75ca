//! What one service puts into the table. Pure.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use super::{
    HAIRPINS, NODE_ENDPOINTS, NODE_PORTS, Picking, REFUSED_NODE_PORTS, REFUSED_PORTS, SERVICE_ENDPOINTS,
    SERVICE_PORTS,
};
use crate::config::NetworkConfig;
use crate::services::{Affinity, PortState, Protocol, Reach, ServiceState, Traffic};
use crate::table::Fragment;

/// A fixed seed keeps clients with their endpoint when the table is written anew.
const AFFINITY_SEED: &str = "0x62797468";
/// How many clients of one endpoint are remembered.
const CLIENTS_MAX: usize = 65535;

type Endpoint = (Ipv4Addr, u16);

/// What the service wants in the table; nothing if it has no address of its own.
pub(crate) fn of_service(config: &NetworkConfig, service: &ServiceState) -> Fragment {
    let mut fragment = Fragment::default();
    let Reach::ClusterAddress(address) = service.reach else { return fragment };
    for port in &service.ports {
        let mut writer = Writer { config, service, port, fragment: &mut fragment };
        writer.at_cluster_address(address);
        writer.outside();
        writer.hairpins();
    }
    fragment
}

/// Where a service port answers.
#[derive(Debug, Clone, Copy)]
enum Front {
    Address(Ipv4Addr),
    /// Every address of the host.
    Host,
}

struct Writer<'a> {
    config: &'a NetworkConfig,
    service: &'a ServiceState,
    port: &'a PortState,
    fragment: &'a mut Fragment,
}

impl Writer<'_> {
    fn at_cluster_address(&mut self, address: Ipv4Addr) {
        let endpoints = self.endpoints(self.service.internal);
        let chain = self.pick(Front::Address(address), self.service.internal, &endpoints);
        // Of addresses of the service network, what nobody serves is refused without a word about each.
        self.lead(Front::Address(address), self.port.port, chain);
    }

    fn outside(&mut self) {
        let endpoints = self.endpoints(self.service.external);
        if let Some(node_port) = self.port.node_port {
            let chain = self.pick(Front::Host, self.service.external, &endpoints);
            if chain.is_none() {
                self.fragment.member(REFUSED_NODE_PORTS, format!("{} . {node_port}", self.port.protocol));
            }
            self.lead(Front::Host, node_port, chain);
        }
        let balanced = self.service.balanced.iter().map(|address| (*address, true));
        let external = self.service.external_addresses.iter().map(|address| (*address, false));
        for (address, is_balanced) in balanced.chain(external) {
            let port = self.port.port;
            if self.config.is_reserved(address, port) || self.config.service_network.contains(&address) {
                continue;
            }
            let front = Front::Address(address);
            let chain = self.pick(front, self.service.external, &endpoints);
            if chain.is_none() {
                let refused = format!("{address} . {} . {port}", self.port.protocol);
                self.fragment.member(REFUSED_PORTS, refused);
            }
            let chain = if is_balanced { chain.map(|chain| self.limited_to_sources(chain)) } else { chain };
            self.lead(front, port, chain);
        }
    }

    fn endpoints(&self, traffic: Traffic) -> Vec<Endpoint> {
        let endpoints = match traffic {
            Traffic::Cluster => &self.port.endpoints,
            Traffic::Local => &self.port.local_endpoints,
        };
        endpoints.iter().copied().collect()
    }

    /// The chain that picks one of the endpoints for packets to `front`; `None` if there is none.
    fn pick(&mut self, front: Front, traffic: Traffic, endpoints: &[Endpoint]) -> Option<String> {
        if endpoints.is_empty() {
            return None;
        }
        if let Affinity::ClientAddress { seconds } = self.service.affinity {
            return Some(self.remember(traffic, endpoints, seconds));
        }
        let (map, key) = match front {
            Front::Address(address) => (SERVICE_ENDPOINTS, format!("{address} . ")),
            Front::Host => (NODE_ENDPOINTS, String::new()),
        };
        let (protocol, port) = (self.port.protocol, self.number(front));
        for (number, (address, target)) in endpoints.iter().enumerate() {
            let key = format!("{key}{protocol} . {port} . {number}");
            self.fragment.entry(map, key, format!("{address} . {target}"));
        }
        Some(self.picking_chain(front, endpoints.len()))
    }

    fn number(&self, front: Front) -> u16 {
        match front {
            Front::Host => self.port.node_port.unwrap_or(self.port.port),
            Front::Address(_) => self.port.port,
        }
    }

    fn picking_chain(&mut self, front: Front, count: usize) -> String {
        let picking = match front {
            Front::Address(_) => Picking::ForAddress,
            Front::Host => Picking::ForHost,
        };
        super::picking_chain(self.fragment, picking, count)
    }

    /// Chains that keep a client with its endpoint.
    fn remember(&mut self, traffic: Traffic, endpoints: &[Endpoint], seconds: u32) -> String {
        let all = self.name(match traffic {
            Traffic::Cluster => "sticky",
            Traffic::Local => "sticky-local",
        });
        let mut known = Vec::new();
        let mut chosen = Vec::new();
        for (number, (address, target)) in endpoints.iter().enumerate() {
            let one = format!("{}/{address}/{target}", self.name("sticky-to"));
            let size = format!("size {CLIENTS_MAX}");
            self.fragment.set(&one, &["type ipv4_addr", &size, "flags dynamic,timeout"]);
            let remember = format!("update @{one} {{ ip saddr timeout {seconds}s }}");
            let go = format!("meta l4proto {} dnat ip to {address}:{target}", self.port.protocol);
            self.fragment.chain(&one, None, vec![remember, go]);
            known.push(format!("ip saddr @{one} goto {one}"));
            chosen.push(format!("{number} : goto {one}"));
        }
        let choice = format!("jhash ip saddr mod {} seed {AFFINITY_SEED}", endpoints.len());
        known.push(format!("{choice} vmap {{ {} }}", chosen.join(", ")));
        self.fragment.chain(&all, None, known);
        all
    }

    /// A chain that lets only the allowed sources go on to `chain`.
    fn limited_to_sources(&mut self, chain: String) -> String {
        let Some(sources) = &self.service.sources else { return chain };
        let allowed: Vec<_> = sources.iter().map(ToString::to_string).collect();
        let name = self.name("sources");
        let rules = if allowed.is_empty() {
            vec!["drop".to_owned()]
        } else {
            vec![format!("ip saddr != {{ {} }} drop", allowed.join(", ")), format!("goto {chain}")]
        };
        self.fragment.chain(&name, None, rules);
        name
    }

    fn lead(&mut self, front: Front, port: u16, chain: Option<String>) {
        let Some(chain) = chain else { return };
        let protocol: Protocol = self.port.protocol;
        let verdict = format!("goto {chain}");
        match front {
            Front::Address(address) => {
                self.fragment.entry(SERVICE_PORTS, format!("{address} . {protocol} . {port}"), verdict);
            }
            Front::Host => self.fragment.entry(NODE_PORTS, format!("{protocol} . {port}"), verdict),
        }
    }

    fn hairpins(&mut self) {
        let addresses: BTreeSet<_> = self.port.endpoints.iter().map(|(address, _)| *address).collect();
        for address in addresses.into_iter().filter(|address| self.config.pod_network.contains(address)) {
            self.fragment.member(HAIRPINS, format!("{address} . {address}"));
        }
    }

    fn name(&self, sort: &str) -> String {
        let (key, port) = (&self.service.key, self.port);
        format!("{sort}/{}/{}/{}/{}", key.namespace, key.name, port.protocol, port.port)
    }
}
