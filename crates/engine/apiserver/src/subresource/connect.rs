//! `pods/exec`, `pods/attach`, `pods/portforward`: the connection becomes one to the container, and what is spoken on
//! it (SPDY, WebSocket) is the business of its two ends.
//!
//! The node's answer is the client's, refusals included: clients tell from it which protocol to try next.

use bythos_operator::kubelet::NodeBody;
use http::header::{CONNECTION, HeaderName, UPGRADE};
use http::{HeaderMap, Request, Response};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::container::{container, pod_on_node};
use super::node;
use crate::body::{Body, full};
use crate::request::Query;
use crate::resources::Target;
use crate::status::Failure;

/// Where the client names the protocols that it can speak within SPDY.
const STREAM_PROTOCOL: HeaderName = HeaderName::from_static("x-stream-protocol-version");
const WEBSOCKET: &str = "sec-websocket-";

pub(crate) async fn exec(target: &Target<'_>) -> Result<Response<Body>, Failure> {
    let commands: Vec<_> = target.call.query.all("command").map(|word| pair("command", word)).collect();
    if commands.is_empty() {
        return Err(Failure::BadRequest(
            "you must specify at least one command for the container".to_owned(),
        ));
    }
    to_container(target, "exec", commands).await
}

pub(crate) async fn attach(target: &Target<'_>) -> Result<Response<Body>, Failure> {
    to_container(target, "attach", Vec::new()).await
}

pub(crate) async fn port_forward(target: &Target<'_>) -> Result<Response<Body>, Failure> {
    pod_on_node(target)?;
    // Within SPDY, ports are named stream by stream.
    let ports = target.call.query.all("ports").flat_map(|ports| ports.split(','));
    let pairs: Vec<_> = ports.filter(|port| !port.is_empty()).map(|port| pair("port", port)).collect();
    connect(target, &format!("/portForward/{}/{}", target.namespace, target.name), &pairs).await
}

async fn to_container(
    target: &Target<'_>,
    action: &str,
    mut pairs: Vec<String>,
) -> Result<Response<Body>, Failure> {
    let pod = pod_on_node(target)?;
    let query = &target.call.query;
    let container = container(&pod, target.name, query.get("container"))?;
    pairs.extend(streams(query)?);
    let path = format!("/{action}/{}/{}/{container}", target.namespace, target.name);
    connect(target, &path, &pairs).await
}

/// The streams that are asked for, as the kubelet names them.
fn streams(query: &Query) -> Result<Vec<String>, Failure> {
    // A terminal has one output.
    let tty = query.is_true("tty");
    let is_wanted = |name| !query.has(name) || query.is_true(name);
    let streams = [
        ("input", query.is_true("stdin")),
        ("output", is_wanted("stdout")),
        ("error", is_wanted("stderr") && !tty),
    ];
    if !streams.iter().any(|(_, wanted)| *wanted) {
        let message = "you must specify at least one of stdin, stdout, stderr";
        return Err(Failure::BadRequest(message.to_owned()));
    }
    let asked = streams.into_iter().chain([("tty", tty)]).filter(|(_, wanted)| *wanted);
    Ok(asked.map(|(name, _)| pair(name, "1")).collect())
}

fn pair(name: &str, value: &str) -> String {
    format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC))
}

async fn connect(target: &Target<'_>, path: &str, pairs: &[String]) -> Result<Response<Body>, Failure> {
    let call = target.call;
    if call.upgrade.is_none() {
        return Err(Failure::BadRequest("Upgrade request required".to_owned()));
    }
    let request = request(&call.method, &format!("{path}?{}", pairs.join("&")), &call.headers);
    let request = request.map_err(|error| Failure::Internal(error.to_string()))?;
    let mut response = node::call(call.state.node.clone(), request).await?;
    node::join(target, call.upgrade.clone(), &mut response);
    Ok(response)
}

/// The request to the node, with what the client says about the protocols that it speaks, and nothing else of it.
fn request(method: &http::Method, uri: &str, headers: &HeaderMap) -> Result<Request<NodeBody>, http::Error> {
    let mut request = Request::builder().method(method).uri(uri).body(full(""))?;
    for (name, value) in headers {
        let is_about_protocols = [CONNECTION, UPGRADE, STREAM_PROTOCOL].contains(name);
        if is_about_protocols || name.as_str().starts_with(WEBSOCKET) {
            request.headers_mut().append(name, value.clone());
        }
    }
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(query: &str, expected: &str) {
        let found = match streams(&Query::parse(query)) {
            Ok(pairs) => pairs.join("&"),
            Err(failure) => failure.message(),
        };
        assert_eq!(found, expected, "{query}");
    }

    #[test]
    fn the_streams_are_those_that_the_client_reads_and_writes() {
        check("stdin=true&stdout=true&stderr=true", "input=1&output=1&error=1");
        check("stdout=true", "output=1&error=1");
        check("stdout=true&stderr=false", "output=1");
        check("stdin=true&stdout=true&stderr=true&tty=true", "input=1&output=1&tty=1");
        check("", "output=1&error=1");
        check("stdout=false&stderr=false", "you must specify at least one of stdin, stdout, stderr");
    }

    #[test]
    fn of_the_clients_headers_only_protocols_are_passed_on() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "Upgrade"),
            ("upgrade", "SPDY/3.1"),
            ("x-stream-protocol-version", "v4.channel.k8s.io"),
            ("x-stream-protocol-version", "v3.channel.k8s.io"),
            ("sec-websocket-key", "k"),
            ("authorization", "Bearer secret"),
        ] {
            headers.append(name, value.parse().unwrap());
        }
        let request = request(&http::Method::POST, "/exec/a/b/c?tty=1", &headers).unwrap();
        let mut names: Vec<_> = request.headers().iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        let protocol = "x-stream-protocol-version";
        assert_eq!(names, ["connection", "sec-websocket-key", "upgrade", protocol, protocol]);
    }
}
