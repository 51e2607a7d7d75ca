use std::sync::Arc;

use serde_json::{Value, json};

use super::*;

fn objects() -> Objects {
    let object = |value: Value| value;
    let config_map =
        serde_json::from_value(object(json!({"data": {"KEY": "from-config", "OTHER": "x"}}))).unwrap();
    // `secret` and a byte that is no UTF-8.
    let secret =
        serde_json::from_value(object(json!({"data": {"KEY": "c2VjcmV0", "BINARY": "/w=="}}))).unwrap();
    let service = |name: &str, ip: &str| {
        let ports = json!([{"name": "http-main", "port": 80, "protocol": "TCP"}]);
        Arc::new(
            serde_json::from_value(
                json!({"metadata": {"name": name}, "spec": {"clusterIP": ip, "ports": ports}}),
            )
            .unwrap(),
        )
    };
    Objects {
        config_maps: BTreeMap::from([("c".to_owned(), Arc::new(config_map))]),
        secrets: BTreeMap::from([("s".to_owned(), Arc::new(secret))]),
        services: vec![service("my-db", "10.43.0.7"), service("headless", "None")],
        api_service: Some(service("kubernetes", "10.43.0.1")),
        ..Objects::default()
    }
}

fn built(container: Value) -> Result<BTreeMap<String, String>, EnvironmentError> {
    let mut container = container;
    container["name"] = json!("web");
    let container = serde_json::from_value(container).unwrap();
    let pod = serde_json::from_value(json!({"metadata": {"name": "web-0"}})).unwrap();
    let addresses = Addresses { pod: vec![[10, 42, 0, 5].into()], host: [192, 0, 2, 1].into() };
    build(&pod, &container, &objects(), &addresses)
}

#[track_caller]
fn check(container: Value, name: &str, expected: Option<&str>) {
    assert_eq!(built(container).unwrap().get(name).map(String::as_str), expected, "{name}");
}

#[track_caller]
fn refused(container: Value, expected: &str) {
    assert_eq!(built(container).unwrap_err().to_string(), expected);
}

#[test]
fn values_expand_what_stands_before_them() {
    let env = json!({"env": [
        {"name": "A", "value": "1"},
        {"name": "B", "value": "$(A)2$(C)"},
        {"name": "C", "value": "3"},
        {"name": "URL", "value": "http://$(MY_DB_SERVICE_HOST)"},
    ]});
    check(env.clone(), "B", Some("12$(C)"));
    check(env, "URL", Some("http://10.43.0.7"));
}

#[test]
fn objects_and_fields_give_values() {
    let env = |source: Value| json!({"env": [{"name": "A", "valueFrom": source}]});
    check(env(json!({"configMapKeyRef": {"name": "c", "key": "KEY"}})), "A", Some("from-config"));
    check(env(json!({"secretKeyRef": {"name": "s", "key": "KEY"}})), "A", Some("secret"));
    check(env(json!({"fieldRef": {"fieldPath": "status.podIP"}})), "A", Some("10.42.0.5"));
    check(env(json!({"fieldRef": {"fieldPath": "metadata.name"}})), "A", Some("web-0"));
}

#[test]
fn what_is_optional_may_be_missing() {
    let env = |source: Value| json!({"env": [{"name": "A", "valueFrom": source}]});
    let optional = [
        json!({"configMapKeyRef": {"name": "none", "key": "KEY", "optional": true}}),
        json!({"configMapKeyRef": {"name": "c", "key": "none", "optional": true}}),
        json!({"secretKeyRef": {"name": "none", "key": "KEY", "optional": true}}),
        json!({"secretKeyRef": {"name": "s", "key": "none", "optional": true}}),
    ];
    for source in optional {
        check(env(source), "A", None);
    }
    check(json!({"envFrom": [{"configMapRef": {"name": "none", "optional": true}}]}), "A", None);
}

#[test]
fn what_is_missing_is_named() {
    let env = |source: Value| json!({"env": [{"name": "A", "valueFrom": source}]});
    refused(env(json!({"configMapKeyRef": {"name": "none", "key": "K"}})), "configmap \"none\" not found");
    refused(
        env(json!({"secretKeyRef": {"name": "s", "key": "K"}})),
        "couldn't find key \"K\" in secret \"s\"",
    );
    refused(
        env(json!({"secretKeyRef": {"name": "s", "key": "BINARY"}})),
        "the value of key \"BINARY\" in secret \"s\" is not UTF-8",
    );
    refused(json!({"envFrom": [{"secretRef": {"name": "none"}}]}), "secret \"none\" not found");
    refused(
        env(json!({})),
        "env \"A\": expected valueFrom with fieldRef, resourceFieldRef, configMapKeyRef or secretKeyRef; this node \
         knows no other",
    );
}

#[test]
fn whole_objects_come_with_a_prefix_and_env_goes_over_them() {
    let container = json!({
        "envFrom": [{"prefix": "P_", "configMapRef": {"name": "c"}}],
        "env": [{"name": "P_OTHER", "value": "own"}],
    });
    check(container.clone(), "P_KEY", Some("from-config"));
    check(container, "P_OTHER", Some("own"));
}

#[test]
fn services_with_an_address_have_variables() {
    let none = || json!({});
    check(none(), "MY_DB_SERVICE_HOST", Some("10.43.0.7"));
    check(none(), "MY_DB_SERVICE_PORT", Some("80"));
    check(none(), "MY_DB_SERVICE_PORT_HTTP_MAIN", Some("80"));
    check(none(), "MY_DB_PORT", Some("tcp://10.43.0.7:80"));
    check(none(), "MY_DB_PORT_80_TCP_ADDR", Some("10.43.0.7"));
    check(none(), "KUBERNETES_SERVICE_HOST", Some("10.43.0.1"));
    check(none(), "HEADLESS_SERVICE_HOST", None);
}
