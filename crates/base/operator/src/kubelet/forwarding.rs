//! One request over a connection of its own, with whatever it becomes.

use std::net::SocketAddr;
use std::time::Duration;

use http::{Request, Response, header};
use http_body_util::BodyExt as _;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::NodeBody;

const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// The other side cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    /// Nobody listens there.
    #[error("failed to connect to {address}")]
    Connect {
        /// Where.
        address: SocketAddr,
        /// The system's words.
        #[source]
        source: std::io::Error,
    },
    /// It does not speak HTTP, or broke off.
    #[error("failed to get an answer from {address}")]
    Answer {
        /// From where.
        address: SocketAddr,
        /// What went wrong.
        #[source]
        source: hyper::Error,
    },
}

/// Sends the request to `address` over HTTP/1.1. An answer `101` carries the upgraded connection, see [`couple`].
///
/// [`couple`]: super::couple
///
/// # Errors
/// Nobody answers there.
pub async fn forward(
    address: SocketAddr,
    mut request: Request<NodeBody>,
) -> Result<Response<NodeBody>, ForwardError> {
    let failed = |source| ForwardError::Connect { address, source };
    let connected = tokio::time::timeout(CONNECT_LIMIT, TcpStream::connect(address)).await;
    let stream = connected.map_err(|late| failed(late.into())).and_then(|stream| stream.map_err(failed))?;
    // What is typed is small and must not wait for more.
    stream.set_nodelay(true).map_err(failed)?;
    let broke_off = |source| ForwardError::Answer { address, source };
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(broke_off)?;
    tokio::spawn(async move {
        if let Err(error) = connection.with_upgrades().await {
            tracing::debug!(%address, %error, "a forwarded connection ended with an error");
        }
    });
    if !request.headers().contains_key(header::HOST)
        && let Ok(host) = header::HeaderValue::try_from(address.to_string())
    {
        request.headers_mut().insert(header::HOST, host);
    }
    let response = sender.send_request(request).await.map_err(broke_off)?;
    Ok(response.map(|body| body.map_err(Into::into).boxed_unsync()))
}
