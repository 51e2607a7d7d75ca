//! The part at work on an engine.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use bythos_api::gitrepository::GitRepository;
use bythos_api::helmchart::HelmChart;
use bythos_api::helmrepository::HelmRepository;
use bythos_api::kustomization::Kustomization;
use bythos_operator::condition::get;
use bythos_operator::{Health, HealthReport, HealthState, PartContext, PlatformInfo};
use bythos_testing::Engine;
use k8s_openapi::api::core::v1::{ConfigMap, Event};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::{ListParams, Patch, PatchParams};
use kube::core::NamespaceResourceScope;
use kube::{Api, Client, Resource, ResourceExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::git::Remote;
use super::lossy::Writes;

/// As `bythos_testing::eventually`, for longer: a build may share the machine with many others.
pub(super) async fn eventually<T, F, Fut>(what: &str, mut look: F) -> Result<T, String>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let limit = tokio::time::Instant::now() + std::time::Duration::from_secs(90);
    while tokio::time::Instant::now() < limit {
        if let Ok(found) = bythos_testing::eventually(what, &mut look).await {
            return Ok(found);
        }
    }
    Err(format!("waited for {what}"))
}

/// The part at work. Dropping `running` ends it; its data stays.
pub(super) struct Delivery {
    pub(super) engine: Engine,
    pub(super) data: tempfile::TempDir,
    report: Option<HealthReport>,
    writes: Option<Writes>,
    running: Option<(DropGuard, tokio::task::JoinHandle<Result<(), bythos_operator::BoxError>>)>,
}

impl Delivery {
    pub(super) async fn start() -> Delivery {
        let engine = Engine::start().await.unwrap();
        let part = crate::part();
        for definition in &part.resources {
            bythos_operator::apply::cluster(&engine.admin, "bythos", definition).await.unwrap();
        }
        let mut delivery = Delivery {
            engine,
            data: tempfile::tempdir().unwrap(),
            running: None,
            report: None,
            writes: None,
        };
        delivery.resume().await;
        for namespace in ["flux-system", "shop"] {
            delivery
                .apply_value(
                    &json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": namespace } }),
                )
                .await;
        }
        delivery
    }

    /// Ends the part in the middle of whatever it does.
    pub(super) async fn kill(&mut self) {
        if let Some((guard, task)) = self.running.take() {
            task.abort();
            drop(guard);
            assert!(task.await.is_err_and(|ended| ended.is_cancelled()), "the part had ended before");
        }
    }

    pub(super) async fn resume(&mut self) {
        self.resume_as(self.engine.admin.clone()).await;
    }

    /// [`Delivery::resume`], with an API that takes only so many writes.
    pub(super) async fn resume_with_writes(&mut self, count: usize) {
        let writes = Writes::of(count);
        let client = writes.through(&self.engine.admin);
        self.writes = Some(writes);
        self.resume_as(client).await;
    }

    /// Waits until a write was held back.
    pub(super) async fn writes_are_over(&self) {
        self.writes.as_ref().unwrap().are_over().await;
    }

    /// Waits until the part says this of its health.
    pub(super) async fn health_becomes(&mut self, is_meant: impl Fn(&HealthState) -> bool) -> HealthState {
        let report = self.report.as_mut().unwrap();
        let found = async {
            let mut state = report.latest();
            while !is_meant(&state) {
                state = report.changed().await.expect("the part ended");
            }
            state
        };
        tokio::time::timeout(std::time::Duration::from_secs(60), found).await.expect("its health")
    }

    async fn resume_as(&mut self, client: Client) {
        let (health, mut report) = Health::new();
        let shutdown = CancellationToken::new();
        let context = PartContext {
            client,
            caches: self.engine.caches.for_part(self.engine.admin.clone()),
            health,
            shutdown: shutdown.clone(),
            data: self.data.path().to_owned(),
            platform: Arc::new(PlatformInfo {
                domain: "bythos.localhost".to_owned(),
                authority_pem: String::new(),
            }),
            listeners: Arc::default(),
        };
        let task = tokio::spawn((crate::part().run)(context));
        while report.state() != HealthState::Ready {
            assert!(report.changed().await.is_some(), "the part ended");
        }
        self.running = Some((shutdown.drop_guard(), task));
        self.report = Some(report);
    }

