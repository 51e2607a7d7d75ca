#![expect(clippy::needless_pass_by_value, reason = "cases are written in place")]

use bythos_operator::ObjectKey;
use expect_test::{Expect, expect};
use serde_json::{Value, json};

use super::*;
use crate::config::NetworkSettings;
use crate::host_ports::HostPorts;
use crate::services::read;
use crate::table::{Owner, Table};
use crate::tests::samples;

fn config() -> NetworkConfig {
    let usual = NetworkSettings::usual("1a2b3c4d", "/etc/cni".into(), "/run/network".into());
    let host_addresses = vec!["192.0.2.1".parse().unwrap()];
    NetworkConfig::new(NetworkSettings { host_addresses, reserved_ports: vec![6443], ..usual }).unwrap()
}

#[test]
fn what_is_always_there_refuses_every_service_address() {
    let mut table = Table::new("t".to_owned());
    table.replace(&Owner::Network, &Fragment::default(), fixed(&config()));
    let script = table.script().unwrap();
    // The chains that pick are all alike.
    let (before, after) = script.split_once("  chain pick-1 {").unwrap();
    let (one, _) = after.split_once("  chain pick-10 {").unwrap();
    let (_, rest) = after.split_once("  chain postrouting {").unwrap();
    let shown = [before, "  chain pick-1 {", one, "  ...\n  chain postrouting {", rest].concat();
    expect![[r#"
        add table inet t
        delete table inet t
        table inet t {
          set hairpins {
            type ipv4_addr . ipv4_addr
          }
          map host_ports {
            type inet_proto . inet_service : ipv4_addr . inet_service
          }
          map host_ports_of_address {
            type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service
          }
          map node_endpoints {
            typeof meta l4proto . th dport . numgen random mod 65536 : ip daddr . th dport
          }
          map node_ports {
            type inet_proto . inet_service : verdict
          }
          map policy_egress {
            type ipv4_addr : verdict
          }
          map policy_ingress {
            type ipv4_addr : verdict
          }
          set refused_node_ports {
            type inet_proto . inet_service
          }
          set refused_ports {
            type ipv4_addr . inet_proto . inet_service
          }
          map service_endpoints {
            typeof ip daddr . meta l4proto . th dport . numgen random mod 65536 : ip daddr . th dport
          }
          map service_ports {
            type ipv4_addr . inet_proto . inet_service : verdict
          }
          chain balance {
            ip daddr . meta l4proto . th dport vmap @service_ports
            fib daddr type local goto balance-host
          }
          chain balance-host {
            meta l4proto { tcp, udp, sctp } dnat ip to ip daddr . meta l4proto . th dport map @host_ports_of_address
            meta l4proto { tcp, udp, sctp } dnat ip to meta l4proto . th dport map @host_ports
            ip daddr != 127.0.0.0/8 meta l4proto . th dport vmap @node_ports
          }
          chain forward {
            type filter hook forward priority filter; policy accept;
            ip daddr 10.43.0.0/16 goto refuse
            ip daddr . meta l4proto . th dport @refused_ports goto refuse
            ct state established,related accept
            ip saddr . ip daddr @hairpins accept
            ip saddr vmap @policy_egress
            ip daddr vmap @policy_ingress
          }
          chain input {
            type filter hook input priority filter; policy accept;
            iifname != "lo" ip saddr 127.0.0.0/8 drop
            iifname != "lo" ip daddr 127.0.0.0/8 ct state != { established, related } drop
            ip daddr . meta l4proto . th dport @refused_ports goto refuse
            fib daddr type local ip daddr != 127.0.0.0/8 meta l4proto . th dport @refused_node_ports goto refuse
          }
          chain locally-made {
            type nat hook output priority -100; policy accept;
            jump balance
          }
          chain output {
            type filter hook output priority filter; policy accept;
            ip daddr 10.43.0.0/16 goto refuse
            ip daddr . meta l4proto . th dport @refused_ports goto refuse
          }
          chain pick-1 {
            meta l4proto { tcp, udp, sctp } dnat ip to ip daddr . meta l4proto . th dport . numgen random mod 1 map @service_endpoints
          }
          ...
          chain postrouting {
            type nat hook postrouting priority srcnat; policy accept;
            oifname "lo" return
            ip saddr 127.0.0.0/8 masquerade fully-random
            ip saddr . ip daddr @hairpins masquerade fully-random
            ip saddr 10.42.0.0/16 ip daddr != 10.42.0.0/16 masquerade fully-random
          }
          chain prerouting {
            type nat hook prerouting priority dstnat; policy accept;
            jump balance
          }
          chain refuse {
            meta l4proto tcp reject with tcp reset
            reject
          }
        }
    "#]].assert_eq(&shown);
}

/// What one service adds to the table.
#[track_caller]
fn check(spec: Value, status: Value, endpoints: Value, expected: &Expect) {
    let mut service = samples::service("default", "web", &spec);
    service.status = serde_json::from_value(status).unwrap();
    let slice = samples::slice("default", "web", &endpoints, &json!([{ "port": 8080 }]));
    let mut table = Table::new("t".to_owned());
    table.replace(&Owner::Network, &Fragment::default(), fixed(&config()));
    table.is_applied();
    if let Some(state) = read(&service, &[&slice]) {
        let owner = Owner::Service(state.key.clone());
        table.replace(&owner, &Fragment::default(), of_service(&config(), &state));
    }
    expected.assert_eq(&table.script().unwrap_or_default().replace(" inet t", ""));
}

fn two() -> Value {
    json!([{ "addresses": ["10.42.0.2"], "nodeName": "one" }, { "addresses": ["192.0.2.9"] }])
}

fn node_port(change: Value) -> Value {
    let mut spec = json!({ "type": "NodePort", "clusterIP": "10.43.0.20", "ports": [{ "port": 80, "nodePort": 30080 }] });
    for (key, value) in change.as_object().into_iter().flatten() {
        spec[key] = value.clone();
    }
    spec
}

#[test]
fn a_service_is_a_few_elements() {
    check(
        node_port(json!({})),
        json!(null),
        two(),
        &expect![[r#"
        add element hairpins { 10.42.0.2 . 10.42.0.2 }
        add element node_endpoints { tcp . 30080 . 0 : 10.42.0.2 . 8080, tcp . 30080 . 1 : 192.0.2.9 . 8080 }
        add element node_ports { tcp . 30080 : goto pick-node-2 }
        add element service_endpoints { 10.43.0.20 . tcp . 80 . 0 : 10.42.0.2 . 8080, 10.43.0.20 . tcp . 80 . 1 : 192.0.2.9 . 8080 }
        add element service_ports { 10.43.0.20 . tcp . 80 : goto pick-2 }
    "#]],
    );
}

#[test]
fn a_service_without_endpoints_is_refused_where_nothing_else_refuses() {
    let spec = node_port(json!({ "externalIPs": ["198.51.100.1", "10.43.0.99"] }));
    check(
        spec,
        json!(null),
        json!([]),
        &expect![[r#"
        add element refused_node_ports { tcp . 30080 }
        add element refused_ports { 198.51.100.1 . tcp . 80 }
    "#]],
    );
}

#[test]
fn affinity_is_remembered_for_each_endpoint() {
    let config = json!({ "clientIP": { "timeoutSeconds": 60 } });
    let spec = json!({ "clusterIP": "10.43.0.20", "sessionAffinity": "ClientIP", "sessionAffinityConfig": config,
        "ports": [{ "port": 80 }] });
    check(
        spec,
        json!(null),
        two(),
        &expect![[r#"
        add set sticky-to/default/web/tcp/80/10.42.0.2/8080 { type ipv4_addr; size 65535; flags dynamic,timeout; }
        add set sticky-to/default/web/tcp/80/192.0.2.9/8080 { type ipv4_addr; size 65535; flags dynamic,timeout; }
        add chain sticky-to/default/web/tcp/80/10.42.0.2/8080
        add chain sticky-to/default/web/tcp/80/192.0.2.9/8080
        add chain sticky/default/web/tcp/80
        add rule sticky-to/default/web/tcp/80/10.42.0.2/8080 update @sticky-to/default/web/tcp/80/10.42.0.2/8080 { ip saddr timeout 60s }
        add rule sticky-to/default/web/tcp/80/10.42.0.2/8080 meta l4proto tcp dnat ip to 10.42.0.2:8080
        add rule sticky-to/default/web/tcp/80/192.0.2.9/8080 update @sticky-to/default/web/tcp/80/192.0.2.9/8080 { ip saddr timeout 60s }
        add rule sticky-to/default/web/tcp/80/192.0.2.9/8080 meta l4proto tcp dnat ip to 192.0.2.9:8080
        add rule sticky/default/web/tcp/80 ip saddr @sticky-to/default/web/tcp/80/10.42.0.2/8080 goto sticky-to/default/web/tcp/80/10.42.0.2/8080
        add rule sticky/default/web/tcp/80 ip saddr @sticky-to/default/web/tcp/80/192.0.2.9/8080 goto sticky-to/default/web/tcp/80/192.0.2.9/8080
        add rule sticky/default/web/tcp/80 jhash ip saddr mod 2 seed 0x62797468 vmap { 0 : goto sticky-to/default/web/tcp/80/10.42.0.2/8080, 1 : goto sticky-to/default/web/tcp/80/192.0.2.9/8080 }
        add element hairpins { 10.42.0.2 . 10.42.0.2 }
        add element service_ports { 10.43.0.20 . tcp . 80 : goto sticky/default/web/tcp/80 }
    "#]],
    );
}

#[test]
fn local_traffic_goes_to_pods_of_this_machine_alone() {
    let spec = node_port(json!({ "internalTrafficPolicy": "Local", "externalTrafficPolicy": "Local" }));
    check(
        spec,
        json!(null),
        two(),
        &expect![[r#"
        add element hairpins { 10.42.0.2 . 10.42.0.2 }
        add element node_endpoints { tcp . 30080 . 0 : 10.42.0.2 . 8080 }
        add element node_ports { tcp . 30080 : goto pick-node-1 }
        add element service_endpoints { 10.43.0.20 . tcp . 80 . 0 : 10.42.0.2 . 8080 }
        add element service_ports { 10.43.0.20 . tcp . 80 : goto pick-1 }
    "#]],
    );
}

#[test]
fn a_balancer_answers_at_the_addresses_that_it_was_given_for_those_who_may_ask() {
    let spec = node_port(
        json!({ "type": "LoadBalancer", "loadBalancerSourceRanges": ["198.51.100.7/24", "2001:db8::/32"],
        "externalIPs": ["203.0.113.1"] }),
    );
    let status = json!({ "loadBalancer": { "ingress": [{ "ip": "192.0.2.1" }, { "ip": "192.0.2.77", "ipMode": "Proxy" }] } });
    check(
        spec,
        status,
        two(),
        &expect![[r#"
        add chain sources/default/web/tcp/80
        add rule sources/default/web/tcp/80 ip saddr != { 198.51.100.0/24 } drop
        add rule sources/default/web/tcp/80 goto pick-2
        add element hairpins { 10.42.0.2 . 10.42.0.2 }
        add element node_endpoints { tcp . 30080 . 0 : 10.42.0.2 . 8080, tcp . 30080 . 1 : 192.0.2.9 . 8080 }
        add element node_ports { tcp . 30080 : goto pick-node-2 }
        add element service_endpoints { 10.43.0.20 . tcp . 80 . 0 : 10.42.0.2 . 8080, 10.43.0.20 . tcp . 80 . 1 : 192.0.2.9 . 8080, 192.0.2.1 . tcp . 80 . 0 : 10.42.0.2 . 8080, 192.0.2.1 . tcp . 80 . 1 : 192.0.2.9 . 8080, 203.0.113.1 . tcp . 80 . 0 : 10.42.0.2 . 8080, 203.0.113.1 . tcp . 80 . 1 : 192.0.2.9 . 8080 }
        add element service_ports { 10.43.0.20 . tcp . 80 : goto pick-2, 192.0.2.1 . tcp . 80 : goto sources/default/web/tcp/80, 203.0.113.1 . tcp . 80 : goto pick-2 }
    "#]],
    );
}

#[test]
fn no_service_takes_a_port_of_the_engine() {
    let spec = json!({ "clusterIP": "10.43.0.20", "ports": [{ "port": 6443 }], "externalIPs": ["192.0.2.1", "10.42.0.1"] });
    check(
        spec,
        json!(null),
        two(),
        &expect![[r#"
        add element hairpins { 10.42.0.2 . 10.42.0.2 }
        add element service_endpoints { 10.43.0.20 . tcp . 6443 . 0 : 10.42.0.2 . 8080, 10.43.0.20 . tcp . 6443 . 1 : 192.0.2.9 . 8080 }
        add element service_ports { 10.43.0.20 . tcp . 6443 : goto pick-2 }
    "#]],
    );
}

#[test]
fn a_port_of_the_host_is_an_element_and_the_engines_own_stay_its_own() {
    let ports = json!([
        { "containerPort": 80, "hostPort": 8080 },
        { "containerPort": 53, "hostPort": 5353, "protocol": "UDP", "hostIP": "192.0.2.1" },
        { "containerPort": 80, "hostPort": 6443 },
        { "containerPort": 80, "hostPort": 6443, "hostIP": "127.0.0.1" },
    ]);
    let pod = json!({ "spec": { "containers": [{ "name": "c", "ports": ports }] }, "status": { "podIP": "10.42.0.2" } });
    let ports = HostPorts::read(&serde_json::from_value(pod).unwrap()).unwrap();
    let mut table = Table::new("t".to_owned());
    table.replace(&Owner::Network, &Fragment::default(), fixed(&config()));
    table.is_applied();
    let owner = Owner::HostPorts(ObjectKey::namespaced("default", "edge"));
    table.replace(&owner, &Fragment::default(), of_host_ports(&config(), &ports));
    expect![[r#"
        add element inet t hairpins { 10.42.0.2 . 10.42.0.2 }
        add element inet t host_ports { tcp . 8080 : 10.42.0.2 . 80 }
        add element inet t host_ports_of_address { 192.0.2.1 . udp . 5353 : 10.42.0.2 . 53 }
    "#]]
    .assert_eq(&table.script().unwrap());
}

#[test]
fn endpoints_that_end_serve_while_there_is_no_other() {
    let ending = json!([{ "addresses": ["10.42.0.2"], "nodeName": "one",
        "conditions": { "ready": false, "serving": true, "terminating": true } }]);
    let spec = json!({ "clusterIP": "10.43.0.20", "ports": [{ "port": 80 }] });
    check(
        spec,
        json!(null),
        ending,
        &expect![[r#"
        add element hairpins { 10.42.0.2 . 10.42.0.2 }
        add element service_endpoints { 10.43.0.20 . tcp . 80 . 0 : 10.42.0.2 . 8080 }
        add element service_ports { 10.43.0.20 . tcp . 80 : goto pick-1 }
    "#]],
    );
}
