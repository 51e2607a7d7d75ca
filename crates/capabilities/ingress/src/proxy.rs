//! One request: find its route, pass it on, pass the answer back. Bodies stream through; nothing is kept.

mod headers;
mod progress;
mod upgrade;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use bythos_operator::{BoxError, error_chain};
use http::header::{HOST, LOCATION};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, Version, request};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tracing::debug;

use crate::endpoints::{Backend, Endpoints};
use crate::page::{Format, full, page};
use crate::routes::{Routes, normalize_host};

use progress::{Progress, TrackedBody};

/// A body on its way to a client or to an endpoint.
pub(crate) type ProxyBody = UnsyncBoxBody<Bytes, BoxError>;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an endpoint may be silent before its answer begins, counted from the last byte of the request.
const RESPONSE_HEADER_TIMEOUT: Duration = Duration::from_secs(60);
const IDLE_CONNECTION_TIMEOUT: Duration = Duration::from_secs(55);
const IDLE_CONNECTIONS_PER_ENDPOINT_MAX: usize = 64;
/// An authority that issues by HTTP-01 begins on port 80 (RFC 8555, section 8.3), before there is a certificate.
const CHALLENGE_PATH: &str = "/.well-known/acme-challenge/";

/// How a client came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entrance {
    /// Plain HTTP.
    Http,
    /// HTTP within TLS.
    Https,
}

/// A client's connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClientConnection {
    pub(crate) address: IpAddr,
    pub(crate) entrance: Entrance,
    /// The port on which it came in.
    pub(crate) port: u16,
}

/// Passes requests on by the current routes. Clones share everything.
#[derive(Clone)]
pub(crate) struct Proxy {
    routes: Arc<ArcSwap<Routes>>,
    client: Client<HttpConnector, ProxyBody>,
    https_port: u16,
}

/// Why an endpoint gave no answer.
enum NoAnswer {
    /// The connection could not be made: nothing of the request was sent.
    Connect(String),
    /// It was silent for too long.
    Silent,
    /// The connection broke.
    Broken(String),
}

