//! The stage: an engine with the controllers, and a node that plays its part by watching pods.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test may end by a panic, and tells what it saw"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::future::Future;
use std::sync::{Arc, Mutex};

use anyhow::{Context as _, Result};
use bythos_operator::{BoxError, Health, HealthReport, HealthState, PartContext, PlatformInfo};
use bythos_testing::{Engine, eventually};
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::core::NamespaceResourceScope;
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client, Resource, ResourceExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) const AUTHORITY: &str = "the authority's certificate";

/// An engine with the controllers.
pub(crate) struct Stage {
    pub(crate) engine: Engine,
    controllers: Option<Running>,
}

struct Running {
    shutdown: CancellationToken,
    task: JoinHandle<Result<(), BoxError>>,
    report: HealthReport,
}

impl Stage {
    pub(crate) async fn start() -> Result<Stage> {
        let engine = Engine::start().await?;
        let mut stage = Stage { engine, controllers: None };
        stage.start_controllers().await?;
        Ok(stage)
    }

    pub(crate) fn client(&self) -> Client {
        self.engine.admin.clone()
    }

    pub(crate) fn api<K>(&self) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        self.api_in("default")
    }

    pub(crate) fn api_in<K>(&self, namespace: &str) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        Api::namespaced(self.client(), namespace)
    }

    /// Runs the controllers as the binary would, until they are killed.
    pub(crate) async fn start_controllers(&mut self) -> Result<()> {
        let part = bythos_controllers::part("/data/volumes".into());
        let client = self.client();
        let (health, report) = Health::new();
        let shutdown = CancellationToken::new();
        let context = PartContext {
            client: client.clone(),
            caches: self.engine.caches.for_part(client),
            health,
            shutdown: shutdown.clone(),
            data: std::path::PathBuf::new(),
            platform: Arc::new(PlatformInfo {
                domain: "bythos.localhost".to_owned(),
                authority_pem: AUTHORITY.to_owned(),
            }),
            listeners: Arc::default(),
        };
        let task = tokio::spawn((part.run)(context));
        self.controllers = Some(Running { shutdown, task, report });
        let report = self.controllers.as_ref().map(|running| running.report.clone());
        eventually("the controllers to be ready", || {
            let state = report.as_ref().map(HealthReport::state);
            async move { (state == Some(HealthState::Ready)).then_some(()) }
        })
        .await
    }

    /// Ends the controllers at once, wherever they are, as a crash would.
    pub(crate) async fn kill_controllers(&mut self) {
        if let Some(running) = self.controllers.take() {
            running.task.abort();
            // It ended by being aborted; there is nothing to learn from its result.
            drop(running.task.await);
        }
    }

    /// Waits until `found` finds something in the object of this name.
    pub(crate) async fn until<K, T>(
        &self,
        what: &str,
        api: &Api<K>,
        name: &str,
        found: impl Fn(&K) -> Option<T>,
    ) -> Result<T>
    where
        K: Clone + DeserializeOwned + Debug + Serialize,
    {
        let look = || async { found(&api.get_opt(name).await.ok().flatten()?) };
        let waited = eventually(what, look).await;
        match waited {
            Ok(found) => Ok(found),
            Err(error) => {
                let last = serde_json::to_string_pretty(&api.get_opt(name).await?)?;
                Err(error.context(format!("{name} is now {last}")))
            }
        }
    }

    /// Waits until there are exactly so many.
    pub(crate) async fn until_count<K>(&self, what: &str, api: &Api<K>, count: usize) -> Result<Vec<K>>
    where
        K: Clone + DeserializeOwned + Debug,
    {
        let look = || async {
            let items = api.list(&ListParams::default()).await.ok()?.items;
            (items.len() == count).then_some(items)
        };
        match eventually(what, look).await {
            Ok(items) => Ok(items),
            Err(error) => {
                let items = api.list(&ListParams::default()).await?.items;
                Err(error.context(format!("there are {} instead of {count}: {items:?}", items.len())))
            }
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(running) = &self.controllers {
            running.shutdown.cancel();
        }
    }
}

/// Creates what `object` says.
pub(crate) async fn create<K>(api: &Api<K>, object: Value) -> Result<K>
where
    K: Clone + Serialize + DeserializeOwned + Debug,
{
    let typed: K = serde_json::from_value(object).context("the test's object is wrong")?;
    Ok(api.create(&PostParams::default(), &typed).await?)
}

/// Changes an object by a merge patch.
pub(crate) async fn merge<K>(api: &Api<K>, name: &str, patch: Value) -> Result<K>
where
    K: Clone + DeserializeOwned + Debug,
{
    Ok(api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await?)
}

