//! The whole nftables table as text: a pure function of the configuration and the services.
//!
//! A packet costs the same however many services there are: one lookup of (address, protocol, port) in a verdict map
//! leads to the chain of the service's port, which picks an endpoint. The rest of the connection follows conntrack.
//!
//! - A service port without ready endpoints has no entry in the map. Its packet keeps the service network's address,
//!   and whatever still has one when it is filtered is refused at once, as is every address that no service holds.
//! - Nothing is masqueraded that the other side can answer: pods see each other's addresses, and the host's. Three
//!   sources are replaced: a pod's own when a service leads it back to itself, and pods' and the gateway's when they
//!   leave for the outside world.
//! - Node ports answer on every address of the host but `127.0.0.0/8`: the kernel does not route a loopback source
//!   to a pod.
//! - Conntrack entries of UDP that were made before a change live on until they time out (30 s without traffic).

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use crate::config::NetworkConfig;
use crate::services::{Affinity, PortState, Protocol, Reach, ServiceState};

/// A fixed seed keeps clients with their endpoint when the table is rendered anew.
const AFFINITY_SEED: &str = "0x62797468";

/// The script that replaces the table in one transaction.
pub(crate) fn render(config: &NetworkConfig, services: &[ServiceState]) -> String {
    let table = config.table();
    let content = Content::collect(config, services);
    let mut lines = vec![
        // Deleting fails where nothing is: `add` first makes both starts the same.
        format!("add table inet {table}"),
        format!("delete table inet {table}"),
        format!("table inet {table} {{"),
    ];
    lines.extend(content.lookups());
    lines.extend(content.chains);
    lines.extend(fixed_chains(config));
    lines.push("}".to_owned());
    lines.push(String::new());
    lines.join("\n")
}

/// What depends on the services. Keys are unique here, so that a clash of two objects cannot spoil the transaction:
/// the first in the order of namespace and name keeps the address.
#[derive(Default)]
struct Content {
    service_ports: BTreeMap<(Ipv4Addr, Protocol, u16), String>,
    node_ports: BTreeMap<(Protocol, u16), String>,
    refused_node_ports: BTreeSet<(Protocol, u16)>,
    hairpins: BTreeSet<Ipv4Addr>,
    chains: Vec<String>,
}

impl Content {
    fn collect(config: &NetworkConfig, services: &[ServiceState]) -> Self {
        let mut content = Content::default();
        for service in services {
            if let Reach::ClusterAddress(address) = service.reach {
                for port in &service.ports {
                    content.add(config, service, address, port);
                }
            }
        }
        content
    }

    fn add(&mut self, config: &NetworkConfig, service: &ServiceState, address: Ipv4Addr, port: &PortState) {
        if port.endpoints.is_empty() {
            self.refused_node_ports.extend(port.node_port.map(|node_port| (port.protocol, node_port)));
            return;
        }
        let chain =
            format!("service/{}/{}/{}/{}", service.key.namespace, service.key.name, port.protocol, port.port);
        self.service_ports.entry((address, port.protocol, port.port)).or_insert_with(|| chain.clone());
        if let Some(node_port) = port.node_port {
            self.node_ports.entry((port.protocol, node_port)).or_insert_with(|| chain.clone());
        }
        let pods = port.endpoints.iter().map(|(address, _)| *address);
        self.hairpins.extend(pods.filter(|address| config.pod_network.contains(address)));
        self.chains.extend([
            format!("  chain {chain} {{"),
            format!("    meta l4proto {} dnat ip to {}", port.protocol, destination(service.affinity, port)),
            "  }".to_owned(),
        ]);
    }

    fn lookups(&self) -> Vec<String> {
        let service_ports = self.service_ports.iter().map(|((address, protocol, port), chain)| {
            format!("{address} . {protocol} . {port} : goto {chain}")
        });
        let node_ports = self
            .node_ports
            .iter()
            .map(|((protocol, port), chain)| format!("{protocol} . {port} : goto {chain}"));
        let refused = self.refused_node_ports.iter().map(|(protocol, port)| format!("{protocol} . {port}"));
        let hairpins = self.hairpins.iter().map(|address| format!("{address} . {address}"));
        [
            lookup("map service_ports", "ipv4_addr . inet_proto . inet_service : verdict", service_ports),
            lookup("map node_ports", "inet_proto . inet_service : verdict", node_ports),
            lookup("set refused_node_ports", "inet_proto . inet_service", refused),
            lookup("set hairpins", "ipv4_addr . ipv4_addr", hairpins),
        ]
        .concat()
    }
}

