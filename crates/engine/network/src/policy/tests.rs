#![expect(clippy::needless_pass_by_value, reason = "cases are written in place")]

use expect_test::{Expect, expect};
use serde_json::{Value, from_value, json};

use super::*;
use crate::table::{Owner, Table};

fn pod(namespace: &str, name: &str, address: &str, app: &str) -> Arc<Pod> {
    let pod = json!({
        "metadata": { "namespace": namespace, "name": name, "labels": { "app": app } },
        "spec": { "containers": [{ "name": "c", "ports": [{ "name": "http", "containerPort": 8080 }] }] },
        "status": { "podIP": address, "phase": "Running" },
    });
    Arc::new(from_value(pod).unwrap())
}

fn world() -> World {
    let pods = [
        pod("shop", "web-1", "10.42.0.2", "web"),
        pod("shop", "web-2", "10.42.0.3", "web"),
        pod("shop", "db", "10.42.0.4", "db"),
        pod("ops", "agent", "10.42.0.5", "agent"),
    ];
    let namespace = |name: &str| -> Arc<Namespace> {
        let object = json!({ "metadata": { "name": name, "labels": { "team": name } } });
        Arc::new(from_value(object).unwrap())
    };
    World::read(&pods, &[namespace("shop"), namespace("ops")])
}

fn policy(name: &str, spec: Value) -> Arc<NetworkPolicy> {
    Arc::new(from_value(json!({ "metadata": { "namespace": "shop", "name": name }, "spec": spec })).unwrap())
}

/// The chains, and which pods are led to them, without what the names are made of.
#[track_caller]
fn check(policies: &[Arc<NetworkPolicy>], expected: &Expect) {
    let mut table = Table::new("t".to_owned());
    table.replace(&Owner::Network, &Fragment::default(), Fragment::default());
    table.is_applied();
    table.replace(&Owner::Policies, &Fragment::default(), of_policies(policies, &world()));
    let mut script = table.script().unwrap_or_default().replace(" inet t", "");
    let mut names = Vec::<String>::new();
    for start in ["peers/", "policy/"] {
        while let Some(at) = script.find(start) {
            let name = script[at..at + start.len() + 16].to_owned();
            names.push(name.clone());
            let short = format!("{}-{}", start.trim_end_matches('/').to_uppercase(), names.len());
            script = script.replace(&name, &short);
        }
    }
    expected.assert_eq(&script);
}

#[test]
fn what_no_rule_allows_is_dropped() {
    check(
        &[policy("deny", json!({ "podSelector": { "matchLabels": { "app": "db" } } }))],
        &expect![[r#"
            add chain POLICY-1
            add rule POLICY-1 drop
            add element policy_ingress { 10.42.0.4 : jump POLICY-1 }
        "#]],
    );
    let closed = json!({ "podSelector": { "matchLabels": { "app": "db" } }, "policyTypes": ["Egress"] });
    check(
        &[policy("deny", closed)],
        &expect![[r#"
            add chain POLICY-1
            add rule POLICY-1 drop
            add element policy_egress { 10.42.0.4 : jump POLICY-1 }
        "#]],
    );
}

#[test]
fn rules_name_pods_namespaces_networks_and_ports() {
    let spec = json!({
        "podSelector": { "matchLabels": { "app": "web" } },
        "ingress": [
            { "from": [{ "podSelector": { "matchLabels": { "app": "db" } } }], "ports": [{ "port": "http" }] },
            { "from": [{ "namespaceSelector": { "matchLabels": { "team": "ops" } } }],
              "ports": [{ "port": 9000, "endPort": 9010 }, { "port": 53, "protocol": "UDP" }] },
            { "from": [{ "ipBlock": { "cidr": "192.0.2.0/24", "except": ["192.0.2.128/25"] } }] },
        ],
    });
    check(
        &[policy("allow", spec)],
        &expect![[r#"
            add set PEERS-1 { type ipv4_addr; }
            add set PEERS-2 { type ipv4_addr; }
            add chain POLICY-3
            add rule POLICY-3 ip saddr @PEERS-2 ip daddr { 10.42.0.2, 10.42.0.3 } tcp dport 8080 return
            add rule POLICY-3 ip saddr @PEERS-1 tcp dport 9000-9010 return
            add rule POLICY-3 ip saddr @PEERS-1 udp dport 53 return
            add rule POLICY-3 ip saddr 192.0.2.0/24 ip saddr != { 192.0.2.128/25 } return
            add rule POLICY-3 drop
            add element PEERS-1 { 10.42.0.5 }
            add element PEERS-2 { 10.42.0.4 }
            add element policy_ingress { 10.42.0.2 : jump POLICY-3, 10.42.0.3 : jump POLICY-3 }
        "#]],
    );
}

#[test]
fn an_empty_rule_allows_everything_and_an_empty_peer_everyone_in_the_namespace() {
    let spec = json!({ "podSelector": { "matchLabels": { "app": "db" } }, "egress": [{}], "ingress": [
        { "from": [{ "podSelector": {} }] }] });
    check(
        &[policy("open", spec)],
        &expect![[r#"
            add set PEERS-1 { type ipv4_addr; }
            add chain POLICY-2
            add chain POLICY-3
            add rule POLICY-2 ip saddr @PEERS-1 return
            add rule POLICY-2 drop
            add rule POLICY-3 return
            add rule POLICY-3 drop
            add element PEERS-1 { 10.42.0.2, 10.42.0.3, 10.42.0.4 }
            add element policy_egress { 10.42.0.4 : jump POLICY-3 }
            add element policy_ingress { 10.42.0.4 : jump POLICY-2 }
        "#]],
    );
}

#[test]
fn who_has_ended_or_is_on_the_hosts_network_is_spoken_of_by_nobody() {
    let state = |change: fn(&mut Value)| {
        let mut object = json!({ "metadata": { "namespace": "shop", "name": "p" },
            "spec": { "containers": [] }, "status": { "podIP": "10.42.0.9" } });
        change(&mut object);
        PodState::read(&from_value(object).unwrap())
    };
    assert!(state(|_| {}).is_some());
    assert!(state(|pod| pod["spec"]["hostNetwork"] = json!(true)).is_none());
    assert!(state(|pod| pod["status"]["phase"] = json!("Succeeded")).is_none());
    assert!(state(|pod| pod["status"] = json!({})).is_none());
}
