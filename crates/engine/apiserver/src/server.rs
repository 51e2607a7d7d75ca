//! The door for everyone else: TLS, HTTP/1.1 and HTTP/2, client certificates, limits, a graceful end.

mod limits;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bythos_access::{User, user_of_certificate};
use http::{Method, Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

use crate::authenticate;
use crate::body::{Body, without_body};
use crate::call::Caller;
use crate::request::is_long_running;
use crate::service::answer;
use crate::state::State;
use crate::status::Failure;
use limits::InFlight;

const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long requests under way may take to finish when the server ends.
const GRACE: Duration = Duration::from_secs(5);
const STREAMS_PER_CONNECTION_MAX: u32 = 1000;

/// What a connection's client proved about itself.
#[derive(Clone)]
enum Identity {
    /// It showed a certificate of the engine's authority.
    User(User),
    /// It showed nothing.
    Unknown,
    /// It showed a certificate that names nobody.
    Nobody,
}

/// One open door.
struct Door {
    state: Arc<State>,
    acceptor: TlsAcceptor,
    in_flight: InFlight,
    ending: CancellationToken,
}

/// Answers on `socket` until `shutdown`, then lets requests under way finish for a moment.
pub(crate) async fn serve(
    state: Arc<State>,
    socket: TcpListener,
    tls: Arc<rustls::ServerConfig>,
    shutdown: CancellationToken,
) {
    let door = Arc::new(Door {
        state,
        acceptor: TlsAcceptor::from(tls),
        in_flight: InFlight::new(),
        ending: shutdown.clone(),
    });
    let tasks = tokio_util::task::TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = socket.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                tasks.spawn(connection(door.clone(), stream, peer));
            }
            Err(error) => {
                // Out of file descriptors, most likely: a connection that ends frees one.
                tracing::warn!(%error, "failed to accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    tasks.close();
    if tokio::time::timeout(GRACE, tasks.wait()).await.is_err() {
        tracing::warn!("some requests did not finish in time");
    }
}

async fn connection(door: Arc<Door>, stream: TcpStream, peer: SocketAddr) {
    // A watch's events are small and must not wait for more.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %error, "failed to set TCP_NODELAY");
    }
    let tls = match tokio::time::timeout(HANDSHAKE_TIMEOUT, door.acceptor.accept(stream)).await {
        Ok(Ok(tls)) => tls,
        Ok(Err(error)) => return tracing::debug!(%peer, %error, "TLS handshake failed"),
        Err(_) => return tracing::debug!(%peer, "TLS handshake took too long"),
    };
    let identity = identity(&tls, peer);
    let ending = door.ending.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let (door, identity) = (door.clone(), identity.clone());
        async move {
            let is_head = request.method() == Method::HEAD;
            let answer = door.answer(identity, request).await;
            Ok::<_, Infallible>(if is_head { without_body(answer) } else { answer })
        }
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_PER_CONNECTION_MAX)
        .keep_alive_interval(Some(Duration::from_secs(30)));
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(tls), service);
    let mut connection = std::pin::pin!(connection);
    let outcome = tokio::select! {
        outcome = connection.as_mut() => outcome,
        () = ending.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(%peer, %error, "a connection ended with an error");
    }
}

fn identity(tls: &TlsStream<TcpStream>, peer: SocketAddr) -> Identity {
    let (_, session) = tls.get_ref();
    let Some(certificate) = session.peer_certificates().and_then(<[_]>::first) else {
        return Identity::Unknown;
    };
    match user_of_certificate(certificate) {
        Ok(user) => Identity::User(user),
        Err(error) => {
            tracing::warn!(%peer, %error, "a client certificate is not accepted");
            Identity::Nobody
        }
    }
}

impl Door {
    async fn answer(&self, identity: Identity, mut request: Request<Incoming>) -> Response<Body> {
        let of_certificate = match identity {
            Identity::User(user) => Some(user),
            Identity::Unknown => None,
            Identity::Nobody => return Failure::Unauthorized.response(),
        };
        let user = match authenticate::user(&self.state, of_certificate, request.headers_mut()) {
            Ok(user) => user,
            Err(failure) => return failure.response(),
        };
        let caller = Caller { user, ending: self.ending.clone() };
        if is_long_running(request.method(), request.uri()) {
            return answer(self.state.clone(), caller, request).await;
        }
        self.answer_in_time(caller, request).await.unwrap_or_else(|failure| failure.response())
    }

    async fn answer_in_time(
        &self,
        caller: Caller,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Failure> {
        let _place = self.in_flight.enter(request.method(), &caller.user)?;
        let time = limits::time(request.uri())?;
        let answered = tokio::time::timeout(time, answer(self.state.clone(), caller, request)).await;
        answered.map_err(|_| Failure::Timeout)
    }
}