fn lookup(head: &str, key_type: &str, elements: impl Iterator<Item = String>) -> Vec<String> {
    let mut lines = vec![format!("  {head} {{"), format!("    type {key_type}")];
    let elements: Vec<_> = elements.map(|element| format!("      {element},")).collect();
    if !elements.is_empty() {
        lines.push("    elements = {".to_owned());
        lines.extend(elements);
        lines.push("    }".to_owned());
    }
    lines.push("  }".to_owned());
    lines
}

/// The endpoint, or the choice between several: by chance, or by the client's address.
fn destination(affinity: Affinity, port: &PortState) -> String {
    let endpoints: Vec<_> = port.endpoints.iter().collect();
    if let [(address, target)] = endpoints.as_slice() {
        return format!("{address}:{target}");
    }
    let count = endpoints.len();
    let choice = match affinity {
        Affinity::None => format!("numgen random mod {count}"),
        Affinity::ClientAddress => format!("jhash ip saddr mod {count} seed {AFFINITY_SEED}"),
    };
    let numbered = endpoints.iter().enumerate();
    let elements: Vec<_> =
        numbered.map(|(number, (address, target))| format!("{number} : {address} . {target}")).collect();
    format!("{choice} map {{ {} }}", elements.join(", "))
}

fn fixed_chains(config: &NetworkConfig) -> Vec<String> {
    let (pods, services) = (config.pod_network, config.service_network);
    let mut chains = chain(
        "balance",
        None,
        &[
            "ip daddr . meta l4proto . th dport vmap @service_ports",
            "ip daddr != 127.0.0.0/8 fib daddr type local meta l4proto . th dport vmap @node_ports",
        ],
    );
    chains.extend(chain("prerouting", Some("nat hook prerouting priority dstnat"), &["jump balance"]));
    chains.extend(chain("locally-made", Some("nat hook output priority -100"), &["jump balance"]));
    chains.extend(chain(
        "postrouting",
        Some("nat hook postrouting priority srcnat"),
        &[
            "oifname \"lo\" return",
            "ip saddr . ip daddr @hairpins masquerade fully-random",
            &format!("ip saddr {pods} ip daddr != {pods} masquerade fully-random"),
        ],
    ));
    let to_nowhere = format!("ip daddr {services} goto refuse");
    chains.extend(chain("forward", Some("filter hook forward priority filter"), &[&to_nowhere]));
    chains.extend(chain("output", Some("filter hook output priority filter"), &[&to_nowhere]));
    chains.extend(chain(
        "input",
        Some("filter hook input priority filter"),
        &["ip daddr != 127.0.0.0/8 fib daddr type local meta l4proto . th dport @refused_node_ports goto refuse"],
    ));
    chains.extend(chain("refuse", None, &["meta l4proto tcp reject with tcp reset", "reject"]));
    chains
}

