//! `pods/log`: the output of a container, passed on from the node as it comes.

use http::header::CONTENT_TYPE;
use http::{Request, Response, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::container::{container, pod_on_node};
use super::node;
use crate::body::{Body, full};
use crate::resources::Target;
use crate::status::Failure;

/// What the kubelet understands of the query.
const PARAMETERS: [&str; 8] =
    ["follow", "previous", "sinceSeconds", "sinceTime", "timestamps", "tailLines", "limitBytes", "stream"];

pub(crate) async fn get(target: &Target<'_>) -> Result<Response<Body>, Failure> {
    let pod = pod_on_node(target)?;
    let container = container(&pod, target.name, target.call.query.get("container"))?;
    let path = format!("/containerLogs/{}/{}/{container}{}", target.namespace, target.name, query(target));
    let request = Request::get(&path).body(full("")).map_err(|error| Failure::Internal(error.to_string()))?;
    let response = node::ask(target, request).await?;
    let content_type = response.headers().get(CONTENT_TYPE).cloned();
    let mut answer = crate::call::answer(StatusCode::OK, "text/plain", response.into_body());
    if let Some(content_type) = content_type {
        answer.headers_mut().insert(CONTENT_TYPE, content_type);
    }
    Ok(answer)
}

fn query(target: &Target<'_>) -> String {
    let query = &target.call.query;
    let pairs: Vec<String> = PARAMETERS
        .iter()
        .filter_map(|name| {
            query.get(name).map(|value| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)))
        })
        .collect();
    if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
}
