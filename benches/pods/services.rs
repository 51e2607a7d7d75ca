//! How long the change of one service takes, among few and among many.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use bythos_benches::median;
use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::client::{CONCURRENCY, client};

/// Where pods reach the host: an address that endpoints may have.
const HOST: &str = "10.42.0.1";
/// What answers at the two ports between which the service changes.
const BACKENDS: [(u16, u8); 2] = [(7001, b'a'), (7002, b'b')];
const CHANGES: usize = 21;
const PATIENCE: Duration = Duration::from_secs(30);
const OF_BENCH: &str = "bench=services";

/// From the request that changes a service's endpoints to the first connection that they answer, among `count`
/// services.
pub(crate) async fn change(count: usize) -> Result<Duration> {
    for (port, name) in BACKENDS {
        let listener = TcpListener::bind((HOST, port)).await?;
        tokio::spawn(answer(listener, name));
    }
    let client = client().await?;
    let (services, slices) = (Api::default_namespaced(client.clone()), Api::default_namespaced(client));
    clear(&services, &slices).await?;
    futures::stream::iter(0..count)
        .map(|index| create(&services, &slices, index))
        .buffer_unordered(CONCURRENCY)
        .try_collect::<()>()
        .await?;
    let address = address_of(&services, count - 1).await?;
    let name = name(count - 1);
    answers(&address, BACKENDS[0].1).await?;
    let mut times = Vec::new();
    for index in 1..=CHANGES {
        let (port, backend) = BACKENDS[index % 2];
        let patch = Patch::Merge(json!({"ports": [{"name": "", "port": port, "protocol": "TCP"}]}));
        let began = Instant::now();
        slices.patch(&name, &PatchParams::default(), &patch).await?;
        answers(&address, backend).await?;
        times.push(began.elapsed());
    }
    clear(&services, &slices).await?;
    median(times)
}

async fn clear(services: &Api<Service>, slices: &Api<EndpointSlice>) -> Result<()> {
    let all = ListParams::default().labels(OF_BENCH);
    services.delete_collection(&DeleteParams::default(), &all).await?;
    slices.delete_collection(&DeleteParams::default(), &all).await?;
    Ok(())
}

/// Says its name on every connection.
async fn answer(listener: TcpListener, name: u8) {
    while let Ok((mut stream, _)) = listener.accept().await {
        // Whoever asked may have gone.
        drop(stream.write_all(&[name]).await);
    }
}

fn name(index: usize) -> String {
    format!("service-{index:05}")
}

async fn create(services: &Api<Service>, slices: &Api<EndpointSlice>, index: usize) -> Result<()> {
    let name = name(index);
    let service = json!({
        "metadata": {"name": name, "labels": {"bench": "services"}},
        "spec": {"ports": [{"port": 80}]},
    });
    let slice = json!({
        "metadata": {
            "name": name,
            "labels": {"bench": "services", "kubernetes.io/service-name": name},
        },
        "addressType": "IPv4",
        "endpoints": [{"addresses": [HOST], "conditions": {"ready": true}}],
        "ports": [{"name": "", "port": BACKENDS[0].0, "protocol": "TCP"}],
    });
    services.create(&PostParams::default(), &serde_json::from_value(service)?).await?;
    slices.create(&PostParams::default(), &serde_json::from_value(slice)?).await?;
    Ok(())
}

async fn address_of(services: &Api<Service>, index: usize) -> Result<String> {
    let spec = services.get(&name(index)).await?.spec.unwrap_or_default();
    Ok(format!("{}:80", spec.cluster_ip.context("a service has an address")?))
}

/// Connects again and again until it is `backend` that answers.
async fn answers(address: &str, backend: u8) -> Result<()> {
    let began = Instant::now();
    while connect(address).await.ok() != Some(backend) {
        ensure!(began.elapsed() < PATIENCE, "{address} is not answered by {}", char::from(backend));
    }
    Ok(())
}

async fn connect(address: &str) -> Result<u8> {
    let limit = Duration::from_millis(200);
    let mut stream = tokio::time::timeout(limit, TcpStream::connect(address)).await??;
    Ok(tokio::time::timeout(limit, stream.read_u8()).await??)
}
