//! Network policies, as pods feel them.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Namespace as NamespaceObject, Pod};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use serde_json::{Value, from_value, json};

use super::namespace::{Peer, Talker, TestHost, dial};
use super::{at, table};
use crate::nft;
use crate::policy::{World, of_policies};
use crate::table::{Fragment, Owner};

fn pod(peer: &Peer, app: &str) -> Arc<Pod> {
    let pod = json!({
        "metadata": { "namespace": "default", "name": app, "labels": { "app": app } },
        "spec": { "containers": [{ "name": "c", "ports": [{ "name": "http", "containerPort": 8080 }] }] },
        "status": { "podIP": peer.address },
    });
    Arc::new(from_value(pod).unwrap())
}

/// Writes the table with this policy.
fn enforce(host: &TestHost, pods: &[Arc<Pod>], spec: &Value) {
    let policy = json!({ "metadata": { "namespace": "default", "name": "policy" }, "spec": spec });
    let policy: Arc<NetworkPolicy> = Arc::new(from_value(policy).unwrap());
    let namespace = json!({ "metadata": { "name": "default", "labels": { "team": "shop" } } });
    let namespace: Arc<NamespaceObject> = Arc::new(from_value(namespace).unwrap());
    let world = World::read(pods, &[namespace]);
    let mut table = table(&host.config, &[]);
    table.replace(&Owner::Policies, &Fragment::default(), of_policies(&[policy], &world));
    let script = table.script().unwrap();
    host.namespace.enter(|| nft::apply(&script)).unwrap();
}

fn reaches(from: &Peer, to: &Peer, port: u16) -> bool {
    dial(&from.namespace, at(to.address, port)).is_ok()
}

#[test]
fn only_what_a_rule_allows_comes_in_and_goes_out() {
    let Some(host) = TestHost::prepare() else { return };
    let (web, db, other, world) = (host.add_pod(), host.add_pod(), host.add_pod(), host.add_world());
    let _talkers = [
        Talker::start(&db, 8080),
        Talker::start(&db, 9090),
        Talker::start(&other, 8080),
        Talker::start(&world, 8080),
    ];
    let pods = [pod(&web, "web"), pod(&db, "db"), pod(&other, "other")];
    let select = |app: &str| json!({ "matchLabels": { "app": app } });

    let spec = json!({ "podSelector": select("db"),
        "ingress": [{ "from": [{ "podSelector": select("web") }], "ports": [{ "port": "http" }] }] });
    enforce(&host, &pods, &spec);
    assert!(reaches(&web, &db, 8080), "an allowed pod, an allowed port");
    assert!(!reaches(&web, &db, 9090), "another port");
    assert!(!reaches(&other, &db, 8080), "another pod");
    assert!(reaches(&web, &other, 8080), "a pod of which no policy speaks");
    assert!(dial(&host.namespace, at(db.address, 8080)).is_ok(), "the host itself");
    assert!(reaches(&db, &other, 8080), "what the pod begins itself is answered");

    let spec = json!({ "podSelector": select("web"), "policyTypes": ["Egress"], "egress": [
        { "to": [{ "ipBlock": { "cidr": "192.0.2.0/24" } }] },
        { "to": [{ "namespaceSelector": { "matchLabels": { "team": "shop" } }, "podSelector": select("db") }],
          "ports": [{ "port": 9000, "endPort": 9100 }] },
    ] });
    enforce(&host, &pods, &spec);
    assert!(reaches(&web, &world, 8080), "an allowed network");
    assert!(reaches(&web, &db, 9090), "a port in the range");
    assert!(!reaches(&web, &db, 8080), "a port out of the range");
    assert!(!reaches(&web, &other, 8080), "another pod");
    assert!(reaches(&other, &db, 8080), "a pod of which no policy speaks");
}
