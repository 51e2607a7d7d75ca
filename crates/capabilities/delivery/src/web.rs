//! Files of other machines over HTTP: bounded in time and bytes, with credentials that stay where they belong.
//!
//! Every request has a connection of its own: sources ask seldom, and each in its own way. As with git, nothing of the
//! environment of Bythos takes part; there are no proxies.

mod address;
mod connect;
mod tls;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use bythos_helm::repository::same_host;
use bythos_operator::names::NameError;
use http::header::{ACCEPT, AUTHORIZATION, HOST, LOCATION, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use kube::Client;
use tokio_util::task::AbortOnDropHandle;

pub(crate) use address::{Address, join};
pub(crate) use tls::{Certificates, TlsError};

/// How often a file may say that it is elsewhere.
const REDIRECTS_MAX: usize = 10;
const AGENT: &str = concat!("bythos/", env!("CARGO_PKG_VERSION"));

/// A file that did not come.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WebError {
    #[error("invalid address {url:?}: {message}")]
    Address { url: String, message: &'static str },
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("failed to find the host {host:?}")]
    Find {
        host: String,
        #[source]
        source: NameError,
    },
    #[error("failed to connect to {host}")]
    Connect {
        host: String,
        #[source]
        source: std::io::Error,
    },
    #[error("failed to agree on tls with {host}")]
    Handshake {
        host: String,
        #[source]
        source: std::io::Error,
    },
    #[error("failed to talk to {host}")]
    Talk {
        host: String,
        #[source]
        source: hyper::Error,
    },
    #[error("failed to fetch {url} : {status}")]
    Status { url: String, status: StatusCode },
    #[error("{url} has more than {bytes_max} bytes")]
    TooLarge { url: String, bytes_max: usize },
    #[error("{url} was not there after {}s", .timeout.as_secs_f64())]
    TimedOut { url: String, timeout: Duration },
    #[error("{url} points on to others more than {REDIRECTS_MAX} times")]
    Redirects { url: String },
}

impl WebError {
    /// Whether it is about who we are, or who they are.
    pub(crate) fn is_about_access(&self) -> bool {
        matches!(
            self,
            WebError::Status { status: StatusCode::UNAUTHORIZED, .. }
                | WebError::Handshake { .. }
                | WebError::Tls(_)
        )
    }
}

/// How to reach others.
#[derive(Clone)]
pub(crate) struct Web {
    tls: Arc<rustls::ClientConfig>,
    /// How long one file may take, from the first to the last byte.
    timeout: Duration,
    /// Knows the names of the cluster, which the host's resolver does not.
    names: Option<Client>,
    /// Whether nothing goes without TLS.
    is_only_secure: bool,
}

/// A file, and what may be told to have it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'w> {
    pub(crate) url: &'w str,
    pub(crate) accept: Option<&'static str>,
    pub(crate) authorization: Option<&'w HeaderValue>,
    /// Whether the authorization goes along to other hosts.
    pub(crate) passes_on: bool,
    pub(crate) bytes_max: usize,
}

/// What came, be it a refusal.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Web {
    /// # Errors
    /// The certificates are none.
    pub(crate) fn new(
        certificates: &Certificates,
        timeout: Duration,
        names: Option<Client>,
    ) -> Result<Web, WebError> {
        Ok(Web { tls: Arc::new(certificates.config()?), timeout, names, is_only_secure: false })
    }

    /// The same, but not without TLS, wherever an answer points on to.
    pub(crate) fn only_secure(self) -> Web {
        Web { is_only_secure: true, ..self }
    }

    /// The file, if it is there.
    pub(crate) async fn fetch(&self, wanted: Wanted<'_>) -> Result<Vec<u8>, WebError> {
        let answer = self.ask(wanted).await?;
        if answer.status.is_success() {
            return Ok(answer.body);
        }
        Err(WebError::Status { url: shown(wanted.url), status: answer.status })
    }

    /// The answer, whatever it is. Where the file is elsewhere, that of the other place.
    pub(crate) async fn ask(&self, wanted: Wanted<'_>) -> Result<Answer, WebError> {
        let asked = tokio::time::timeout(self.timeout, self.follow(wanted)).await;
        asked.unwrap_or_else(|_| Err(WebError::TimedOut { url: shown(wanted.url), timeout: self.timeout }))
    }

    async fn follow(&self, wanted: Wanted<'_>) -> Result<Answer, WebError> {
        let mut url = wanted.url.to_owned();
        for _ in 0..=REDIRECTS_MAX {
            let may_know = wanted.passes_on || same_host(wanted.url, &url);
            let authorization = wanted.authorization.filter(|_| may_know);
            let answer = self.once(Wanted { url: &url, authorization, ..wanted }).await?;
            let location = answer.headers.get(LOCATION).filter(|_| answer.status.is_redirection());
            match location.and_then(|location| location.to_str().ok()) {
                Some(location) => url = join(&url, location)?,
                None => return Ok(answer),
            }
        }
        Err(WebError::Redirects { url: shown(wanted.url) })
    }

    async fn once(&self, wanted: Wanted<'_>) -> Result<Answer, WebError> {
        let address = Address::parse(wanted.url)?;
        if self.is_only_secure && !address.is_secure {
            let message = "only https:// is followed here";
            return Err(WebError::Address { url: shown(wanted.url), message });
        }
        let stream = connect::connect(&address, &self.tls, self.names.as_ref()).await?;
        let talk = |source| WebError::Talk { host: address.authority.clone(), source };
        let (mut sender, connection) =
            http1::handshake::<_, Empty<Bytes>>(TokioIo::new(stream)).await.map_err(talk)?;
        let _at_work = AbortOnDropHandle::new(tokio::spawn(connection));
        let response = sender.send_request(request(&address, wanted)?).await.map_err(talk)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let too_large = || WebError::TooLarge { url: shown(wanted.url), bytes_max: wanted.bytes_max };
        let body = body(response, wanted.bytes_max).await.map_err(talk)?.ok_or_else(too_large)?;
        Ok(Answer { status, headers, body })
    }
}

fn request(address: &Address, wanted: Wanted<'_>) -> Result<Request<Empty<Bytes>>, WebError> {
    let mut request = Request::get(&address.target)
        .header(HOST, &address.authority)
        .header(USER_AGENT, AGENT)
        .header(ACCEPT, wanted.accept.unwrap_or("*/*"));
    if let Some(authorization) = wanted.authorization {
        request = request.header(AUTHORIZATION, authorization);
    }
    let wrong = |_| WebError::Address { url: shown(wanted.url), message: "expected a path" };
    request.body(Empty::new()).map_err(wrong)
}

/// Nothing, if it is too large.
async fn body(mut response: Response<Incoming>, bytes_max: usize) -> Result<Option<Vec<u8>>, hyper::Error> {
    let announced = response.body().size_hint().lower();
    if usize::try_from(announced).map_or(true, |announced| announced > bytes_max) {
        return Ok(None);
    }
    let mut body = Vec::new();
    while let Some(frame) = response.body_mut().frame().await {
        let Ok(piece) = frame?.into_data() else { continue };
        if body.len() + piece.len() > bytes_max {
            return Ok(None);
        }
        body.extend_from_slice(&piece);
    }
    Ok(Some(body))
}

/// An address as it may be shown: what follows `?` may be a secret.
pub(crate) fn shown(url: &str) -> String {
    url.split('?').next().unwrap_or(url).to_owned()
}
