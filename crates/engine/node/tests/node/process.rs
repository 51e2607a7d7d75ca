//! A node in a process of its own, so that it can be killed: it reaches the API of the test over HTTP.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;

use anyhow::Context as _;
use bythos_node::part;
use bythos_operator::kubelet::NodePort;
use bythos_operator::{Caches, Health, PartContext, PlatformInfo};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::rt::{TokioExecutor, TokioIo};
use kube::client::Body;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::host::{Host, node_config};

/// Set for a process that is a node, to the folder, the id and the address of the API, with blanks between them.
const NODE_PROCESS: &str = "BYTHOS_TEST_NODE_PROCESS";

/// A node that ends by force when it is dropped.
pub(crate) struct NodeProcess(Child);

impl Drop for NodeProcess {
    fn drop(&mut self) {
        // `Child::kill` is SIGKILL.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Runs nodes as processes. The process is this test again, which must call [`be_node`] before anything else.
pub(crate) struct NodeProcesses {
    test: &'static str,
    arguments: String,
}

impl NodeProcesses {
    /// Serves the API to nodes that are to come.
    pub(crate) async fn new(host: &Host, test: &'static str) -> anyhow::Result<Self> {
        let client = host.engine.client_of(&part(host.config.clone(), NodePort::default())).await?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        tokio::spawn(serve(listener, client));
        let arguments = format!("{} {} {address}", host.folder().display(), host.config.id);
        Ok(NodeProcesses { test, arguments })
    }

    pub(crate) fn start(&self) -> anyhow::Result<NodeProcess> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["--exact", self.test, "--nocapture"]).env(NODE_PROCESS, &self.arguments);
        Ok(NodeProcess(command.spawn().context("a process of the node")?))
    }
}

async fn serve(listener: TcpListener, client: kube::Client) {
    while let Ok((stream, _)) = listener.accept().await {
        let client = client.clone();
        let forward = hyper::service::service_fn(move |request: http::Request<Incoming>| {
            let client = client.clone();
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await?.to_bytes().to_vec();
                let request = http::Request::from_parts(head, Body::from(body));
                Ok::<_, hyper::Error>(client.send(request).await.expect("the API in process answers"))
            }
        });
        tokio::spawn(async move {
            let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
            // A node that was killed leaves its connections in whatever state.
            drop(server.serve_connection(TokioIo::new(stream), forward).await);
        });
    }
}

/// In the process of a node: runs it until the process is killed. Otherwise nothing.
pub(crate) fn be_node() {
    let Ok(arguments) = std::env::var(NODE_PROCESS) else { return };
    let mut arguments = arguments.split(' ');
    let mut next = || arguments.next().expect("three arguments");
    let (folder, id, address) = (PathBuf::from(next()), next().to_owned(), next().to_owned());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let ended = runtime.block_on(run(&folder, &id, &address));
    panic!("the node ended: {ended:?}");
}

async fn run(folder: &Path, id: &str, address: &str) -> Result<(), bythos_operator::BoxError> {
    let http = HttpClient::builder(TokioExecutor::new()).build_http::<Body>();
    let authority = address.to_owned();
    let to_test = tower::service_fn(move |mut request: http::Request<Body>| {
        let path = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
        *request.uri_mut() = format!("http://{authority}{path}").parse().expect("a URI");
        let answer = http.request(request);
        async move { answer.await.map(|answer| answer.map(BodyExt::boxed)) }
    });
    let client = kube::Client::new(to_test, "default");
    let shutdown = CancellationToken::new();
    let context = PartContext {
        client: client.clone(),
        caches: Caches::new(client.clone(), shutdown.clone()).for_part(client),
        health: Health::new().0,
        shutdown,
        data: folder.to_owned(),
        platform: Arc::new(PlatformInfo {
            domain: "bythos.localhost".to_owned(),
            authority_pem: String::new(),
        }),
        listeners: Arc::default(),
    };
    (part(node_config(folder, id), NodePort::default()).run)(context).await
}
