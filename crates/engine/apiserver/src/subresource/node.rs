//! Asking the node, and what its refusals mean to the client.

use bythos_operator::kubelet::{NodeBody, NodePort, couple};
use futures::future::BoxFuture;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::upgrade::OnUpgrade;

use crate::body::Body;
use crate::resources::Target;
use crate::status::Failure;

/// A node says in a few words why it refuses.
const REFUSAL_BYTES_MAX: usize = 4096;

/// Asks the node for something that it answers with 200; a refusal comes with the node's own words.
pub(super) async fn ask(target: &Target<'_>, request: Request<NodeBody>) -> Result<Response<Body>, Failure> {
    let (head, body) = call(target.call.state.node.clone(), request).await?.into_parts();
    if head.status == StatusCode::OK {
        return Ok(Response::from_parts(head, body));
    }
    let words = words(body).await;
    Err(match head.status {
        StatusCode::NOT_FOUND => target.not_found(),
        StatusCode::BAD_REQUEST => Failure::BadRequest(words),
        StatusCode::SERVICE_UNAVAILABLE => Failure::Unavailable(words),
        _ => Failure::Internal(words),
    })
}

/// Asks the node, whatever it answers.
///
/// Boxed, because the compiler does not see through the types of the two bodies that this may move between threads.
pub(super) fn call(
    node: NodePort,
    request: Request<NodeBody>,
) -> BoxFuture<'static, Result<Response<NodeBody>, Failure>> {
    Box::pin(
        async move { node.call(request).await.map_err(|no_node| Failure::Unavailable(no_node.to_string())) },
    )
}

fn words(mut body: NodeBody) -> BoxFuture<'static, String> {
    Box::pin(async move {
        let mut words = Vec::new();
        while let Some(Ok(frame)) = body.frame().await {
            words.extend_from_slice(&frame.into_data().unwrap_or_default());
            if words.len() > REFUSAL_BYTES_MAX {
                break;
            }
        }
        String::from_utf8_lossy(&words).trim().to_owned()
    })
}

/// Joins the client's connection with the one behind `response`, if both speak something else than HTTP from now on.
pub(super) fn join(target: &Target<'_>, near: Option<OnUpgrade>, response: &mut Response<Body>) {
    let Some(near) = near.filter(|_| response.status() == StatusCode::SWITCHING_PROTOCOLS) else { return };
    let far = hyper::upgrade::on(response);
    let (ending, path) = (target.call.caller.ending.clone(), target.call.path.clone());
    tokio::spawn(async move {
        if let Err(error) = couple(near, far, ending).await {
            tracing::debug!(path, %error, "a connection was not upgraded");
        }
    });
}
