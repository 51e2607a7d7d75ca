//! What the bench does as a client, in the network of its machine.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::{ConfigMap, Container, Pod, PodSpec};
use kube::api::{
    DeleteParams, ListParams, ObjectMeta, Patch, PatchParams, PostParams, WatchEvent, WatchParams,
};
use kube::{Api, Client, Config};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

/// So many requests are under way at once.
const CONCURRENCY: usize = 64;
const PATIENCE: Duration = Duration::from_secs(60);

#[allow(clippy::print_stdout, reason = "the bench reads it")]
pub(crate) async fn run(arguments: &[String]) -> Result<()> {
    let number = |index: usize| -> Result<usize> { Ok(arguments.get(index).context("a number")?.parse()?) };
    match arguments.first().map(String::as_str) {
        Some("ready") => ready().await,
        Some("pods") => create_pods(number(1)?).await,
        Some("delete-pods") => delete_pods().await,
        Some("objects") => create_objects(number(1)?, number(2)?).await,
        Some("event") => {
            println!("{}", event(number(1)?).await?.as_micros());
            Ok(())
        }
        _ => bail!("unknown: {arguments:?}"),
    }
}

async fn client() -> Result<Client> {
    Ok(Client::try_from(Config::infer().await?)?)
}

/// Asks until the API says that it is ready.
async fn ready() -> Result<()> {
    let began = Instant::now();
    while let Err(error) = ask_ready().await {
        ensure!(began.elapsed() < PATIENCE, "it does not get ready: {error:#}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}

async fn ask_ready() -> Result<()> {
    let request = http::Request::get("/readyz").body(Vec::new())?;
    let answer = client().await?.request_text(request).await?;
    ensure!(answer == "ok", "it answers {answer:?}");
    Ok(())
}

/// Pods as an application has them; nobody runs them.
async fn create_pods(count: usize) -> Result<()> {
    let pods: Api<Pod> = Api::default_namespaced(client().await?);
    each(count, async |index| {
        let container = Container {
            name: "main".to_owned(),
            image: Some("registry.example/team/application:1.2.3".to_owned()),
            command: Some(vec!["/bin/application".to_owned(), "--listen=0.0.0.0:8080".to_owned()]),
            ..Container::default()
        };
        let spec = PodSpec { containers: vec![container], ..PodSpec::default() };
        let metadata = named(index);
        pods.create(&PostParams::default(), &Pod { metadata, spec: Some(spec), status: None }).await?;
        Ok(())
    })
    .await
}

async fn delete_pods() -> Result<()> {
    let pods: Api<Pod> = Api::default_namespaced(client().await?);
    pods.delete_collection(&DeleteParams::default().grace_period(0), &ListParams::default()).await?;
    Ok(())
}

async fn create_objects(count: usize, bytes: usize) -> Result<()> {
    let objects: Api<ConfigMap> = Api::default_namespaced(client().await?);
    // About what metadata takes is left out of the value, so that the whole has the size.
    let text = "x".repeat(bytes.saturating_sub(400));
    each(count, async |index| {
        let data = Some([("text".to_owned(), text.clone())].into());
        let object = ConfigMap { metadata: named(index), data, ..ConfigMap::default() };
        objects.create(&PostParams::default(), &object).await?;
        Ok(())
    })
    .await
}

fn named(index: usize) -> ObjectMeta {
    let labels = [("app.kubernetes.io/name".to_owned(), format!("application-{}", index % 100))];
    ObjectMeta {
        name: Some(format!("object-{index:06}")),
        labels: Some(labels.into()),
        ..ObjectMeta::default()
    }
}

async fn each(count: usize, make: impl AsyncFn(usize) -> Result<()>) -> Result<()> {
    futures::stream::iter(0..count).map(|index| make(index)).buffer_unordered(CONCURRENCY).try_collect().await
}

/// From a change to the moment at which the last of so many watchers has seen it.
async fn event(watchers: usize) -> Result<Duration> {
    let client = client().await?;
    let objects: Api<ConfigMap> = Api::default_namespaced(client);
    let object = ConfigMap {
        metadata: ObjectMeta { name: Some("watched".to_owned()), ..ObjectMeta::default() },
        ..ConfigMap::default()
    };
    let created = objects.create(&PostParams::default(), &object).await?;
    let version = created.metadata.resource_version.context("it has a version")?;
    let all_watch = Arc::new(Barrier::new(watchers + 1));
    let mut tasks = JoinSet::new();
    for _ in 0..watchers {
        tasks.spawn(see_change(objects.clone(), version.clone(), Arc::clone(&all_watch)));
    }
    tokio::time::timeout(PATIENCE, all_watch.wait()).await?;
    let began = Instant::now();
    let change = Patch::Merge(serde_json::json!({"data": {"changed": "yes"}}));
    objects.patch("watched", &PatchParams::default(), &change).await?;
    let mut last = began;
    while let Some(seen) = tasks.join_next().await {
        last = last.max(seen??);
    }
    Ok(last - began)
}

async fn see_change(objects: Api<ConfigMap>, version: String, all_watch: Arc<Barrier>) -> Result<Instant> {
    let parameters = WatchParams::default().fields("metadata.name=watched");
    let mut events = objects.watch(&parameters, &version).await?.boxed();
    all_watch.wait().await;
    while let Some(event) = tokio::time::timeout(PATIENCE, events.try_next()).await?? {
        if matches!(event, WatchEvent::Modified(_)) {
            return Ok(Instant::now());
        }
    }
    bail!("the watch ended")
}
