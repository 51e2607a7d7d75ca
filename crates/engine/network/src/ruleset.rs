//! The rules of services and policies as fragments of one nftables table.
//!
//! A packet to a service is found by its destination in one of two maps, for addresses and for ports of the host, and
//! sent to a chain that picks an endpoint: by a number between zero and how many there are, which together with the
//! destination is looked up in a second map. So a service is a few elements of maps, and a change of one costs the same
//! however many there are. The rest of the connection follows conntrack.
//!
//! - A service port without ready endpoints has no entry in the map. Its packet keeps the service network's address,
//!   and whatever still has one when it is filtered is refused at once, as is every address that no service holds.
//! - Nothing is masqueraded that the other side can answer: pods see each other's addresses, and the host's, and
//!   clients from outside are seen as who they are, whatever the traffic policy. Three sources are replaced: a pod's
//!   own when a service leads it back to itself, and pods' and the gateway's when they leave for the outside world.
//! - Node ports answer on every address of the host but `127.0.0.0/8`: the kernel does not route a loopback source
//!   to a pod.
//! - Ports of the host (`hostPort`) are an element of a map each. They answer on `127.0.0.1`, too: towards such a pod
//!   alone the kernel is told to route that source, which is replaced by the gateway's. What comes from anywhere else
//!   for a loopback address, or as one, is dropped, as the kernel does where it is told nothing.
//! - Whoever has affinity is remembered per endpoint, for as long as the service says; the first endpoint is chosen by
//!   the client's address, so that a table that is written anew chooses the same.

mod host_ports;
mod service;

use crate::config::NetworkConfig;
use crate::table::Fragment;

pub(crate) use self::host_ports::of_host_ports;
pub(crate) use self::service::of_service;

pub(crate) const SERVICE_PORTS: &str = "service_ports";
const SERVICE_ENDPOINTS: &str = "service_endpoints";
const NODE_PORTS: &str = "node_ports";
const NODE_ENDPOINTS: &str = "node_endpoints";
const REFUSED_PORTS: &str = "refused_ports";
const REFUSED_NODE_PORTS: &str = "refused_node_ports";
const HOST_PORTS: &str = "host_ports";
const HOST_PORTS_OF_ADDRESS: &str = "host_ports_of_address";
const HAIRPINS: &str = "hairpins";
/// For so many endpoints there is a chain from the beginning; a service with more of them has the table written anew
/// when it is the first with its number.
const PREPARED: usize = 32;
/// Pods that policies speak of, with the chain that says what they may receive or send.
pub(crate) const INGRESS: &str = "policy_ingress";
pub(crate) const EGRESS: &str = "policy_egress";

/// What is always there.
pub(crate) fn fixed(config: &NetworkConfig) -> Fragment {
    let mut fragment = Fragment::default();
    lookups(&mut fragment);
    chains(&mut fragment, config);
    for count in 1..=PREPARED {
        picking_chain(&mut fragment, Picking::ForAddress, count);
        picking_chain(&mut fragment, Picking::ForHost, count);
    }
    fragment
}

/// For which of the two maps a chain picks an endpoint.
#[derive(Debug, Clone, Copy)]
enum Picking {
    ForAddress,
    ForHost,
}

/// The chain that picks one of so many endpoints, shared by all that have as many; returns its name.
fn picking_chain(fragment: &mut Fragment, picking: Picking, count: usize) -> String {
    let (name, key, map) = match picking {
        Picking::ForAddress => ("pick", "ip daddr . ", SERVICE_ENDPOINTS),
        Picking::ForHost => ("pick-node", "", NODE_ENDPOINTS),
    };
    let name = format!("{name}-{count}");
    let number = format!("numgen random mod {count}");
    let go = format!("dnat ip to {key}meta l4proto . th dport . {number} map @{map}");
    fragment.whole_chain(&name, vec![format!("meta l4proto {{ tcp, udp, sctp }} {go}")]);
    name
}

