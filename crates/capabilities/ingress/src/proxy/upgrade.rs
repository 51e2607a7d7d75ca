//! Connections that become something else (WebSocket): both sides are joined, and the bytes pass through.

use http::header::{CONNECTION, UPGRADE};
use http::{HeaderValue, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional;
use tracing::debug;

/// The protocol to which the client wants to switch, if it does.
pub(crate) fn wanted(request: &Request<Incoming>) -> Option<HeaderValue> {
    let asks = request.version() == Version::HTTP_11
        && request
            .headers()
            .get_all(CONNECTION)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|token| token.trim().eq_ignore_ascii_case("upgrade"));
    if asks { request.headers().get(UPGRADE).cloned() } else { None }
}

/// Joins the two connections if the endpoint has switched, and returns the protocol to which it did. A switch that
/// nobody asked for gets no tunnel: the client's end is not there to be joined.
pub(crate) fn tunnel(response: &mut Response<Incoming>, client: Option<OnUpgrade>) -> Option<HeaderValue> {
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return None;
    }
    let Some(client) = client else {
        *response.status_mut() = StatusCode::BAD_GATEWAY;
        return None;
    };
    let endpoint = hyper::upgrade::on(&mut *response);
    tokio::spawn(async move {
        match tokio::try_join!(client, endpoint) {
            Ok((client, endpoint)) => {
                // A side that goes away without a word is how such connections usually end.
                let ended = copy_bidirectional(&mut TokioIo::new(client), &mut TokioIo::new(endpoint)).await;
                debug!(?ended, "an upgraded connection ended");
            }
            Err(error) => debug!(%error, "an upgrade did not come about"),
        }
    });
    response.headers().get(UPGRADE).cloned()
}
