//! The door: connections in, TLS, limits, who may come in, answers out.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use bythos_operator::{Listener, error_chain};
use http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

use crate::access::{Access, People};
use crate::backend::{AnswerBody, Backends};
use crate::route::route;

const CONNECTIONS_MAX: usize = 256;
const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(10);
const HEADER_TIME_MAX: Duration = Duration::from_secs(30);
/// How long requests under way may go on once the part has to stop.
const GRACE: Duration = Duration::from_secs(5);
/// How long to wait after the system refused a connection, for example for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Decides about each request.
#[derive(Clone)]
pub(crate) struct Door {
    people: People,
    backends: Backends,
}

impl Door {
    pub(crate) fn new(people: People, backends: Backends) -> Self {
        Door { people, backends }
    }

    /// Answers one request. Who is a stranger does not learn what is there.
    async fn answer(self, request: Request<Incoming>) -> Result<Response<AnswerBody>, Infallible> {
        let Some(access) = self.people.access(request.headers()).await else { return Ok(unauthorized()) };
        let route = match route(request.method(), request.uri()) {
            Some(route) if self.backends.has(&route.repository) => route,
            _ => return Ok(plain(StatusCode::NOT_FOUND, "There is no such repository.\n")),
        };
        if route.writes && access < Access::Write {
            return Ok(plain(StatusCode::FORBIDDEN, "This token may read, and not push.\n"));
        }
        let answer = self.backends.answer(route.clone(), request).await;
        Ok(answer.unwrap_or_else(|failure| {
            let status = failure.status();
            error!(?route, error = %error_chain(&failure), "a Git request failed");
            let text = if status.is_server_error() && status != StatusCode::SERVICE_UNAVAILABLE {
                "Git could not carry this out; the log of Bythos says why.\n".to_owned()
            } else {
                format!("Git hosting: {failure}.\n")
            };
            plain(status, text)
        }))
    }
}

fn unauthorized() -> Response<AnswerBody> {
    let mut response = plain(
        StatusCode::UNAUTHORIZED,
        "This is the Git hosting of Bythos; it needs a user and their token, such as \"owner\" and the owner's token.\n",
    );
    let challenge = HeaderValue::from_static("Basic realm=\"Bythos\", charset=\"UTF-8\"");
    response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    response
}

fn plain(status: StatusCode, text: impl Into<Bytes>) -> Response<AnswerBody> {
    let body = Full::new(text.into()).map_err(io::Error::other).boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// Serves until `shutdown`, then lets requests under way go on for a moment.
pub(crate) async fn serve(listener: Listener, door: Door, shutdown: CancellationToken) {
    let tls = listener.tls.map(TlsAcceptor::from);
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            accepted = accept(&listener.socket, &permits) => accepted,
        };
        match accepted {
            Ok((stream, permit)) => {
                let (tls, door, shutdown) = (tls.clone(), door.clone(), shutdown.clone());
                connections.spawn(async move {
                    connection(stream, tls, door, shutdown).await;
                    drop(permit);
                });
            }
            Err(error) => {
                warn!(%error, "failed to accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    let rest = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(GRACE, rest).await.is_err() {
        warn!("requests under way are ended");
    }
}

async fn accept(
    socket: &tokio::net::TcpListener,
    permits: &Arc<Semaphore>,
) -> io::Result<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let permit = permits.clone().acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = socket.accept().await?;
    Ok((stream, permit))
}

async fn connection(stream: TcpStream, tls: Option<TlsAcceptor>, door: Door, shutdown: CancellationToken) {
    let Some(tls) = tls else { return requests(stream, door, shutdown).await };
    match tokio::time::timeout(HANDSHAKE_TIME_MAX, tls.accept(stream)).await {
        Ok(Ok(stream)) => requests(stream, door, shutdown).await,
        Ok(Err(error)) => debug!(%error, "a TLS handshake failed"),
        Err(_) => debug!("a TLS handshake took too long"),
    }
}

async fn requests<S>(stream: S, door: Door, shutdown: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIME_MAX);
    builder.http2().timer(TokioTimer::new()).max_concurrent_streams(32);
    let service = service_fn(move |request| door.clone().answer(request));
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!(%error, "a connection ended early");
    }
}
