//! Debian's etcd, asked over gRPC (`etcdserverpb.KV/Put` of etcd's API version 3).

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use bythos_benches::workspace;
use http::uri::PathAndQuery;
use tokio::task::JoinSet;
use tonic::client::Grpc;
use tonic::transport::{Channel, Endpoint};
use tonic_prost::ProstCodec;

use crate::{SPAN, VALUE_BYTES, per_second};

const START_LIMIT: Duration = Duration::from_secs(20);

/// Field numbers as in etcd's `rpc.proto`.
#[derive(Clone, PartialEq, prost::Message)]
struct PutRequest {
    #[prost(bytes = "vec", tag = "1")]
    key: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// Nothing of it matters here.
#[derive(Clone, Copy, PartialEq, prost::Message)]
struct PutResponse {}

/// Ended when it is dropped.
struct Etcd {
    process: Child,
    address: String,
}

impl Drop for Etcd {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

impl Etcd {
    fn start(directory: &Path) -> Result<Etcd> {
        let [client, peer] = [free_address()?, free_address()?];
        let process = Command::new(program()?)
            .arg("--data-dir")
            .arg(directory)
            .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
            .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
            .args(["--initial-cluster", &format!("default={peer}"), "--log-level", "error"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("etcd cannot be started")?;
        Ok(Etcd { process, address: client })
    }

    async fn connect(&self) -> Result<Grpc<Channel>> {
        let began = Instant::now();
        loop {
            let mut client = Grpc::new(Endpoint::new(self.address.clone())?.connect_lazy());
            match put(&mut client, "ready".to_owned()).await {
                Ok(()) => return Ok(client),
                Err(error) => ensure!(began.elapsed() < START_LIMIT, "etcd does not answer: {error:#}"),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// Where `tools/packages bench` puts it, else the one that is installed.
fn program() -> Result<PathBuf> {
    let unpacked = workspace()?.join("target/peers/usr/bin/etcd");
    Ok(if unpacked.exists() { unpacked } else { "etcd".into() })
}

fn free_address() -> Result<String> {
    Ok(format!("http://{}", TcpListener::bind("127.0.0.1:0")?.local_addr()?))
}

pub(crate) async fn writes_per_second(directory: &Path, writers: usize) -> Result<u64> {
    let etcd = Etcd::start(directory)?;
    let client = etcd.connect().await?;
    let mut tasks = JoinSet::new();
    let began = Instant::now();
    for writer in 0..writers {
        tasks.spawn(write(client.clone(), writer, began));
    }
    let mut writes = 0;
    while let Some(written) = tasks.join_next().await {
        writes += written??;
    }
    drop(etcd);
    std::fs::remove_dir_all(directory)?;
    Ok(per_second(writes))
}

async fn write(mut client: Grpc<Channel>, writer: usize, began: Instant) -> Result<u64> {
    let mut writes = 0;
    while began.elapsed() < SPAN {
        put(&mut client, format!("/registry/pods/default/{writer}-{writes}")).await?;
        writes += 1;
    }
    Ok(writes)
}

async fn put(client: &mut Grpc<Channel>, key: String) -> Result<()> {
    client.ready().await?;
    let request = PutRequest { key: key.into_bytes(), value: vec![7; VALUE_BYTES] };
    let codec: ProstCodec<PutRequest, PutResponse> = ProstCodec::default();
    let method = PathAndQuery::from_static("/etcdserverpb.KV/Put");
    client.unary(tonic::Request::new(request), method, codec).await?;
    Ok(())
}
