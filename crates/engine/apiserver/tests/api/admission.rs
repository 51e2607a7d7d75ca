//! What the server fills in and refuses by itself: the first objects, addresses and ports of services.

use std::collections::BTreeSet;

use serde_json::json;

use crate::*;

const SERVICES: &str = "/api/v1/namespaces/default/services";

fn service(name: &str, spec: Value) -> Value {
    let mut object = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
        "spec": {"ports": [{"port": 80}]}});
    for (field, value) in spec.as_object().unwrap() {
        object["spec"][field] = value.clone();
    }
    object
}

#[tokio::test]
async fn the_first_objects_are_there() {
    let Server { admin, .. } = server().await;
    for name in ["default", "kube-system", "kube-public", "kube-node-lease"] {
        get(&admin, &format!("/api/v1/namespaces/{name}")).await.ok();
    }
    let kubernetes = get(&admin, &format!("{SERVICES}/kubernetes")).await.ok();
    assert_eq!(kubernetes["spec"]["clusterIP"], "10.43.0.1");
    get(&admin, "/apis/rbac.authorization.k8s.io/v1/clusterroles/cluster-admin").await.ok();
}

#[tokio::test]
async fn every_service_gets_an_address_of_its_own_and_keeps_it() {
    let Server { admin, .. } = server().await;
    let creations = (0..30).map(|index| {
        let admin = admin.clone();
        async move { post(&admin, SERVICES, service(&format!("s{index}"), json!({}))).await.ok() }
    });
    let created = futures::future::join_all(creations).await;
    let addresses: BTreeSet<&str> =
        created.iter().map(|service| service["spec"]["clusterIP"].as_str().unwrap()).collect();
    assert_eq!(addresses.len(), 30);
    assert!(addresses.iter().all(|address| address.starts_with("10.43.")));
    assert!(!addresses.contains("10.43.0.1") && !addresses.contains("10.43.0.10"));

    let first = &created[0];
    assert_eq!(first["spec"]["clusterIPs"], json!([first["spec"]["clusterIP"]]));
    let mut without = first.clone();
    without["spec"].as_object_mut().unwrap().remove("clusterIP");
    without["spec"].as_object_mut().unwrap().remove("clusterIPs");
    without["spec"]["ports"] = json!([{"port": 81}]);
    let updated = put(&admin, &format!("{SERVICES}/s0"), without).await.ok();
    assert_eq!(updated["spec"]["clusterIP"], first["spec"]["clusterIP"]);
    let moved = json!({"spec": {"clusterIP": "10.43.9.9", "clusterIPs": ["10.43.9.9"]}});
    patch(&admin, "merge", &format!("{SERVICES}/s0"), moved).await.fails(422, "Invalid", "spec.clusterIP");
}

#[tokio::test]
async fn an_address_is_given_to_who_asks_for_it_if_it_is_free() {
    let Server { admin, .. } = server().await;
    let dns = post(&admin, SERVICES, service("dns", json!({"clusterIP": "10.43.0.10"}))).await.ok();
    assert_eq!(dns["spec"]["clusterIPs"], json!(["10.43.0.10"]));
    for (asked, why) in [
        ("10.43.0.10", "provided IP is already allocated"),
        ("10.44.0.1", "the provided network does not contain it"),
        ("nonsense", ""),
    ] {
        let refused = post(&admin, SERVICES, service("other", json!({"clusterIP": asked}))).await;
        refused.fails(422, "Invalid", why);
    }
    delete(&admin, &format!("{SERVICES}/dns")).await.ok();
    post(&admin, SERVICES, service("other", json!({"clusterIP": "10.43.0.10"}))).await.ok();
}

#[tokio::test]
async fn headless_and_external_services_get_no_address() {
    let Server { admin, .. } = server().await;
    let headless = post(&admin, SERVICES, service("headless", json!({"clusterIP": "None"}))).await.ok();
    assert_eq!(headless["spec"]["clusterIPs"], json!(["None"]));
    let spec = json!({"type": "ExternalName", "externalName": "example.org", "ports": []});
    let external = post(&admin, SERVICES, service("external", spec)).await.ok();
    assert!(external["spec"].get("clusterIP").is_none());
}

