//! One HTTP request of a probe, with the redirects that stay on its host. Certificates are not verified, as the
//! kubelet's probes do not.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, StatusCode, Uri, header};
use http_body_util::Empty;
use hyper_util::rt::TokioIo;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::{Position, Url};

use super::spec::HttpCheck;

const REQUESTS_MAX: usize = 10;
pub(super) const USER_AGENT: &str = "kube-probe/1.37";

/// The request got no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    #[error("failed to connect")]
    Connect(#[source] std::io::Error),
    #[error("failed to begin TLS")]
    Tls(#[source] rustls::Error),
    #[error("{host:?} is not the name of a server")]
    ServerName { host: String },
    #[error("the request is not valid")]
    Request(#[source] http::Error),
    #[error("got no answer")]
    Answer(#[source] hyper::Error),
    #[error("stopped after {REQUESTS_MAX} redirects")]
    TooManyRedirects,
}

/// Asks `host` and returns the status of its answer; the body is not read. A redirect to another host is an answer.
pub(crate) async fn ask(check: &HttpCheck, host: &str) -> Result<StatusCode, HttpError> {
    let mut next = check.clone();
    for _ in 0..REQUESTS_MAX {
        let (status, location) = ask_once(&next, host).await?;
        match location.filter(|_| is_redirect(status)).and_then(|location| next.redirected(host, &location)) {
            Some(redirected) => next = redirected,
            None => return Ok(status),
        }
    }
    Err(HttpError::TooManyRedirects)
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

impl HttpCheck {
    /// The request that `location` asks for; `None` if it leads to another host than `host`, or nowhere.
    fn redirected(&self, host: &str, location: &str) -> Option<HttpCheck> {
        let before = Url::parse(&self.url(host)).ok()?;
        let after = before.join(location).ok()?;
        let is_followed = after.host() == before.host() && matches!(after.scheme(), "http" | "https");
        is_followed.then(|| HttpCheck {
            port: after.port_or_known_default().unwrap_or(self.port),
            path: after[Position::BeforePath..Position::AfterQuery].to_owned(),
            is_https: after.scheme() == "https",
            ..self.clone()
        })
    }

    /// Where it leads, for `host`.
    pub(super) fn url(&self, host: &str) -> String {
        let scheme = if self.is_https { "https" } else { "http" };
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        format!("{scheme}://{host}:{}{}", self.port, self.path)
    }
}

type Answer = (StatusCode, Option<String>);

/// Status of the answer, and where else it says to ask.
async fn ask_once(check: &HttpCheck, host: &str) -> Result<Answer, HttpError> {
    let stream = TcpStream::connect((host, check.port)).await.map_err(HttpError::Connect)?;
    if !check.is_https {
        return exchange(check, host, stream).await;
    }
    let name =
        ServerName::try_from(host.to_owned()).map_err(|_| HttpError::ServerName { host: host.to_owned() })?;
    let connector = TlsConnector::from(Arc::new(unverified().map_err(HttpError::Tls)?));
    let stream = connector.connect(name, stream).await.map_err(HttpError::Connect)?;
    exchange(check, host, stream).await
}

async fn exchange<S>(check: &HttpCheck, host: &str, stream: S) -> Result<Answer, HttpError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(HttpError::Answer)?;
    let request = request(check, host)?;
    let answer = async { sender.send_request(request).await.map_err(HttpError::Answer) };
    tokio::pin!(answer);
    tokio::select! {
        answer = &mut answer => answer.map(|response| status_and_location(&response)),
        ended = connection => {
            ended.map_err(HttpError::Answer)?;
            answer.await.map(|response| status_and_location(&response))
        }
    }
}

fn status_and_location<B>(response: &http::Response<B>) -> Answer {
    let location = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
    (response.status(), location.map(str::to_owned))
}

fn request(check: &HttpCheck, host: &str) -> Result<Request<Empty<Bytes>>, HttpError> {
    let uri = Uri::try_from(check.path.as_str()).map_err(|error| HttpError::Request(error.into()))?;
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let mut request = Request::get(uri).header(header::CONNECTION, "close");
    let has = |name: &str| check.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
    if !has("host") {
        request = request.header(header::HOST, format!("{host}:{}", check.port));
    }
    if !has("user-agent") {
        request = request.header(header::USER_AGENT, USER_AGENT);
    }
    if !has("accept") {
        request = request.header(header::ACCEPT, "*/*");
    }
    for (name, value) in &check.headers {
        request = request.header(name, value);
    }
    request.body(Empty::new()).map_err(HttpError::Request)
}

pub(super) fn unverified() -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = Arc::new(AnyCertificate { algorithms: provider.signature_verification_algorithms });
    Ok(ClientConfig::builder_with_provider(provider as Arc<CryptoProvider>)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth())
}

/// Takes any certificate, but demands that the server holds its key.
#[derive(Debug)]
struct AnyCertificate {
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