    pub(super) fn api<K>(&self, namespace: &str) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        Api::namespaced(self.engine.admin.clone(), namespace)
    }

    /// Applies any object whose kind the engine serves.
    pub(super) async fn apply_value(&self, value: &Value) {
        let gvk = kube::core::GroupVersionKind {
            group: value["apiVersion"]
                .as_str()
                .unwrap()
                .rsplit_once('/')
                .map_or("", |(group, _)| group)
                .to_owned(),
            version: value["apiVersion"].as_str().unwrap().rsplit('/').next().unwrap().to_owned(),
            kind: value["kind"].as_str().unwrap().to_owned(),
        };
        let (resource, capabilities) = kube::discovery::pinned_kind(&self.engine.admin, &gvk).await.unwrap();
        let client = self.engine.admin.clone();
        let api: Api<kube::core::DynamicObject> = match value["metadata"]["namespace"].as_str() {
            Some(namespace) if capabilities.scope == kube::discovery::Scope::Namespaced => {
                Api::namespaced_with(client, namespace, &resource)
            }
            _ => Api::all_with(client, &resource),
        };
        let name = value["metadata"]["name"].as_str().unwrap();
        api.patch(name, &PatchParams::apply("test").force(), &Patch::Apply(value)).await.unwrap();
    }

    /// A source `app` of the remote's branch `main`, with further fields.
    pub(super) async fn source(&self, remote: &Remote, fields: &Value) {
        let mut spec = json!({ "url": remote.url(), "interval": "1h", "ref": { "branch": "main" } });
        merge(&mut spec, fields);
        self.apply_value(&json!({
            "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository",
            "metadata": { "name": "app", "namespace": "flux-system" }, "spec": spec,
        }))
        .await;
    }

    /// A kustomization of the source `app`, with further fields.
    pub(super) async fn kustomization(&self, name: &str, fields: &Value) {
        let mut spec = json!({ "interval": "1h", "prune": true, "sourceRef": { "kind": "GitRepository", "name": "app" } });
        merge(&mut spec, fields);
        self.apply_value(&json!({
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
            "metadata": { "name": name, "namespace": "flux-system" }, "spec": spec,
        }))
        .await;
    }

    /// What a host does after a push.
    pub(super) async fn announce(&self) {
        self.ask_source("app").await;
    }

    pub(super) async fn ask_source(&self, name: &str) {
        self.ask_any::<GitRepository>(name).await;
    }

    /// Asks an object to reconcile.
    pub(super) async fn ask_any<K>(&self, name: &str)
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + std::fmt::Debug,
    {
        let now = format!("{}", k8s_openapi::jiff::Timestamp::now());
        let patch =
            json!({ "metadata": { "annotations": { bythos_api::names::RECONCILE_REQUESTED_AT: now } } });
        let objects = self.api::<K>("flux-system");
        objects.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    }

    /// A Secret with these keys.
    pub(super) async fn secret(&self, name: &str, keys: &[(&str, &str)]) {
        let keys: BTreeMap<&str, &str> = keys.iter().copied().collect();
        self.apply_value(&json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": { "name": name, "namespace": "flux-system" },
            "stringData": keys,
        }))
        .await;
    }

    /// A repository `charts`.
    pub(super) async fn repository(&self, url: &str, fields: &Value) {
        let mut spec = json!({ "url": url, "interval": "1h" });
        merge(&mut spec, fields);
        self.apply_value(&json!({
            "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "HelmRepository",
            "metadata": { "name": "charts", "namespace": "flux-system" }, "spec": spec,
        }))
        .await;
    }

    /// A chart `web` of the repository `charts`, with further fields.
    pub(super) async fn chart(&self, fields: &Value) {
        let source = json!({ "kind": "HelmRepository", "name": "charts" });
        let mut spec = json!({ "chart": "web", "interval": "1h", "sourceRef": source });
        merge(&mut spec, fields);
        self.apply_value(&json!({
            "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "HelmChart",
            "metadata": { "name": "web", "namespace": "flux-system" }, "spec": spec,
        }))
        .await;
    }

    /// Waits until the repository `charts` says this in its condition `Ready`, and returns it.
    pub(super) async fn repository_says(&self, status: &str, reason: &str, part: &str) -> HelmRepository {
        let api = self.api::<HelmRepository>("flux-system");
        says(&api, "charts", status, reason, part, |it| it.status.as_ref().map(|it| it.conditions.clone()))
            .await
    }

    /// Waits until the chart `web` says this in its condition `Ready`, and returns it.
    pub(super) async fn chart_says(&self, status: &str, reason: &str, part: &str) -> HelmChart {
        let api = self.api::<HelmChart>("flux-system");
        says(&api, "web", status, reason, part, |it| it.status.as_ref().map(|it| it.conditions.clone())).await
    }

    /// Asks a kustomization to reconcile, and waits until it did.
    pub(super) async fn ask(&self, name: &str) {
        let now = format!("{}", k8s_openapi::jiff::Timestamp::now());
        let patch =
            json!({ "metadata": { "annotations": { bythos_api::names::RECONCILE_REQUESTED_AT: now } } });
        let kustomizations = self.api::<Kustomization>("flux-system");
        kustomizations.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
        eventually("the request to be handled", || async {
            let handled = kustomizations.get(name).await.unwrap().status?.last_handled_reconcile_at;
            (handled.as_ref() == Some(&now)).then_some(())
        })
        .await
        .unwrap();
    }

    /// Waits until the source `app` says this in its condition `Ready`, and returns it.
    pub(super) async fn source_says(&self, status: &str, reason: &str, part: &str) -> GitRepository {
        let api = self.api::<GitRepository>("flux-system");
        says(&api, "app", status, reason, part, |it| it.status.as_ref().map(|it| it.conditions.clone())).await
    }

    /// Waits until a kustomization says this in its condition `Ready`, and returns it.
    pub(super) async fn says(&self, name: &str, status: &str, reason: &str, part: &str) -> Kustomization {
        let api = self.api::<Kustomization>("flux-system");
        says(&api, name, status, reason, part, |it| it.status.as_ref().map(|it| it.conditions.clone())).await
    }

    pub(super) async fn applied(&self, name: &str, commit: &str) -> Kustomization {
        let message = format!("Applied revision: main@sha1:{commit}");
        self.says(name, "True", "ReconciliationSucceeded", &message).await
    }

    /// Waits for an event about an object of `flux-system`, and returns it.
    pub(super) async fn event(&self, name: &str, reason: &str, part: &str) -> Event {
        let is_meant = |it: &Event| {
            it.involved_object.name.as_deref() == Some(name)
                && it.reason.as_deref() == Some(reason)
                && it.message.as_deref().is_some_and(|message| message.contains(part))
        };
        let what = format!("the event {reason} of {name}: {part}");
        let look = || async { self.events().await.into_iter().find(is_meant) };
        eventually(&what, look).await.unwrap()
    }

    /// The reasons of all events about an object of `flux-system`.
    pub(super) async fn event_reasons(&self, name: &str) -> Vec<String> {
        let all = self.events().await.into_iter();
        all.filter(|it| it.involved_object.name.as_deref() == Some(name)).filter_map(|it| it.reason).collect()
    }

    async fn events(&self) -> Vec<Event> {
        self.api::<Event>("flux-system").list(&ListParams::default()).await.unwrap().items
    }

    pub(super) fn artifacts(&self) -> PathBuf {
        self.data.path().join("artifacts")
    }
}

