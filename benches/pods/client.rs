//! What the bench does as a client, in the network of its machine; each prints what it found as JSON.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, ListParams, PostParams, WatchEvent, WatchParams};
use kube::{Api, Client, Config, ResourceExt as _};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{IMAGE, bare, requests, services};

/// So many requests are under way at once.
pub(crate) const CONCURRENCY: usize = 64;
const PATIENCE: Duration = Duration::from_secs(300);

/// How the start of pods went, from the first create.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Started {
    pub(crate) all_ready: Duration,
    /// From the create of a pod to its running container, as a watcher sees it.
    pub(crate) running_p99: Duration,
}

pub(crate) async fn run(arguments: &[String]) -> Result<()> {
    let text = |index: usize| arguments.get(index).map(String::as_str).context("an argument");
    let number = |index: usize| -> Result<usize> { Ok(text(index)?.parse()?) };
    match text(0)? {
        "start" => print(&start(number(1)?).await?),
        "end" => print(&end().await?),
        "bare" => print(&bare::start(number(1)?, text(2)?, text(3)?).await?),
        "service-change" => print(&services::change(number(1)?).await?),
        "requests" => print(&requests::per_second(text(1)?, text(2)?).await?),
        "serve" => requests::serve(text(1)?).await,
        _ => bail!("unknown: {arguments:?}"),
    }
}

#[allow(clippy::print_stdout, reason = "the bench reads it")]
fn print(found: &impl Serialize) -> Result<()> {
    println!("{}", serde_json::to_string(found)?);
    Ok(())
}

pub(crate) async fn client() -> Result<Client> {
    Ok(Client::try_from(Config::infer().await?)?)
}

/// Makes pods all at once and waits until all are ready.
async fn start(count: usize) -> Result<Started> {
    let pods: Api<Pod> = Api::default_namespaced(client().await?);
    let version = pods.list(&ListParams::default()).await?.metadata.resource_version.unwrap_or_default();
    let events = pods.watch(&WatchParams::default(), &version).await?.boxed();
    let began = Instant::now();
    let seen = tokio::spawn(async move {
        tokio::time::timeout(PATIENCE, see_start(events, count)).await.context("pods do not get ready")?
    });
    let created: BTreeMap<String, Instant> = futures::stream::iter(0..count)
        .map(|index| create(&pods, index))
        .buffer_unordered(CONCURRENCY)
        .try_collect()
        .await?;
    let Seen { running, all_ready } = seen.await??;
    let mut latencies: Vec<Duration> =
        running.iter().filter_map(|(name, at)| Some(*at - *created.get(name)?)).collect();
    latencies.sort_unstable();
    let place = (latencies.len() * 99).div_ceil(100).saturating_sub(1);
    let running_p99 = *latencies.get(place).context("there are pods")?;
    Ok(Started { all_ready: all_ready - began, running_p99 })
}

/// The pod's name, and when it was asked for.
async fn create(pods: &Api<Pod>, index: usize) -> Result<(String, Instant)> {
    let name = format!("pod-{index:03}");
    let pod = serde_json::from_value(json!({
        "metadata": {"name": name, "labels": {"app": "bench"}},
        "spec": {
            "containers": [{
                "name": "main",
                "image": IMAGE,
                "command": ["/bin/busybox", "sleep", "1000000"],
            }],
            "terminationGracePeriodSeconds": 0,
        },
    }))?;
    let asked = Instant::now();
    pods.create(&PostParams::default(), &pod).await?;
    Ok((name, asked))
}

struct Seen {
    running: BTreeMap<String, Instant>,
    all_ready: Instant,
}

async fn see_start(
    mut events: impl futures::Stream<Item = kube::Result<WatchEvent<Pod>>> + Unpin,
    count: usize,
) -> Result<Seen> {
    let mut running = BTreeMap::new();
    let mut ready = BTreeSet::new();
    while let Some(event) = events.try_next().await? {
        let WatchEvent::Modified(pod) = event else { continue };
        let status = pod.status.clone().unwrap_or_default();
        let mut containers = status.container_statuses.iter().flatten();
        let is_running = containers
            .next()
            .is_some_and(|container| container.state.as_ref().is_some_and(|state| state.running.is_some()));
        if is_running {
            running.entry(pod.name_any()).or_insert_with(Instant::now);
        }
        let mut conditions = status.conditions.iter().flatten();
        if conditions.any(|condition| condition.type_ == "Ready" && condition.status == "True") {
            ready.insert(pod.name_any());
        }
        if ready.len() == count {
            return Ok(Seen { running, all_ready: Instant::now() });
        }
    }
    bail!("the watch ended")
}

/// Deletes all pods and waits until none is left.
async fn end() -> Result<()> {
    let pods: Api<Pod> = Api::default_namespaced(client().await?);
    pods.delete_collection(&DeleteParams::default(), &ListParams::default()).await?;
    let began = Instant::now();
    while !pods.list_metadata(&ListParams::default()).await?.items.is_empty() {
        ensure!(began.elapsed() < PATIENCE, "pods do not end");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}
