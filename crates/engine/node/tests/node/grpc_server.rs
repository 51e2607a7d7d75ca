//! A server inside a container that answers gRPC's health protocol: this test's program again, with the libraries of
//! the host.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::path::Path;

use bytes::Bytes;
use futures::stream::Iter;
use http_body_util::StreamBody;
use hyper::body::{Frame, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::pods::container;

/// Set for a process that is the server.
const SERVER_PROCESS: &str = "BYTHOS_TEST_GRPC_SERVER";
pub(crate) const PORT: u16 = 50051;
/// From when on this file is there, the server does not serve any more.
pub(crate) const DOWN: &str = "/down";

/// In the process of a server: serves until it is ended. Otherwise nothing.
pub(crate) fn be_server() {
    if std::env::var_os(SERVER_PROCESS).is_none() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(serve()).expect("the server serves");
}

async fn serve() -> anyhow::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let service = hyper::service::service_fn(|request: http::Request<Incoming>| async move {
            Ok::<_, Infallible>(answer(request.uri().path()))
        });
        tokio::spawn(async move {
            let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
            // A probe that has its answer goes away.
            drop(server.serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

type Frames = Iter<std::vec::IntoIter<Result<Frame<Bytes>, Infallible>>>;

/// A `HealthCheckResponse` in gRPC's framing, and the status of the call after it.
fn answer(path: &str) -> http::Response<StreamBody<Frames>> {
    const UNIMPLEMENTED: &str = "12";
    let mut trailers = http::HeaderMap::new();
    let mut frames = Vec::new();
    if path == "/grpc.health.v1.Health/Check" {
        let serving_status = if Path::new(DOWN).exists() { 2 } else { 1 };
        frames.push(Ok(Frame::data(Bytes::from(vec![0, 0, 0, 0, 2, 8, serving_status]))));
        trailers.insert("grpc-status", http::HeaderValue::from_static("0"));
    } else {
        trailers.insert("grpc-status", http::HeaderValue::from_static(UNIMPLEMENTED));
    }
    frames.push(Ok(Frame::trailers(trailers)));
    let mut response = http::Response::new(StreamBody::new(futures::stream::iter(frames)));
    let grpc = http::HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(http::header::CONTENT_TYPE, grpc);
    response
}

/// A pod whose container `main` does `before` and then is the server. `test` is the full name of a test that begins
/// with [`be_server`].
pub(crate) fn pod_of_server(test: &str, before: &str) -> anyhow::Result<Value> {
    let mut server = container("main", &format!("{before} exec /server --exact {test} --nocapture"));
    server["env"] = json!([{"name": SERVER_PROCESS, "value": "yes"}]);
    let program = std::env::current_exe()?.display().to_string();
    let host_paths = [
        ("server", &*program, "/server"),
        ("usr", "/usr", "/usr"),
        ("lib", "/lib", "/lib"),
        ("lib64", "/lib64", "/lib64"),
    ];
    let mounts = host_paths.map(|(name, _, at)| json!({"name": name, "mountPath": at, "readOnly": true}));
    let volumes = host_paths.map(|(name, path, _)| json!({"name": name, "hostPath": {"path": path}}));
    server["volumeMounts"] = json!(mounts);
    Ok(json!({"containers": [server], "volumes": volumes, "terminationGracePeriodSeconds": 1}))
}
