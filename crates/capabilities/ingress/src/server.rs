//! Connections: accepting them, TLS by name, and an orderly end.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use rustls::ServerConfig;
use rustls::server::Acceptor;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::certificates::CurrentCertificates;
use crate::proxy::{ClientConnection, Entrance, Proxy};

const CONNECTIONS_MAX: usize = 8192;
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
const REQUEST_HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long requests under way may take to end when the part stops.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// After this the system's lack of files may have passed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
const STREAMS_PER_CONNECTION_MAX: u32 = 256;
const PING_INTERVAL: Duration = Duration::from_secs(30);
/// A TLS record with the fatal alert `unrecognized_name` (RFC 6066, section 3), as it is sent before any key is
/// agreed upon. rustls itself would say `access_denied`.
const UNRECOGNIZED_NAME: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];

/// Serves the listeners of one part. Clones share everything.
#[derive(Clone)]
pub(crate) struct Server {
    proxy: Proxy,
    certificates: CurrentCertificates,
    tls: Arc<ServerConfig>,
    http: Builder<TokioExecutor>,
    open: Arc<Semaphore>,
    unknown_names: Arc<UnknownNames>,
}

impl Server {
    /// # Errors
    /// The cryptography of this build offers no protocol version.
    pub(crate) fn new(proxy: Proxy, certificates: CurrentCertificates) -> Result<Self, rustls::Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(certificates.clone()));
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let mut http = Builder::new(TokioExecutor::new());
        http.http1().timer(TokioTimer::new()).header_read_timeout(REQUEST_HEADER_TIMEOUT);
        http.http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(PING_INTERVAL)
            .max_concurrent_streams(STREAMS_PER_CONNECTION_MAX);
        Ok(Server {
            proxy,
            certificates,
            tls: Arc::new(tls),
            http,
            open: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
            unknown_names: Arc::default(),
        })
    }

    /// Accepts until `shutdown`, then lets requests under way end.
    pub(crate) async fn serve(self, listener: TcpListener, entrance: Entrance, shutdown: CancellationToken) {
        let graceful = GracefulShutdown::new();
        let port = listener.local_addr().map_or(0, |address| address.port());
        while let Some(accepted) = shutdown.run_until_cancelled(self.accept(&listener)).await {
            let Some((stream, address, place)) = accepted else { continue };
            let (server, watcher) = (self.clone(), graceful.watcher());
            let client = ClientConnection { address: address.ip(), entrance, port };
            tokio::spawn(async move {
                server.welcome(stream, client, watcher).await;
                drop(place);
            });
        }
        if timeout(DRAIN_TIMEOUT, graceful.shutdown()).await.is_err() {
            info!("some requests were still under way and are cut off");
        }
    }

    /// The next connection, once there is a place for it.
    async fn accept(
        &self,
        listener: &TcpListener,
    ) -> Option<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
        let place = self.open.clone().acquire_owned().await.ok()?;
        match listener.accept().await {
            Ok((stream, address)) => Some((stream, address, place)),
            Err(error) => {
                warn!(%error, "failed to accept a connection");
                sleep(ACCEPT_PAUSE).await;
                None
            }
        }
    }

    async fn welcome(&self, stream: TcpStream, client: ClientConnection, watcher: Watcher) {
        if let Err(error) = stream.set_nodelay(true) {
            debug!(%error, "the client is gone already");
            return;
        }
        match client.entrance {
            Entrance::Http => self.converse(stream, client, watcher).await,
            Entrance::Https => match timeout(HANDSHAKE_TIMEOUT, self.begin_tls(stream)).await {
                Ok(Ok(Some(stream))) => self.converse(stream, client, watcher).await,
                Ok(Ok(None)) => {}
                Ok(Err(error)) => debug!(client = %client.address, %error, "a TLS handshake failed"),
                Err(_) => debug!(client = %client.address, "a TLS handshake took too long"),
            },
        }
    }

    /// TLS with the certificate for the name that the client asks for; `None` if there is none, which it was told.
    async fn begin_tls(&self, stream: TcpStream) -> io::Result<Option<TlsStream<TcpStream>>> {
        let mut start = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
        let name = start.client_hello().server_name().map(str::to_owned);
        if name.as_deref().is_some_and(|name| self.certificates.know(name)) {
            return start.into_stream(self.tls.clone()).await.map(Some);
        }
        self.unknown_names.note(name.as_deref());
        start.io.write_all(&UNRECOGNIZED_NAME).await?;
        start.io.shutdown().await?;
        Ok(None)
    }

    async fn converse<S>(&self, stream: S, client: ClientConnection, watcher: Watcher)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service = service_fn(|request| {
            let proxy = self.proxy.clone();
            async move { Ok::<_, Infallible>(proxy.serve(client, request).await) }
        });
        let connection = self.http.serve_connection_with_upgrades(TokioIo::new(stream), service);
        if let Err(error) = watcher.watch(connection).await {
            debug!(client = %client.address, error, "a connection broke off");
        }
    }
}

/// Names without a certificate, said in the log at most once in a while: anyone may ask for any name.
#[derive(Default)]
struct UnknownNames(Mutex<Said>);

#[derive(Default)]
struct Said {
    last: Option<Instant>,
    unsaid: u64,
}

impl UnknownNames {
    const PAUSE: Duration = Duration::from_secs(10);

    fn note(&self, name: Option<&str>) {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if said.last.is_some_and(|last| last.elapsed() < Self::PAUSE) {
            said.unsaid += 1;
            return;
        }
        said.last = Some(Instant::now());
        let others = std::mem::take(&mut said.unsaid);
        drop(said);
        let name = name.unwrap_or("(none)");
        info!(name, others, "refused a TLS connection: no Ingress has a certificate for this name");
    }
}