fn lookups(fragment: &mut Fragment) {
    let number = "numgen random mod 65536";
    let to = "ip daddr . th dport";
    fragment.map(SERVICE_PORTS, &["type ipv4_addr . inet_proto . inet_service : verdict"]);
    let key = format!("typeof ip daddr . meta l4proto . th dport . {number} : {to}");
    fragment.map(SERVICE_ENDPOINTS, &[&key]);
    fragment.map(NODE_PORTS, &["type inet_proto . inet_service : verdict"]);
    fragment.map(NODE_ENDPOINTS, &[&format!("typeof meta l4proto . th dport . {number} : {to}")]);
    fragment.set(REFUSED_PORTS, &["type ipv4_addr . inet_proto . inet_service"]);
    fragment.set(REFUSED_NODE_PORTS, &["type inet_proto . inet_service"]);
    fragment.map(HOST_PORTS, &["type inet_proto . inet_service : ipv4_addr . inet_service"]);
    let key = "type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service";
    fragment.map(HOST_PORTS_OF_ADDRESS, &[key]);
    fragment.set(HAIRPINS, &["type ipv4_addr . ipv4_addr"]);
    fragment.map(INGRESS, &["type ipv4_addr : verdict"]);
    fragment.map(EGRESS, &["type ipv4_addr : verdict"]);
}

fn chains(fragment: &mut Fragment, config: &NetworkConfig) {
    let (pods, services) = (config.pod_network, config.service_network);
    let mut chain = |name: &str, hook: Option<&str>, rules: &[&str]| {
        fragment.chain(name, hook, rules.iter().map(|&rule| rule.to_owned()).collect());
    };
    chain(
        "balance",
        None,
        &[
            &format!("ip daddr . meta l4proto . th dport vmap @{SERVICE_PORTS}"),
            "fib daddr type local goto balance-host",
        ],
    );
    let to_pod = "meta l4proto { tcp, udp, sctp } dnat ip to";
    let beyond_loopback = "ip daddr != 127.0.0.0/8 meta l4proto . th dport";
    chain(
        "balance-host",
        None,
        &[
            // Only here: no pod takes what is meant for another machine by naming its address.
            &format!("{to_pod} ip daddr . meta l4proto . th dport map @{HOST_PORTS_OF_ADDRESS}"),
            &format!("{to_pod} meta l4proto . th dport map @{HOST_PORTS}"),
            &format!("{beyond_loopback} vmap @{NODE_PORTS}"),
        ],
    );
    chain("prerouting", Some("nat hook prerouting priority dstnat"), &["jump balance"]);
    chain("locally-made", Some("nat hook output priority -100"), &["jump balance"]);
    chain(
        "postrouting",
        Some("nat hook postrouting priority srcnat"),
        &[
            "oifname \"lo\" return",
            "ip saddr 127.0.0.0/8 masquerade fully-random",
            &format!("ip saddr . ip daddr @{HAIRPINS} masquerade fully-random"),
            &format!("ip saddr {pods} ip daddr != {pods} masquerade fully-random"),
        ],
    );
    let to_nowhere = format!("ip daddr {services} goto refuse");
    let to_nobody = format!("ip daddr . meta l4proto . th dport @{REFUSED_PORTS} goto refuse");
    chain(
        "forward",
        Some("filter hook forward priority filter"),
        &[
            &to_nowhere,
            &to_nobody,
            "ct state established,related accept",
            // A pod may always reach itself.
            &format!("ip saddr . ip daddr @{HAIRPINS} accept"),
            &format!("ip saddr vmap @{EGRESS}"),
            &format!("ip daddr vmap @{INGRESS}"),
        ],
    );
    chain("output", Some("filter hook output priority filter"), &[&to_nowhere, &to_nobody]);
    let to_nobody_here = format!("fib daddr type local {beyond_loopback} @{REFUSED_NODE_PORTS} goto refuse");
    chain(
        "input",
        Some("filter hook input priority filter"),
        &[
            "iifname != \"lo\" ip saddr 127.0.0.0/8 drop",
            "iifname != \"lo\" ip daddr 127.0.0.0/8 ct state != { established, related } drop",
            &to_nobody,
            &to_nobody_here,
        ],
    );
    chain("refuse", None, &["meta l4proto tcp reject with tcp reset", "reject"]);
}

#[cfg(test)]
mod tests;
