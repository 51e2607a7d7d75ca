//! The part as the binary runs it, on our own engine: from objects to answers, status and events.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use bythos_operator::part::BoundListener;
use bythos_operator::{Health, HealthReport, HealthState, PartContext, PlatformInfo};
use bythos_testing::{Engine, eventually};
use http::{StatusCode, Version};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{Event, Namespace, Node, Secret, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::{Ingress, IngressClass};
use kube::api::{DeleteParams, ListParams, PostParams};
use kube::{Api, Resource};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::backend::Backend;
use super::client::{Dialog, Target, body_of, get};
use super::objects::{self_signed, tls_secret};
use super::{objects, rule};
use crate::part;

/// The running part and where it listens.
struct Running {
    engine: Engine,
    http: SocketAddr,
    https: SocketAddr,
    _data: tempfile::TempDir,
    _guard: DropGuard,
}

impl Running {
    async fn start() -> Self {
        let engine = Engine::start().await.unwrap();
        make_namespace(&engine).await;
        make_node(&engine).await;
        let data = tempfile::tempdir().unwrap();
        let part = part();
        let (http_socket, http) = bind();
        let (https_socket, https) = bind();
        let (health, mut report) = Health::new();
        let shutdown = CancellationToken::new();
        let listeners = [("http", http_socket), ("https", https_socket)];
        let listeners = listeners.map(|(name, socket)| (name, BoundListener { socket, tls: None }));
        let context = PartContext {
            client: engine.admin.clone(),
            caches: engine.caches.for_part(engine.admin.clone()),
            health,
            shutdown: shutdown.clone(),
            data: data.path().to_owned(),
            platform: Arc::new(PlatformInfo {
                domain: "bythos.localhost".into(),
                authority_pem: String::new(),
            }),
            listeners: Arc::new(listeners.into()),
        };
        tokio::spawn((part.run)(context));
        until_ready(&mut report).await;
        Running { engine, http, https, _data: data, _guard: shutdown.drop_guard() }
    }

    fn api<K>(&self) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        Api::namespaced(self.engine.admin.clone(), "default")
    }

    async fn create<K>(&self, object: &K)
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Serialize
            + DeserializeOwned
            + Clone
            + std::fmt::Debug,
    {
        self.api::<K>().create(&PostParams::default(), object).await.unwrap();
    }

    /// Where an Ingress says it answers.
    async fn addresses(&self, name: &str) -> Vec<String> {
        let ingress = self.api::<Ingress>().get(name).await.unwrap();
        let balancer = ingress.status.and_then(|status| status.load_balancer);
        let entries = balancer.and_then(|balancer| balancer.ingress).unwrap_or_default();
        entries.into_iter().filter_map(|entry| entry.ip.or(entry.hostname)).collect()
    }

    async fn events_of(&self, name: &str) -> Vec<String> {
        let events = self.api::<Event>().list(&ListParams::default()).await.unwrap();
        let of_it = events.into_iter().filter(|event| event.involved_object.name.as_deref() == Some(name));
        of_it.map(|event| format!("{}: {}", event.reason.unwrap(), event.message.unwrap())).collect()
    }

    async fn status_of(&self, host: &str) -> (StatusCode, String) {
        let mut dialog = Dialog::plain(self.http).await;
        let answer = dialog.send(get("/", &[("host", host)])).await;
        (answer.status(), body_of(answer).await)
    }
}

