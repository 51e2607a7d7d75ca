//! A small server behind the proxy. `/echo` says back what it hears, `/switch` becomes an echo of bytes, everything
//! else tells what the server saw.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;

use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::page::full;
use crate::proxy::ProxyBody;

pub(crate) struct Backend {
    pub(crate) address: SocketAddr,
    _guard: Option<DropGuard>,
}

impl Backend {
    /// Only an address, at which nobody may be.
    pub(crate) fn at(address: SocketAddr) -> Self {
        Backend { address, _guard: None }
    }

    /// The first connection is closed at its first request, the second one answers and closes, and so on.
    pub(crate) async fn that_breaks_every_second_connection() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let guard = stop.clone().drop_guard();
        let serve = async move {
            for answer in
                ["", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"].iter().cycle()
            {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = [0; 1024];
                assert!(stream.read(&mut request).await.unwrap() > 0);
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        };
        tokio::spawn(async move { stop.run_until_cancelled(serve).await });
        Backend { address, _guard: Some(guard) }
    }

    pub(crate) async fn start(name: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let guard = stop.clone().drop_guard();
        tokio::spawn(async move { stop.run_until_cancelled(accept(listener, name)).await });
        Backend { address, _guard: Some(guard) }
    }
}

async fn accept(listener: TcpListener, name: &'static str) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let service = service_fn(move |request| async move { Ok::<_, Infallible>(answer(name, request)) });
        let connection =
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::spawn(connection.with_upgrades());
    }
}

fn answer(name: &str, mut request: Request<Incoming>) -> Response<ProxyBody> {
    match request.uri().path() {
        "/echo" => Response::new(request.into_body().map_err(Into::into).boxed_unsync()),
        "/switch" => {
            let upgrade = hyper::upgrade::on(&mut request);
            tokio::spawn(async move {
                let mut tunnel = TokioIo::new(upgrade.await.unwrap());
                let mut heard = [0; 4];
                while tunnel.read_exact(&mut heard).await.is_ok() {
                    tunnel.write_all(&heard).await.unwrap();
                }
            });
            let mut response = Response::new(full(""));
            *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
            response.headers_mut().insert("connection", HeaderValue::from_static("upgrade"));
            response.headers_mut().insert("upgrade", request.headers()["upgrade"].clone());
            response
        }
        _ => {
            let headers: BTreeMap<_, _> = request
                .headers()
                .iter()
                .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
                .collect();
            let seen = json!({ "name": name, "target": request.uri().to_string(), "headers": headers });
            let mut response = Response::new(full(seen.to_string()));
            response.headers_mut().insert("connection", HeaderValue::from_static("x-hop"));
            response.headers_mut().insert("x-hop", HeaderValue::from_static("1"));
            response
        }
    }
}
