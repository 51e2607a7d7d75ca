//! A client of one connection, by which every byte of a test goes.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use bythos_operator::BoxError;
use http::{HeaderName, HeaderValue, Method, Request, Response, Version};
use http_body::{Body, Frame};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;

use crate::page::full;
use crate::proxy::ProxyBody;

/// Where HTTPS is served, and by whom its certificate must be.
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) roots: Arc<RootCertStore>,
}

/// One connection to the proxy.
#[derive(Debug)]
pub(crate) enum Dialog {
    One(http1::SendRequest<ProxyBody>),
    Two(http2::SendRequest<ProxyBody>),
}

impl Dialog {
    pub(crate) async fn plain(address: SocketAddr) -> Self {
        Dialog::one(TcpStream::connect(address).await.unwrap()).await
    }

    /// TLS to the target by this name, with one version offered.
    pub(crate) async fn tls(target: &Target, name: &str, version: Version) -> io::Result<Self> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(target.roots.clone())
            .with_no_client_auth();
        let protocol: &[u8] = if version == Version::HTTP_2 { b"h2" } else { b"http/1.1" };
        config.alpn_protocols = vec![protocol.to_vec()];
        let stream = TcpStream::connect(target.address).await?;
        let server = ServerName::try_from(name.to_owned()).unwrap();
        let stream = TlsConnector::from(Arc::new(config)).connect(server, stream).await?;
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(protocol));
        if version == Version::HTTP_2 { Ok(Dialog::two(stream).await) } else { Ok(Dialog::one(stream).await) }
    }

    async fn one<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S) -> Self {
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection.with_upgrades());
        Dialog::One(sender)
    }

    async fn two<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S) -> Self {
        let (sender, connection) =
            http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Dialog::Two(sender)
    }

    pub(crate) async fn send(&mut self, request: Request<ProxyBody>) -> Response<Incoming> {
        match self {
            Dialog::One(sender) => {
                sender.ready().await.unwrap();
                sender.send_request(request).await.unwrap()
            }
            Dialog::Two(sender) => sender.send_request(request).await.unwrap(),
        }
    }

    pub(crate) async fn post(&mut self, uri: &str, body: ProxyBody) -> Response<Incoming> {
        let mut request = get(uri, &[]);
        *request.method_mut() = Method::POST;
        *request.body_mut() = body;
        self.send(request).await
    }
}

pub(crate) fn get(uri: &str, headers: &[(&'static str, &str)]) -> Request<ProxyBody> {
    let mut request = Request::new(full(Bytes::new()));
    *request.uri_mut() = uri.parse().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }
    request
}

pub(crate) async fn body_of(response: Response<Incoming>) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The next piece of the body, as it came; `None` at the end. HTTP/2 may end with a piece that is empty.
pub(crate) async fn next_chunk(response: &mut Response<Incoming>) -> Option<String> {
    loop {
        let piece = response.body_mut().frame().await?.unwrap().into_data().unwrap();
        if !piece.is_empty() {
            return Some(String::from_utf8(piece.to_vec()).unwrap());
        }
    }
}

/// A body whose pieces are said one after the other; it ends when the speaker is dropped.
pub(crate) fn channel() -> (Speaker, ProxyBody) {
    let (sender, receiver) = mpsc::channel(1);
    (Speaker(sender), Spoken(receiver).boxed_unsync())
}

pub(crate) struct Speaker(mpsc::Sender<Bytes>);

impl Speaker {
    pub(crate) async fn send(&mut self, word: &'static str) {
        self.0.send(Bytes::from_static(word.as_bytes())).await.unwrap();
    }
}

struct Spoken(mpsc::Receiver<Bytes>);

impl Body for Spoken {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.0.poll_recv(context).map(|word| word.map(|word| Ok(Frame::data(word))))
    }
}