impl Proxy {
    /// `https_port` is the port to which plain requests are sent on.
    pub(crate) fn new(routes: Arc<ArcSwap<Routes>>, https_port: u16) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_CONNECTION_TIMEOUT)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_PER_ENDPOINT_MAX)
            .build(connector);
        Proxy { routes, client, https_port }
    }

    /// Answers one request.
    pub(crate) async fn serve(
        &self,
        client: ClientConnection,
        request: Request<Incoming>,
    ) -> Response<ProxyBody> {
        let is_head = request.method() == Method::HEAD;
        let answer = self.answer(client, request).await;
        // Endpoints know it; a page of our own has a body, which HTTP/2 would send.
        if is_head { answer.map(|_| full(Bytes::new())) } else { answer }
    }

    async fn answer(&self, client: ClientConnection, request: Request<Incoming>) -> Response<ProxyBody> {
        let format = Format::asked_for(request.headers());
        let Some(authority) = authority(&request) else {
            return page(format, StatusCode::BAD_REQUEST, "The request names no host.");
        };
        if request.method() == Method::CONNECT {
            return page(format, StatusCode::METHOD_NOT_ALLOWED, "This is no forward proxy.");
        }
        let host = normalize_host(authority.as_str());
        let path = request.uri().path();
        let routes = self.routes.load_full();
        let Some(route) = routes.find(&host, path) else {
            let what = format!("No Ingress has a route for host {host} and path {path}.");
            return page(format, StatusCode::NOT_FOUND, &what);
        };
        let plain = client.entrance == Entrance::Http && !path.starts_with(CHALLENGE_PATH);
        if plain && route.redirects_to_https && routes.has_tls(&host) {
            return self.redirect_to_https(&host, request.uri());
        }
        match &route.backend {
            Backend::Ready(endpoints) => self.forward(client, &authority, endpoints, request).await,
            Backend::Unavailable(why) => {
                let what = format!("{why} (Ingress {})", route.ingress);
                page(format, StatusCode::SERVICE_UNAVAILABLE, &what)
            }
        }
    }

    fn redirect_to_https(&self, host: &str, uri: &Uri) -> Response<ProxyBody> {
        let path = uri.path_and_query().map_or("/", PathAndQuery::as_str);
        let location = match self.https_port {
            443 => format!("https://{host}{path}"),
            port => format!("https://{host}:{port}{path}"),
        };
        let mut response = Response::new(full(Bytes::new()));
        *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
        // Both parts were a valid URI a moment ago.
        if let Ok(location) = HeaderValue::try_from(location) {
            response.headers_mut().insert(LOCATION, location);
        }
        response
    }

    async fn forward(
        &self,
        client: ClientConnection,
        authority: &Authority,
        endpoints: &Endpoints,
        mut request: Request<Incoming>,
    ) -> Response<ProxyBody> {
        let format = Format::asked_for(request.headers());
        let protocol = upgrade::wanted(&request);
        let upgrading = protocol.is_some().then(|| hyper::upgrade::on(&mut request));
        let (mut parts, body) = request.into_parts();
        headers::for_endpoint(&mut parts.headers, authority, client, protocol.as_ref());
        match self.send(endpoints, &parts, body).await {
            Ok(mut response) => {
                let switched = upgrade::tunnel(&mut response, upgrading);
                headers::for_client(response.headers_mut(), switched.as_ref());
                *response.version_mut() = Version::HTTP_11;
                response.map(|body| body.map_err(BoxError::from).boxed_unsync())
            }
            Err((endpoint, no_answer)) => {
                let (status, why) = match no_answer {
                    NoAnswer::Connect(cause) => {
                        (StatusCode::BAD_GATEWAY, format!("cannot be reached: {cause}"))
                    }
                    NoAnswer::Broken(cause) => (StatusCode::BAD_GATEWAY, format!("broke off: {cause}")),
                    NoAnswer::Silent => (
                        StatusCode::GATEWAY_TIMEOUT,
                        format!("gave no answer within {} seconds", RESPONSE_HEADER_TIMEOUT.as_secs()),
                    ),
                };
                let what = format!("Endpoint {endpoint} of Service {} {why}.", endpoints.service());
                debug!(host = %authority, "{what}");
                page(format, status, &what)
            }
        }
    }

    /// Sends the request to the endpoint whose turn it is. If there was no connection, the next endpoint is tried
    /// once; if one broke (an endpoint may close an idle connection just as it is used again), so is a request that
    /// may be repeated. One with a body never is: a body can be read only once.
    async fn send(
        &self,
        endpoints: &Endpoints,
        parts: &request::Parts,
        body: Incoming,
    ) -> Result<Response<Incoming>, (SocketAddr, NoAnswer)> {
        let (first, second) = endpoints.take_turn();
        let has_body = !body.is_end_stream();
        let progress = Progress::new();
        let body = TrackedBody::new(body, progress.clone()).map_err(BoxError::from).boxed_unsync();
        let failed = match self.ask(request_to(first, parts, body), &progress).await {
            Ok(response) => return Ok(response),
            Err(failed) => failed,
        };
        let worth_another_try = match &failed {
            NoAnswer::Connect(_) => second != first,
            NoAnswer::Broken(_) => parts.method.is_idempotent(),
            NoAnswer::Silent => false,
        };
        if has_body || !worth_another_try {
            return Err((first, failed));
        }
        let again = request_to(second, parts, full(Bytes::new()));
        self.ask(again, &progress).await.map_err(|failed| (second, failed))
    }

    async fn ask(
        &self,
        request: Request<ProxyBody>,
        progress: &Progress,
    ) -> Result<Response<Incoming>, NoAnswer> {
        tokio::select! {
            answer = self.client.request(request) => answer.map_err(|error| {
                let cause = error_chain(&error);
                if error.is_connect() { NoAnswer::Connect(cause) } else { NoAnswer::Broken(cause) }
            }),
            () = progress.silent_for(RESPONSE_HEADER_TIMEOUT) => Err(NoAnswer::Silent),
        }
    }
}

/// The host that the request is for. Where the target names one, the header does not count (RFC 9112, section 3.2.2).
fn authority(request: &Request<Incoming>) -> Option<Authority> {
    if let Some(authority) = request.uri().authority() {
        return Some(authority.clone());
    }
    let header = request.headers().get(HOST)?;
    Authority::try_from(header.as_bytes()).ok().filter(|authority| !authority.host().is_empty())
}

fn request_to(endpoint: SocketAddr, parts: &request::Parts, body: ProxyBody) -> Request<ProxyBody> {
    let mut request = Request::new(body);
    *request.method_mut() = parts.method.clone();
    *request.headers_mut() = parts.headers.clone();
    let mut uri = http::uri::Parts::default();
    uri.scheme = Some(Scheme::HTTP);
    uri.authority = Authority::try_from(endpoint.to_string()).ok();
    uri.path_and_query = parts.uri.path_and_query().cloned().or_else(|| Some(PathAndQuery::from_static("/")));
    // With all three parts there it is always a URI.
    *request.uri_mut() = Uri::from_parts(uri).unwrap_or_default();
    request
}