/// Waits until an object says this in its condition `Ready`, and returns it. An empty reason is any.
pub(super) async fn says<K>(
    api: &Api<K>,
    name: &str,
    status: &str,
    reason: &str,
    part: &str,
    conditions: impl Fn(&K) -> Option<Vec<Condition>>,
) -> K
where
    K: Clone + DeserializeOwned + std::fmt::Debug + Serialize,
{
    let last = std::sync::Mutex::new(String::new());
    let looked = eventually("a condition", || async {
        let object = api.get_opt(name).await.unwrap()?;
        let conditions = conditions(&object).unwrap_or_default();
        let ready = get(&conditions, "Ready")?;
        *last.lock().unwrap() = format!("{} {}: {}", ready.status, ready.reason, ready.message);
        let is_meant = ready.status == status && (reason.is_empty() || ready.reason == reason);
        (is_meant && ready.message.contains(part)).then_some(object)
    });
    match looked.await {
        Ok(object) => object,
        Err(_) => panic!("{name} never said {status} {reason}: {part}\nlast: {}", last.lock().unwrap()),
    }
}

fn merge(target: &mut Value, fields: &Value) {
    target.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
}

pub(super) fn map(name: &str, value: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: shop}}\ndata: {{key: '{value}'}}\n"
    )
}

pub(super) fn deployment(field: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, namespace: shop}}\nspec:\n  {field}\n  selector: \
         {{matchLabels: {{app: web}}}}\n  template:\n    metadata: {{labels: {{app: web}}}}\n    spec: {{containers: \
         [{{name: web, image: 'web:1'}}]}}\n"
    )
}

pub(super) async fn maps(delivery: &Delivery) -> Vec<(String, String)> {
    let maps = delivery.api::<ConfigMap>("shop").list(&ListParams::default()).await.unwrap();
    let value = |map: ConfigMap| (map.name_any(), map.data.unwrap_or_default()["key"].clone());
    maps.items.into_iter().filter(|map| map.name_any() != "kube-root-ca.crt").map(value).collect()
}

pub(super) fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

pub(super) async fn gone(delivery: &Delivery, name: &str) {
    eventually(&format!("{name} to go"), || async {
        let left = maps(delivery).await;
        (!left.iter().any(|(found, _)| found == name)).then_some(())
    })
    .await
    .unwrap();
}
