//! The API as clients see it: in process, with a store in memory, one per test.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::needless_pass_by_value,
    clippy::wildcard_imports,
    reason = "what tests share states what must hold in the shortest way, too"
)]

mod admission;
mod clients;
mod crud;
mod custom;
mod delete;
mod discovery;
mod eviction;
mod impersonation;
mod kinds;
mod limits;
mod list;
mod openapi;
mod patch;
mod policies;
mod rbac;
mod restart;
mod service_account;
mod socket;
mod subresource;
mod table;
mod tls;
mod tokens;
mod versions;
mod watch;
mod writes;

use std::time::Duration;

use bythos_access::User;
use bythos_access::token::TokenSigner;
use bythos_apiserver::{ApiServer, Config};
use bythos_operator::kubelet::NodePort;
use bythos_store::{Options, Store};
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

/// A server and a client that may do anything.
pub(crate) struct Server {
    pub(crate) api: ApiServer,
    pub(crate) admin: Client,
}

pub(crate) async fn server() -> Server {
    server_on(Options { directory: None, history_events: 1000 }, NodePort::default()).await
}

pub(crate) async fn server_on(options: Options, node: NodePort) -> Server {
    let store = Store::open(options).unwrap();
    let config = Config {
        store,
        node,
        tokens: TokenSigner::ephemeral().unwrap(),
        service_network: "10.43.0.0/16".to_owned(),
        checks: Vec::new(),
    };
    let api = ApiServer::start(config).await.unwrap();
    let admin = api.client(User::authenticated("admin", &["system:masters"]));
    Server { api, admin }
}

/// An answer as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: StatusCode,
    pub(crate) headers: http::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error} in {:?}", self.text))
    }

    /// The object, if the request succeeded.
    #[track_caller]
    pub(crate) fn ok(&self) -> Value {
        assert!(self.code.is_success(), "{} {}", self.code, self.text);
        self.json()
    }

    /// Checks code, reason and a part of the message of a failure.
    #[track_caller]
    pub(crate) fn fails(&self, code: u16, reason: &str, message: &str) -> Value {
        let status = self.json();
        assert_eq!((self.code.as_u16(), status["reason"].as_str()), (code, Some(reason)), "{}", self.text);
        let found = status["message"].as_str().unwrap_or_default();
        assert!(found.contains(message), "expected {message:?} in {found:?}");
        status
    }

    pub(crate) fn warnings(&self) -> Vec<&str> {
        self.headers.get_all("warning").iter().map(|value| value.to_str().unwrap()).collect()
    }
}

/// Sends any request.
pub(crate) async fn send(
    client: &Client,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = client.send(request.body(Body::from(body.as_bytes().to_vec())).unwrap()).await.unwrap();
    let (head, body) = response.into_parts();
    let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    Answer { code: head.status, headers: head.headers, text }
}

pub(crate) async fn get(client: &Client, path: &str) -> Answer {
    send(client, "GET", path, &[], "").await
}

pub(crate) async fn post(client: &Client, path: &str, object: Value) -> Answer {
    send(client, "POST", path, &[("content-type", "application/json")], &object.to_string()).await
}

pub(crate) async fn put(client: &Client, path: &str, object: Value) -> Answer {
    send(client, "PUT", path, &[("content-type", "application/json")], &object.to_string()).await
}

pub(crate) async fn delete(client: &Client, path: &str) -> Answer {
    send(client, "DELETE", path, &[], "").await
}

/// Sends a patch; `type_` is `json`, `merge`, `strategic-merge` or `apply`.
pub(crate) async fn patch(client: &Client, type_: &str, path: &str, patch: Value) -> Answer {
    let content_type = match type_ {
        "apply" => "application/apply-patch+yaml".to_owned(),
        other => format!("application/{other}-patch+json"),
    };
    send(client, "PATCH", path, &[("content-type", &content_type)], &patch.to_string()).await
}

pub(crate) const CONFIG_MAPS: &str = "/api/v1/namespaces/default/configmaps";
pub(crate) const PODS: &str = "/api/v1/namespaces/default/pods";
pub(crate) const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";

pub(crate) fn config_map(name: &str, data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data})
}

pub(crate) fn pod(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
        "spec": {"containers": [{"name": "main", "image": "example.org/app:1"}]}})
}

pub(crate) fn deployment(name: &str, replicas: i64) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": {
        "replicas": replicas,
        "selector": {"matchLabels": {"app": name}},
        "template": {"metadata": {"labels": {"app": name}}, "spec": {
            "containers": [{"name": "main", "image": "example.org/app:1"}]}}}})
}

/// So long is waited for what must come: machines are busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Asks until `look` finds something, for as long as [`PATIENCE`] lasts.
pub(crate) async fn eventually<T, F, Fut>(what: &str, mut look: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let found = tokio::time::timeout(PATIENCE, async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    found.await.unwrap_or_else(|_| panic!("waited {PATIENCE:?} for {what}"))
}