/// A Deployment `web` of three pods, which grows by one and never shrinks while it rolls out.
pub(crate) fn deployment(image: &str) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": { "name": "web" },
        "spec": {
            "replicas": 3,
            "selector": { "matchLabels": { "app": "web" } },
            "strategy": { "rollingUpdate": { "maxSurge": 1, "maxUnavailable": 0 } },
            "template": {
                "metadata": { "labels": { "app": "web" } },
                "spec": { "containers": [{ "name": "web", "image": image }] },
            },
        },
    })
}

/// What the node has seen.
#[derive(Debug, Default, Clone)]
pub(crate) struct Seen {
    /// Names of all pods that ever were.
    pub(crate) pods: BTreeSet<String>,
    /// Most pods, not counting those on their way out, at any time.
    pub(crate) most: usize,
    /// Fewest ready pods at any time since [`Node::watch_availability`].
    pub(crate) fewest_ready: Option<usize>,
}

/// Plays the node: gives each pod an address, makes it ready (unless its image is `broken`), and ends it when it is
/// deleted.
pub(crate) struct Node {
    task: JoinHandle<()>,
    seen: Arc<Mutex<Seen>>,
}

impl Node {
    pub(crate) fn start(client: Client) -> Node {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let task = tokio::spawn(play(client, seen.clone()));
        Node { task, seen }
    }

    pub(crate) fn seen(&self) -> Seen {
        self.seen.lock().unwrap().clone()
    }

    /// Counts ready pods from now on.
    pub(crate) fn watch_availability(&self) {
        self.seen.lock().unwrap().fewest_ready = Some(usize::MAX);
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn play(client: Client, seen: Arc<Mutex<Seen>>) {
    let mut events =
        watcher(Api::<Pod>::all(client.clone()), watcher::Config::default()).default_backoff().boxed();
    let mut pods = BTreeMap::<String, Pod>::new();
    while let Some(event) = events.next().await {
        match event {
            Ok(watcher::Event::Apply(pod) | watcher::Event::InitApply(pod)) => {
                let number = seen.lock().unwrap().pods.len();
                run(&client, &pod, number).await;
                pods.insert(pod.uid().unwrap(), pod);
            }
            Ok(watcher::Event::Delete(pod)) => drop(pods.remove(&pod.uid().unwrap())),
            Ok(_) => {}
            Err(error) => eprintln!("the node lost its watch: {error}"),
        }
        note(&mut seen.lock().unwrap(), &pods);
    }
}

fn note(seen: &mut Seen, pods: &BTreeMap<String, Pod>) {
    let staying = || pods.values().filter(|pod| pod.metadata.deletion_timestamp.is_none());
    seen.pods.extend(pods.values().map(|pod| pod.name_any()));
    seen.most = seen.most.max(staying().count());
    let ready = staying().filter(|pod| is_ready(pod)).count();
    seen.fewest_ready = seen.fewest_ready.map(|fewest| fewest.min(ready));
}

pub(crate) fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

async fn run(client: &Client, pod: &Pod, number: usize) {
    let api = Api::<Pod>::namespaced(client.clone(), &pod.namespace().unwrap());
    let name = pod.name_any();
    let outcome = if pod.metadata.deletion_timestamp.is_some() {
        let now = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() };
        api.delete(&name, &now).await.map(drop)
    } else if pod.status.as_ref().is_none_or(|status| status.pod_ip.is_none()) {
        set_ready(&api, &name, number, !is_broken(pod)).await
    } else {
        Ok(())
    };
    // The pod may be gone by now; the next event tells.
    if let Err(error) = outcome {
        eprintln!("the node could not serve {name}: {error}");
    }
}

fn is_broken(pod: &Pod) -> bool {
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    containers.into_iter().any(|container| container.image.as_deref() == Some("broken"))
}

/// Reports a pod as running at the address with this number, ready or not.
pub(crate) async fn set_ready(api: &Api<Pod>, name: &str, number: usize, is_ready: bool) -> kube::Result<()> {
    let status = json!({ "status": {
        "phase": "Running",
        "podIP": format!("10.42.0.{}", number + 2),
        "podIPs": [{ "ip": format!("10.42.0.{}", number + 2) }],
        "conditions": [{
            "type": "Ready",
            "status": if is_ready { "True" } else { "False" },
            "lastTransitionTime": Timestamp::now().to_string(),
        }],
    }});
    api.patch_status(name, &PatchParams::default(), &Patch::Strategic(status)).await.map(drop)
}

/// Repeats `look` a few times over the turns that others take, to see that nothing happens.
pub(crate) async fn settle<Fut: Future<Output = ()>>(look: impl Fn() -> Fut) {
    for _ in 0..20 {
        look().await;
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}