fn bind() -> (TcpListener, SocketAddr) {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

async fn until_ready(report: &mut HealthReport) {
    while report.state() != HealthState::Ready {
        assert!(report.changed().await.is_some(), "the part ended");
    }
}

async fn make_namespace(engine: &Engine) {
    let object = serde_json::from_value(json!({ "metadata": { "name": "default" } })).unwrap();
    // The engine may bring it itself.
    drop(Api::<Namespace>::all(engine.admin.clone()).create(&PostParams::default(), &object).await);
}

async fn make_node(engine: &Engine) {
    let api = Api::<Node>::all(engine.admin.clone());
    let node = serde_json::from_value(json!({ "metadata": { "name": "here" } })).unwrap();
    api.create(&PostParams::default(), &node).await.unwrap();
    let addresses =
        json!([{ "type": "Hostname", "address": "here" }, { "type": "InternalIP", "address": "192.0.2.1" }]);
    let patch = kube::api::Patch::Merge(json!({ "status": { "addresses": addresses } }));
    api.patch_status("here", &Default::default(), &patch).await.unwrap();
}

fn ingress(name: &str) -> Ingress {
    let spec = json!({
        "rules": [rule("shop.test", "/", "web")],
        "tls": [{ "hosts": ["shop.test"], "secretName": "shop-tls" }],
    });
    let mut ingress = objects::ingress(name, "2026-01-01T00:00:00Z", &spec);
    ingress.metadata.creation_timestamp = None;
    ingress
}

#[tokio::test]
async fn an_application_answers_once_all_its_objects_are_there() {
    let running = Running::start().await;
    let classes = Api::<IngressClass>::all(running.engine.admin.clone());
    for name in ["bythos", "nginx"] {
        let class = classes.get(name).await.unwrap();
        assert_eq!(class.spec.unwrap().controller.unwrap(), "bythos.dev/ingress");
    }
    running.create(&ingress("shop")).await;
    let missing = "TLSSecretMissing: no HTTPS for shop.test: there is no Secret default/shop-tls";
    eventually("the missing Secret to be said", async || {
        running.events_of("shop").await.contains(&missing.to_owned()).then_some(())
    })
    .await
    .unwrap();

    let backend = Backend::start("one").await;
    let (pem, key) = self_signed(&["shop.test"]);
    running.create::<Secret>(&tls_secret("shop-tls", &pem, &key)).await;
    running.create::<Service>(&objects::service("web")).await;
    running.create::<EndpointSlice>(&objects::slice("web", backend.address)).await;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
    let target = Target { address: running.https, roots: Arc::new(roots) };
    let body = eventually("the application to answer", async || {
        let mut dialog = Dialog::tls(&target, "shop.test", Version::HTTP_2).await.ok()?;
        let answer = dialog.send(get("https://shop.test/", &[])).await;
        if answer.status() == StatusCode::OK { Some(body_of(answer).await) } else { None }
    })
    .await
    .unwrap();
    assert!(body.contains("\"name\":\"one\""), "{body}");
    eventually("its address", async || (running.addresses("shop").await == ["192.0.2.1"]).then_some(()))
        .await
        .unwrap();
    assert_eq!(running.status_of("shop.test").await.0, StatusCode::PERMANENT_REDIRECT);

    running.api::<Ingress>().delete("shop", &DeleteParams::default()).await.unwrap();
    eventually("the application to be gone", async || {
        let (status, body) = running.status_of("shop.test").await;
        (status == StatusCode::NOT_FOUND && body.contains("No Ingress")).then_some(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_host_used_twice_is_said_to_the_newer_and_given_to_it_when_the_older_goes() {
    let running = Running::start().await;
    running.create(&ingress("first")).await;
    eventually("the first to answer", async || {
        (running.addresses("first").await == ["192.0.2.1"]).then_some(())
    })
    .await
    .unwrap();
    // Of the same second, the name decides: this one is the newer either way.
    running.create(&ingress("second")).await;
    let conflict = "HostConflict: host \"shop.test\" with path \"/\" is served by the older Ingress \
                    default/first; use another host or path";
    eventually("the conflict to be said", async || {
        running.events_of("second").await.contains(&conflict.to_owned()).then_some(())
    })
    .await
    .unwrap();
    assert_eq!(running.addresses("second").await, Vec::<String>::new());
    assert!(!running.events_of("first").await.iter().any(|event| event.starts_with("HostConflict")));

    running.api::<Ingress>().delete("first", &DeleteParams::default()).await.unwrap();
    eventually("the second to take over", async || {
        (running.addresses("second").await == ["192.0.2.1"]).then_some(())
    })
    .await
    .unwrap();
}
