//! What the server itself decides about an object, before it is made or changed, is as upstream documents it.

use serde_json::{Value, json};

use super::kind;

#[test]
fn a_new_pod_is_pending_whatever_it_says() {
    let mut pod = json!({"spec": {"containers": [{"resources": {"requests": {"cpu": "1"}}}]}, "status": {"phase": "Running"}});
    (kind("Pod").rules.prepare_create)(&mut pod);
    assert_eq!(pod["status"], json!({"phase": "Pending", "qosClass": "Burstable"}));
}

#[test]
fn a_new_object_has_no_status_but_a_node_keeps_its_own() {
    let given = json!({"status": {"x": 1}});
    let prepared = |name: &str| {
        let mut object = given.clone();
        (kind(name).rules.prepare_create)(&mut object);
        object.get("status").cloned()
    };
    assert_eq!(prepared("Deployment"), None);
    assert_eq!(prepared("Node"), Some(json!({"x": 1})));
    assert_eq!(prepared("Service"), Some(json!({"loadBalancer": {}})));
    assert_eq!(prepared("Namespace"), Some(json!({"phase": "Active"})));
}

#[test]
fn plain_data_of_a_secret_is_encoded_into_its_data() {
    let mut secret = json!({"data": {"a": "MQ==", "b": "Mg=="}, "stringData": {"b": "two", "c": "three"}});
    (kind("Secret").rules.prepare_create)(&mut secret);
    assert_eq!(secret, json!({"data": {"a": "MQ==", "b": "dHdv", "c": "dGhyZWU="}}));
}

#[test]
fn finalizers_of_a_namespace_come_from_the_system() {
    let rules = kind("Namespace").rules;
    let mut namespace = json!({"metadata": {"name": "shop"}, "spec": {"finalizers": ["a/b"]}});
    (rules.prepare_create)(&mut namespace);
    assert_eq!(namespace["spec"]["finalizers"], json!(["a/b", "kubernetes"]));
    assert_eq!(namespace["metadata"]["labels"]["kubernetes.io/metadata.name"], "shop");
    let mut update = json!({"metadata": {"name": "shop"}});
    (rules.prepare_update)(&namespace, &mut update);
    assert_eq!(update["spec"]["finalizers"], json!(["a/b", "kubernetes"]));
}

#[test]
fn an_update_of_a_service_keeps_what_was_allocated() {
    let prepare = kind("Service").rules.prepare_update;
    let old = json!({"spec": {
        "type": "NodePort", "clusterIP": "10.43.0.9", "clusterIPs": ["10.43.0.9"], "externalTrafficPolicy": "Cluster",
        "ports": [{"port": 80, "protocol": "TCP", "nodePort": 30_080}],
    }});
    let mut same = json!({"spec": {"type": "NodePort", "ports": [{"port": 80, "protocol": "TCP"}, {"port": 81, "protocol": "TCP"}]}});
    prepare(&old, &mut same);
    assert_eq!(same["spec"]["clusterIPs"], json!(["10.43.0.9"]));
    assert_eq!(same["spec"]["ports"][0]["nodePort"], 30_080);
    assert!(same["spec"]["ports"][1].get("nodePort").is_none());
    let mut narrower = old.clone();
    narrower["spec"]["type"] = json!("ClusterIP");
    prepare(&old, &mut narrower);
    assert_eq!(
        narrower["spec"],
        json!({"type": "ClusterIP", "clusterIP": "10.43.0.9", "clusterIPs": ["10.43.0.9"], "ports": [{"port": 80, "protocol": "TCP"}]})
    );
    let mut name = old.clone();
    name["spec"]["type"] = json!("ExternalName");
    prepare(&old, &mut name);
    assert_eq!(name["spec"], json!({"type": "ExternalName", "ports": [{"port": 80, "protocol": "TCP"}]}));
}

/// What an update to another type leaves, of a balancer that has everything.
#[track_caller]
fn check_type_change(change: Value, dropped: &[&str]) {
    let prepare = kind("Service").rules.prepare_update;
    let old = json!({
        "spec": {
            "type": "LoadBalancer", "clusterIP": "10.43.0.9", "clusterIPs": ["10.43.0.9"], "ipFamilies": ["IPv4"],
            "ipFamilyPolicy": "SingleStack", "externalTrafficPolicy": "Local", "healthCheckNodePort": 30_001,
            "allocateLoadBalancerNodePorts": true, "loadBalancerClass": "a/b",
        },
        "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}},
    });
    let mut new = old.clone();
    new["spec"].as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    let before = new["spec"].as_object().unwrap().clone();
    prepare(&old, &mut new);
    let left = new["spec"].as_object().unwrap();
    let gone: Vec<&str> =
        before.keys().filter(|name| !left.contains_key(*name)).map(String::as_str).collect();
    assert_eq!(gone, dropped);
    assert_eq!(new["status"] == old["status"], left["type"] == "LoadBalancer");
}

#[test]
fn a_service_gives_up_what_its_new_type_has_no_use_for() {
    check_type_change(json!({}), &[]);
    check_type_change(json!({"externalTrafficPolicy": "Cluster"}), &["healthCheckNodePort"]);
    check_type_change(
        json!({"type": "NodePort"}),
        &["allocateLoadBalancerNodePorts", "healthCheckNodePort", "loadBalancerClass"],
    );
    check_type_change(
        json!({"type": "ClusterIP"}),
        &[
            "allocateLoadBalancerNodePorts",
            "externalTrafficPolicy",
            "healthCheckNodePort",
            "loadBalancerClass",
        ],
    );
    check_type_change(
        json!({"type": "ExternalName"}),
        &[
            "allocateLoadBalancerNodePorts",
            "clusterIP",
            "clusterIPs",
            "externalTrafficPolicy",
            "healthCheckNodePort",
            "ipFamilies",
            "ipFamilyPolicy",
            "loadBalancerClass",
        ],
    );
    // Who changes a field together with the type hears that it does not fit.
    check_type_change(
        json!({"type": "ClusterIP", "externalTrafficPolicy": "Cluster", "loadBalancerClass": "c/d"}),
        &["allocateLoadBalancerNodePorts", "healthCheckNodePort"],
    );
}

#[test]
fn a_definition_remembers_in_which_versions_objects_may_be_stored() {
    let rules = kind("CustomResourceDefinition").rules;
    let with_storage = |name: &str| json!({"spec": {"versions": [{"name": name, "storage": true}]}});
    let mut definition = with_storage("v1alpha1");
    (rules.prepare_create)(&mut definition);
    assert_eq!(definition["status"], json!({"storedVersions": ["v1alpha1"]}));
    let mut newer = with_storage("v1");
    newer["status"] = definition["status"].clone();
    (rules.prepare_update)(&definition, &mut newer);
    assert_eq!(newer["status"]["storedVersions"], json!(["v1alpha1", "v1"]));
}