#[tokio::test]
async fn node_ports_are_given_kept_and_freed() {
    let Server { admin, .. } = server().await;
    let path = format!("{SERVICES}/a");
    let created = post(&admin, SERVICES, service("a", json!({"type": "NodePort"}))).await.ok();
    let port = created["spec"]["ports"][0]["nodePort"].as_u64().unwrap();
    assert!((30000..=32767).contains(&port));
    let same = json!({"type": "NodePort", "ports": [{"port": 80, "nodePort": port}]});
    post(&admin, SERVICES, service("b", same)).await.fails(
        422,
        "Invalid",
        "provided port is already allocated",
    );
    let low = json!({"type": "NodePort", "ports": [{"port": 80, "nodePort": 80}]});
    post(&admin, SERVICES, service("b", low)).await.fails(422, "Invalid", "not in the valid range");
    let mut without = created.clone();
    without["spec"]["ports"][0].as_object_mut().unwrap().remove("nodePort");
    assert_eq!(put(&admin, &path, without).await.ok()["spec"]["ports"][0]["nodePort"], port);
    let inner = patch(&admin, "merge", &path, json!({"spec": {"type": "ClusterIP"}})).await.ok();
    assert!(inner["spec"]["ports"][0].get("nodePort").is_none());
}

#[tokio::test]
async fn a_balancer_that_wants_no_node_ports_gets_none() {
    let Server { admin, .. } = server().await;
    let none = json!({"type": "LoadBalancer", "allocateLoadBalancerNodePorts": false});
    let created = post(&admin, SERVICES, service("a", none)).await.ok();
    assert!(created["spec"]["ports"][0].get("nodePort").is_none(), "{created}");
    let one = json!({"type": "LoadBalancer", "allocateLoadBalancerNodePorts": false,
        "ports": [{"port": 80, "nodePort": 30080}]});
    assert_eq!(post(&admin, SERVICES, service("b", one)).await.ok()["spec"]["ports"][0]["nodePort"], 30080);
}

#[tokio::test]
async fn a_port_for_health_checks_is_given_kept_and_freed() {
    let Server { admin, .. } = server().await;
    let path = format!("{SERVICES}/a");
    let local = json!({"type": "LoadBalancer", "externalTrafficPolicy": "Local"});
    let created = post(&admin, SERVICES, service("a", local.clone())).await.ok();
    let port = created["spec"]["healthCheckNodePort"].as_u64().unwrap();
    assert!((30000..=32767).contains(&port));
    assert_ne!(created["spec"]["ports"][0]["nodePort"], port);
    let mut same = local.clone();
    same["healthCheckNodePort"] = json!(port);
    let refused = post(&admin, SERVICES, service("b", same.clone())).await;
    refused.fails(422, "Invalid", "spec.healthCheckNodePort: Invalid value");
    let kept = put(&admin, &path, service("a", local)).await.ok();
    assert_eq!(kept["spec"]["healthCheckNodePort"], port);
    let other = json!({"spec": {"healthCheckNodePort": if port == 30001 { 30002 } else { 30001 }}});
    patch(&admin, "merge", &path, other).await.fails(422, "Invalid", "field is immutable");
    let cluster = json!({"spec": {"externalTrafficPolicy": "Cluster"}});
    let without = patch(&admin, "merge", &path, cluster).await.ok();
    assert!(without["spec"].get("healthCheckNodePort").is_none(), "{without}");
    post(&admin, SERVICES, service("b", same)).await.ok();
}

#[tokio::test]
async fn only_the_type_has_to_be_said_to_change_it() {
    let Server { admin, .. } = server().await;
    let balancer =
        json!({"type": "LoadBalancer", "externalTrafficPolicy": "Local", "sessionAffinity": "ClientIP"});
    for (name, change) in [
        ("a", json!({"type": "ClusterIP"})),
        ("b", json!({"type": "NodePort", "sessionAffinity": "None"})),
        ("c", json!({"type": "ExternalName", "externalName": "example.org"})),
    ] {
        post(&admin, SERVICES, service(name, balancer.clone())).await.ok();
        let path = format!("{SERVICES}/{name}");
        let changed = patch(&admin, "merge", &path, json!({"spec": change})).await.ok();
        assert_eq!(changed["spec"]["type"], change["type"]);
    }
}
