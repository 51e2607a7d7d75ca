//! The slices of a Service, case by case.

use super::*;
use serde_json::{Value, from_value, json};

fn service(change: Value) -> Service {
    let mut service = json!({
        "metadata": { "name": "web", "namespace": "default", "uid": "1" },
        "spec": {
            "clusterIP": "10.43.0.7",
            "selector": { "app": "web" },
            "ports": [{ "name": "http", "port": 80, "targetPort": "http" }],
        },
    });
    merge(&mut service, change);
    from_value(service).unwrap()
}

fn pod(name: &str, change: Value) -> Arc<Pod> {
    let mut pod = json!({
        "metadata": { "name": name, "namespace": "default", "uid": name, "labels": { "app": "web" } },
        "spec": {
            "nodeName": "one",
            "containers": [{ "name": "c", "ports": [{ "name": "http", "containerPort": 8080 }] }],
        },
        "status": {
            "phase": "Running",
            "podIP": "10.42.0.9",
            "conditions": [{ "type": "Ready", "status": "True" }],
        },
    });
    merge(&mut pod, change);
    Arc::new(from_value(pod).unwrap())
}

fn merge(target: &mut Value, change: Value) {
    match (target, change) {
        (Value::Object(target), Value::Object(change)) => {
            for (key, value) in change {
                merge(target.entry(key).or_insert(Value::Null), value);
            }
        }
        (target, change) => *target = change,
    }
}

/// `(address, ready, serving, terminating)` of each endpoint, per slice with its port numbers.
type Shape = Vec<(Vec<i32>, Vec<(String, bool, bool, bool)>)>;

fn shape(slices: &[EndpointSlice]) -> Shape {
    let endpoint = |endpoint: &Endpoint| {
        let conditions = endpoint.conditions.clone().unwrap();
        let flags = [conditions.ready, conditions.serving, conditions.terminating].map(Option::unwrap);
        (endpoint.addresses[0].clone(), flags[0], flags[1], flags[2])
    };
    let ports = |slice: &EndpointSlice| slice.ports.iter().flatten().map(|port| port.port.unwrap()).collect();
    let endpoints = |slice: &EndpointSlice| slice.endpoints.iter().flatten().map(endpoint).collect();
    slices.iter().map(|slice| (ports(slice), endpoints(slice))).collect()
}

#[track_caller]
fn check(case: &str, service: &Service, pods: &[Arc<Pod>], expected: Shape) {
    assert_eq!(shape(&slices(service, pods)), expected, "{case}");
}

#[test]
fn endpoints_follow_the_state_of_their_pods() {
    let plain = service(json!({}));
    let eager = service(json!({ "spec": { "publishNotReadyAddresses": true } }));
    let unready = pod("a", json!({ "status": { "conditions": [{ "type": "Ready", "status": "False" }] } }));
    let ending = pod("a", json!({ "metadata": { "deletionTimestamp": "2026-01-01T00:00:00Z" } }));
    let ended = pod("a", json!({ "status": { "phase": "Failed" } }));
    let nowhere = pod("a", json!({ "status": { "podIP": null } }));
    let one = |ready, serving, terminating| {
        vec![(vec![8080], vec![("10.42.0.9".to_owned(), ready, serving, terminating)])]
    };
    let nobody = || vec![(vec![], vec![])];

    check("ready", &plain, &[pod("a", json!({}))], one(true, true, false));
    check("not ready", &plain, std::slice::from_ref(&unready), one(false, false, false));
    check("not ready, published anyway", &eager, &[unready], one(true, false, false));
    check("on its way out", &plain, &[ending], one(false, true, true));
    check("ended", &plain, &[ended], nobody());
    check("without an address", &plain, &[nowhere], nobody());
    check("no pods", &plain, &[], nobody());
}

#[test]
fn pods_with_other_ports_get_a_slice_of_their_own() {
    let other = pod(
        "b",
        json!({
            "spec": { "containers": [{ "name": "c", "ports": [{ "name": "http", "containerPort": 9090 }] }] },
            "status": { "podIP": "10.42.0.10" },
        }),
    );
    let without = pod("c", json!({ "spec": { "containers": [] }, "status": { "podIP": "10.42.0.11" } }));
    let pods = [pod("a", json!({})), other, without];
    let one = |ip: &str| vec![(ip.to_owned(), true, true, false)];
    let expected =
        vec![(vec![8080], one("10.42.0.9")), (vec![9090], one("10.42.0.10")), (vec![], one("10.42.0.11"))];
    check("named ports", &service(json!({})), &pods, expected);
    let by_number =
        service(json!({ "spec": { "ports": [{ "port": 80, "targetPort": 3000 }, { "port": 81 }] } }));
    check("numbers", &by_number, &pods[..1], vec![(vec![3000, 81], one("10.42.0.9"))]);
}

#[test]
fn a_slice_holds_a_hundred_endpoints_and_names_are_stable() {
    let pods: Vec<_> = (0..201)
        .map(|number| {
            let address = format!("10.42.{}.{}", number / 250, number % 250 + 1);
            pod(&format!("web-{number}"), json!({ "status": { "podIP": address } }))
        })
        .collect();
    let service = service(json!({}));
    let many = slices(&service, &pods);
    let sizes: Vec<_> = many.iter().map(|slice| slice.endpoints.iter().flatten().count()).collect();
    assert_eq!(sizes, [100, 100, 1]);
    assert_ne!(many[0].metadata.name, many[1].metadata.name);
    assert_eq!(slices(&service, &[])[0].metadata.name, many[0].metadata.name);
}

#[test]
fn only_services_with_a_selector_are_kept() {
    assert!(selector(&service(json!({}))).is_some());
    assert!(selector(&service(json!({ "spec": { "selector": null } }))).is_none());
    assert!(selector(&service(json!({ "spec": { "type": "ExternalName" } }))).is_none());
    let headless = slices(&service(json!({ "spec": { "clusterIP": "None" } })), &[]);
    assert_eq!(headless[0].metadata.labels.as_ref().unwrap()[HEADLESS_LABEL], "");
}
