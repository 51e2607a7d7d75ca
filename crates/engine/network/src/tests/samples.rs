//! Services and slices as the API serves them, for tests.

use bythos_operator::ObjectKey;
use serde_json::{Value, json};

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;

use crate::services::{ServiceState, owner_of, read};

pub(crate) fn service(namespace: &str, name: &str, spec: &Value) -> Service {
    let object = json!({ "metadata": { "namespace": namespace, "name": name }, "spec": spec });
    serde_json::from_value(object).unwrap()
}

pub(crate) fn slice(namespace: &str, service: &str, endpoints: &Value, ports: &Value) -> EndpointSlice {
    let labels = json!({ "kubernetes.io/service-name": service });
    let metadata = json!({ "namespace": namespace, "name": format!("{service}-1"), "labels": labels });
    let object =
        json!({ "addressType": "IPv4", "metadata": metadata, "endpoints": endpoints, "ports": ports });
    serde_json::from_value(object).unwrap()
}

/// A Service of each sort.
pub(crate) fn all() -> Vec<ServiceState> {
    let services = [
        service("default", "db", &json!({ "clusterIP": "None", "ports": [{ "name": "sql", "port": 5432 }] })),
        service("default", "docs", &json!({ "type": "ExternalName", "externalName": "docs.example.org" })),
        service(
            "default",
            "idle",
            &json!({
                "type": "NodePort", "clusterIP": "10.43.0.30", "ports": [{ "port": 80, "nodePort": 30081 }],
            }),
        ),
        service(
            "default",
            "sticky",
            &json!({
                "clusterIP": "10.43.0.21", "sessionAffinity": "ClientIP", "ports": [{ "port": 80 }],
            }),
        ),
        service(
            "default",
            "web",
            &json!({
                "type": "NodePort", "clusterIP": "10.43.0.20",
                "ports": [{ "name": "http", "port": 80, "nodePort": 30080 }, { "name": "metrics", "port": 9090 }],
            }),
        ),
        service(
            "kube-system",
            "kube-dns",
            &json!({
                "clusterIP": "10.43.0.10",
                "ports": [{ "name": "dns", "port": 53, "protocol": "UDP" }, { "name": "dns-tcp", "port": 53 }],
            }),
        ),
    ];
    let slices = [
        slice(
            "default",
            "db",
            &json!([
                { "addresses": ["10.42.0.7"], "hostname": "db-0" },
                { "addresses": ["10.42.0.8"] },
                { "addresses": ["10.42.0.9"], "hostname": "db-2", "conditions": { "ready": false } },
            ]),
            &json!([{ "name": "sql", "port": 5432 }]),
        ),
        slice(
            "default",
            "idle",
            &json!([
                { "addresses": ["10.42.0.6"], "conditions": { "ready": false } },
            ]),
            &json!([{ "port": 80 }]),
        ),
        slice(
            "default",
            "sticky",
            &json!([
                { "addresses": ["10.42.0.4"] }, { "addresses": ["10.42.0.5"] },
            ]),
            &json!([{ "name": "", "port": 8080 }]),
        ),
        slice(
            "default",
            "web",
            &json!([
                { "addresses": ["10.42.0.3"], "conditions": { "ready": true } },
                { "addresses": ["10.42.0.2"], "conditions": {} },
            ]),
            &json!([{ "name": "http", "port": 8080, "protocol": "TCP" }, { "name": "metrics", "port": 9100 }]),
        ),
        slice(
            "kube-system",
            "kube-dns",
            &json!([{ "addresses": ["10.42.0.1"] }]),
            &json!([
                { "name": "dns", "port": 53, "protocol": "UDP" }, { "name": "dns-tcp", "port": 53 },
            ]),
        ),
    ];
    let own = |service: &Service| {
        let owns = |slice: &&EndpointSlice| owner_of(slice) == Some(ObjectKey::of(service));
        slices.iter().filter(owns).collect::<Vec<_>>()
    };
    services.iter().filter_map(|service| read(service, &own(service))).collect()
}