fn chain(name: &str, hook: Option<&str>, rules: &[&str]) -> Vec<String> {
    let mut lines = vec![format!("  chain {name} {{")];
    lines.extend(hook.map(|hook| format!("    type {hook}; policy accept;")));
    lines.extend(rules.iter().map(|rule| format!("    {rule}")));
    lines.push("  }".to_owned());
    lines
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::config::NetworkSettings;
    use crate::tests::samples;

    fn config() -> NetworkConfig {
        NetworkConfig::new(NetworkSettings::usual("1a2b3c4d", "/etc/cni".into(), "/run/network".into()))
            .unwrap()
    }

    #[track_caller]
    fn check(services: &[ServiceState], expected: &Expect) {
        expected.assert_eq(&render(&config(), services));
    }

    #[test]
    fn without_services_every_service_address_is_refused() {
        check(
            &[],
            &expect![[r#"
            add table inet bythos-1a2b3c4d
            delete table inet bythos-1a2b3c4d
            table inet bythos-1a2b3c4d {
              map service_ports {
                type ipv4_addr . inet_proto . inet_service : verdict
              }
              map node_ports {
                type inet_proto . inet_service : verdict
              }
              set refused_node_ports {
                type inet_proto . inet_service
              }
              set hairpins {
                type ipv4_addr . ipv4_addr
              }
              chain balance {
                ip daddr . meta l4proto . th dport vmap @service_ports
                ip daddr != 127.0.0.0/8 fib daddr type local meta l4proto . th dport vmap @node_ports
              }
              chain prerouting {
                type nat hook prerouting priority dstnat; policy accept;
                jump balance
              }
              chain locally-made {
                type nat hook output priority -100; policy accept;
                jump balance
              }
              chain postrouting {
                type nat hook postrouting priority srcnat; policy accept;
                oifname "lo" return
                ip saddr . ip daddr @hairpins masquerade fully-random
                ip saddr 10.42.0.0/16 ip daddr != 10.42.0.0/16 masquerade fully-random
              }
              chain forward {
                type filter hook forward priority filter; policy accept;
                ip daddr 10.43.0.0/16 goto refuse
              }
              chain output {
                type filter hook output priority filter; policy accept;
                ip daddr 10.43.0.0/16 goto refuse
              }
              chain input {
                type filter hook input priority filter; policy accept;
                ip daddr != 127.0.0.0/8 fib daddr type local meta l4proto . th dport @refused_node_ports goto refuse
              }
              chain refuse {
                meta l4proto tcp reject with tcp reset
                reject
              }
            }
        "#]],
        );
    }

    #[test]
    fn each_sort_of_service_has_its_rules() {
        check(
            &samples::all(),
            &expect![[r#"
            add table inet bythos-1a2b3c4d
            delete table inet bythos-1a2b3c4d
            table inet bythos-1a2b3c4d {
              map service_ports {
                type ipv4_addr . inet_proto . inet_service : verdict
                elements = {
                  10.43.0.10 . tcp . 53 : goto service/kube-system/kube-dns/tcp/53,
                  10.43.0.10 . udp . 53 : goto service/kube-system/kube-dns/udp/53,
                  10.43.0.20 . tcp . 80 : goto service/default/web/tcp/80,
                  10.43.0.20 . tcp . 9090 : goto service/default/web/tcp/9090,
                  10.43.0.21 . tcp . 80 : goto service/default/sticky/tcp/80,
                }
              }
              map node_ports {
                type inet_proto . inet_service : verdict
                elements = {
                  tcp . 30080 : goto service/default/web/tcp/80,
                }
              }
              set refused_node_ports {
                type inet_proto . inet_service
                elements = {
                  tcp . 30081,
                }
              }
              set hairpins {
                type ipv4_addr . ipv4_addr
                elements = {
                  10.42.0.1 . 10.42.0.1,
                  10.42.0.2 . 10.42.0.2,
                  10.42.0.3 . 10.42.0.3,
                  10.42.0.4 . 10.42.0.4,
                  10.42.0.5 . 10.42.0.5,
                }
              }
              chain service/default/sticky/tcp/80 {
                meta l4proto tcp dnat ip to jhash ip saddr mod 2 seed 0x62797468 map { 0 : 10.42.0.4 . 8080, 1 : 10.42.0.5 . 8080 }
              }
              chain service/default/web/tcp/80 {
                meta l4proto tcp dnat ip to numgen random mod 2 map { 0 : 10.42.0.2 . 8080, 1 : 10.42.0.3 . 8080 }
              }
              chain service/default/web/tcp/9090 {
                meta l4proto tcp dnat ip to numgen random mod 2 map { 0 : 10.42.0.2 . 9100, 1 : 10.42.0.3 . 9100 }
              }
              chain service/kube-system/kube-dns/udp/53 {
                meta l4proto udp dnat ip to 10.42.0.1:53
              }
              chain service/kube-system/kube-dns/tcp/53 {
                meta l4proto tcp dnat ip to 10.42.0.1:53
              }
              chain balance {
                ip daddr . meta l4proto . th dport vmap @service_ports
                ip daddr != 127.0.0.0/8 fib daddr type local meta l4proto . th dport vmap @node_ports
              }
              chain prerouting {
                type nat hook prerouting priority dstnat; policy accept;
                jump balance
              }
              chain locally-made {
                type nat hook output priority -100; policy accept;
                jump balance
              }
              chain postrouting {
                type nat hook postrouting priority srcnat; policy accept;
                oifname "lo" return
                ip saddr . ip daddr @hairpins masquerade fully-random
                ip saddr 10.42.0.0/16 ip daddr != 10.42.0.0/16 masquerade fully-random
              }
              chain forward {
                type filter hook forward priority filter; policy accept;
                ip daddr 10.43.0.0/16 goto refuse
              }
              chain output {
                type filter hook output priority filter; policy accept;
                ip daddr 10.43.0.0/16 goto refuse
              }
              chain input {
                type filter hook input priority filter; policy accept;
                ip daddr != 127.0.0.0/8 fib daddr type local meta l4proto . th dport @refused_node_ports goto refuse
              }
              chain refuse {
                meta l4proto tcp reject with tcp reset
                reject
              }
            }
        "#]],
        );
    }

    #[test]
    fn two_services_that_claim_one_address_do_not_spoil_the_others() {
        let mut services = samples::all();
        let mut second = services.last().unwrap().clone();
        second.key.name = "second".to_owned();
        services.push(second);
        let text = render(&config(), &services);
        assert_eq!(text.matches("10.43.0.10 . udp . 53").count(), 1);
        assert_eq!(text.matches("goto service/kube-system/second").count(), 0);
    }
}
