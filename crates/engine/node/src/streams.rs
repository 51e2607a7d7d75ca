//! `exec`, `attach` and `port-forward`: containerd's streaming server speaks with the client, the node passes bytes
//! through.
//!
//! CRI answers each wish with an address on the loopback device that is good for one connection. What the streaming
//! server speaks is SPDY/3.1 and the WebSocket protocols before `v5.channel.k8s.io`; an offer of anything else is
//! refused in plain words, at which clients fall back. Left out: a translator of `v5.channel.k8s.io` and of
//! port-forward tunnelled through a WebSocket (`SPDY/3.1+portforward.k8s.io`).

mod options;
mod protocol;

use std::net::SocketAddr;

use bythos_operator::ObjectKey;
use bythos_operator::kubelet::{ForwardError, NodeBody, forward};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Empty};

use self::options::{OptionError, Options};
use self::protocol::{Offer, OfferError};
use crate::cri::{CriError, v1};
use crate::node::Node;
use crate::pods::runtime::{PodInRuntime, RunState, look};
use crate::pods::spec;

/// There is nothing to connect to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StreamError {
    #[error(transparent)]
    Offer(#[from] OfferError),
    #[error(transparent)]
    Option(#[from] OptionError),
    #[error("pod does not exist")]
    NoPod,
    #[error("container not found ({name:?})")]
    NoContainer { name: String },
    #[error("pod {pod} does not run")]
    NotRunning { pod: ObjectKey },
    #[error("failed to prepare the stream")]
    Prepare(#[from] CriError),
    #[error("containerd offers its streams at {url:?}, expected an address of this machine alone")]
    Elsewhere { url: String },
    #[error("failed to reach containerd's streaming server")]
    Reach(#[from] ForwardError),
}

impl StreamError {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            StreamError::Offer(error) => error.status(),
            StreamError::Option(_) => StatusCode::BAD_REQUEST,
            StreamError::NoPod | StreamError::NoContainer { .. } => StatusCode::NOT_FOUND,
            StreamError::NotRunning { .. } => StatusCode::CONFLICT,
            StreamError::Prepare(_) | StreamError::Elsewhere { .. } | StreamError::Reach(_) => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        }
    }
}

/// Runs a command in a container.
pub(crate) async fn exec(
    node: &Node,
    pod: &ObjectKey,
    container: &str,
    request: &Parts,
) -> Result<Response<NodeBody>, StreamError> {
    Offer::of(&request.headers)?;
    let options = Options::parse(request.uri.query().unwrap_or_default())?;
    options.check_streams()?;
    let container_id = running_container(node, pod, container).await?;
    let url = node
        .cri
        .exec_url(v1::ExecRequest {
            container_id,
            cmd: options.command,
            tty: options.tty,
            stdin: options.stdin,
            stdout: options.stdout,
            stderr: options.stderr && !options.tty,
        })
        .await?;
    pass_on(&url, request).await
}

/// Joins the streams of a container that runs.
pub(crate) async fn attach(
    node: &Node,
    pod: &ObjectKey,
    container: &str,
    request: &Parts,
) -> Result<Response<NodeBody>, StreamError> {
    Offer::of(&request.headers)?;
    let options = Options::parse(request.uri.query().unwrap_or_default())?;
    options.check_streams()?;
    // Whether it has a terminal was settled when it started.
    let tty = has_terminal(node, pod, container);
    let container_id = running_container(node, pod, container).await?;
    let (stdin, stdout, stderr) = (options.stdin, options.stdout, options.stderr && !tty);
    let url = node.cri.attach_url(v1::AttachRequest { container_id, stdin, tty, stdout, stderr }).await?;
    pass_on(&url, request).await
}

/// Opens ports of a pod.
pub(crate) async fn port_forward(
    node: &Node,
    pod: &ObjectKey,
    request: &Parts,
) -> Result<Response<NodeBody>, StreamError> {
    Offer::of(&request.headers)?;
    let port = Options::parse(request.uri.query().unwrap_or_default())?.ports;
    let runtime = in_runtime(node, pod).await?;
    let sandbox =
        runtime.ready_sandbox().ok_or_else(|| StreamError::NotRunning { pod: pod.clone() })?.id.clone();
    let url = node.cri.port_forward_url(v1::PortForwardRequest { pod_sandbox_id: sandbox, port }).await?;
    pass_on(&url, request).await
}

async fn in_runtime(node: &Node, key: &ObjectKey) -> Result<PodInRuntime, StreamError> {
    let pod = node.named_pod(key).ok_or(StreamError::NoPod)?;
    Ok(look(&node.cri, &spec::identity(&pod)).await?)
}

async fn running_container(node: &Node, pod: &ObjectKey, name: &str) -> Result<String, StreamError> {
    let runtime = in_runtime(node, pod).await?;
    let latest = runtime.latest(name).filter(|latest| latest.state == RunState::Running);
    let missing = || StreamError::NoContainer { name: name.to_owned() };
    Ok(latest.ok_or_else(missing)?.id.clone())
}

fn has_terminal(node: &Node, pod: &ObjectKey, name: &str) -> bool {
    let pod = node.named_pod(pod);
    let Some(spec) = pod.as_ref().and_then(|pod| pod.spec.as_ref()) else { return false };
    let main = spec::all_containers(spec).map(|(_, container)| (&container.name, container.tty));
    let ephemeral = spec.ephemeral_containers.iter().flatten();
    let ephemeral = ephemeral.map(|container| (&container.name, container.tty));
    main.chain(ephemeral).any(|(known, tty)| known == name && tty == Some(true))
}

/// Lets the streaming server answer the request.
async fn pass_on(url: &str, request: &Parts) -> Result<Response<NodeBody>, StreamError> {
    let (address, path) = local(url).ok_or_else(|| StreamError::Elsewhere { url: url.to_owned() })?;
    let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
    let mut onward = Request::new(body);
    onward.method_mut().clone_from(&request.method);
    *onward.uri_mut() = Uri::from(path);
    onward.headers_mut().clone_from(&request.headers);
    onward.headers_mut().remove(http::header::HOST);
    Ok(forward(address, onward).await?)
}

/// The address and path behind the URL, if nobody else can reach them.
fn local(url: &str) -> Option<(SocketAddr, PathAndQuery)> {
    let uri: Uri = url.parse().ok()?;
    let address: SocketAddr = uri.authority()?.as_str().parse().ok()?;
    let is_local = uri.scheme_str() == Some("http") && address.ip().is_loopback();
    is_local.then_some((address, uri.path_and_query()?.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, expected: Option<(&str, &str)>) {
        let found = local(url).map(|(address, path)| (address.to_string(), path.to_string()));
        assert_eq!(found, expected.map(|(address, path)| (address.to_owned(), path.to_owned())), "{url}");
    }

    #[test]
    fn streams_are_taken_from_this_machine_alone() {
        check("http://127.0.0.1:4711/exec/abc", Some(("127.0.0.1:4711", "/exec/abc")));
        check("http://[::1]:4711/exec/abc", Some(("[::1]:4711", "/exec/abc")));
        check("http://192.0.2.1:4711/exec/abc", None);
        check("https://127.0.0.1:4711/exec/abc", None);
        check("/exec/abc", None);
    }
}
