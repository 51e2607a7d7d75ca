//! Objects as the API serves them, for tests.

use std::net::SocketAddr;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{Secret, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::Ingress;
use serde_json::{Value, json};

pub(crate) fn ingress(name: &str, created: &str, spec: &Value) -> Ingress {
    let metadata = json!({ "namespace": "default", "name": name, "creationTimestamp": created });
    serde_json::from_value(json!({ "metadata": metadata, "spec": spec })).unwrap()
}

pub(crate) fn rule(host: &str, path: &str, service: &str) -> Value {
    let backend = json!({ "service": { "name": service, "port": { "number": 80 } } });
    json!({ "host": host, "http": { "paths": [{ "pathType": "Prefix", "path": path, "backend": backend }] } })
}

pub(crate) fn service(name: &str) -> Service {
    let metadata = json!({ "namespace": "default", "name": name });
    serde_json::from_value(json!({ "metadata": metadata, "spec": { "ports": [{ "port": 80 }] } })).unwrap()
}

pub(crate) fn slice(service: &str, address: SocketAddr) -> EndpointSlice {
    let labels = json!({ "kubernetes.io/service-name": service });
    serde_json::from_value(json!({
        "metadata": { "namespace": "default", "name": format!("{service}-{}", address.port()), "labels": labels },
        "addressType": "IPv4",
        "endpoints": [{ "addresses": [address.ip()] }],
        "ports": [{ "port": address.port() }],
    }))
    .unwrap()
}

pub(crate) fn tls_secret(name: &str, certificate: &str, key: &str) -> Secret {
    let metadata = json!({ "namespace": "default", "name": name });
    let mut secret: Secret =
        serde_json::from_value(json!({ "metadata": metadata, "type": "kubernetes.io/tls" })).unwrap();
    let field = |name: &str, text: &str| (name.to_owned(), ByteString(text.as_bytes().to_vec()));
    secret.data = Some([field("tls.crt", certificate), field("tls.key", key)].into());
    secret
}

/// A certificate for these names and its key, in PEM.
pub(crate) fn self_signed(names: &[&str]) -> (String, String) {
    let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}
