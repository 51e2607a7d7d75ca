//! `pods/log`: the output of a container, passed on from the node as it comes.

use bythos_operator::kubelet::{NodeBody, NodePort};
use futures::future::BoxFuture;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::body::Body;
use crate::object;
use crate::resources::Target;
use crate::status::Failure;

/// What the kubelet understands of the query.
const PARAMETERS: [&str; 8] =
    ["follow", "previous", "sinceSeconds", "sinceTime", "timestamps", "tailLines", "limitBytes", "stream"];

/// A node says in a few words why it refuses.
const REFUSAL_BYTES_MAX: usize = 4096;

pub(crate) async fn get(target: &Target<'_>) -> Result<Response<Body>, Failure> {
    let entry = target.call.state.store.get(&target.key()).ok_or_else(|| target.not_found())?;
    let pod: Value = serde_json::from_slice(&entry.value)?;
    let container = container(&pod, target.name, target.call.query.get("container"))?;
    if object::text_at(&pod, "/spec/nodeName").is_none() {
        let message = format!("pod {} does not have a host assigned", target.name);
        return Err(Failure::BadRequest(message));
    }
    let path = format!("/containerLogs/{}/{}/{container}{}", target.namespace, target.name, query(target));
    let empty = Empty::new().map_err(|never| match never {}).boxed_unsync();
    let request = Request::get(&path).body(empty).map_err(|error| Failure::Internal(error.to_string()))?;
    match ask(target.call.state.node.clone(), request).await? {
        Answered::Refusal(code, words) => Err(refusal(target, code, words)),
        Answered::Log(content_type, body) => {
            let mut answer = crate::call::answer(StatusCode::OK, "text/plain", body);
            if let Some(content_type) = content_type {
                answer.headers_mut().insert(CONTENT_TYPE, content_type);
            }
            Ok(answer)
        }
    }
}

/// The container that is meant: the named one, or the only one, or the one that the pod names as its default.
fn container(pod: &Value, name: &str, asked: Option<&str>) -> Result<String, Failure> {
    let of_field = |field: &str| -> Vec<&str> {
        let list = pod.pointer(&format!("/spec/{field}")).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(|container| container.get("name")?.as_str()).collect()
    };
    let containers = of_field("containers");
    let init_containers = of_field("initContainers");
    if let Some(asked) = asked {
        let known = [containers, init_containers, of_field("ephemeralContainers")].concat().contains(&asked);
        let unknown = || Failure::BadRequest(format!("container {asked} is not valid for pod {name}"));
        return if known { Ok(asked.to_owned()) } else { Err(unknown()) };
    }
    let default = pod.pointer("/metadata/annotations/kubectl.kubernetes.io~1default-container");
    if let Some(default) = default.and_then(Value::as_str).filter(|default| containers.contains(default)) {
        return Ok(default.to_owned());
    }
    match containers.as_slice() {
        [only] => Ok((*only).to_owned()),
        several => {
            let mut message = format!(
                "a container name must be specified for pod {name}, choose one of: [{}]",
                several.join(" ")
            );
            if !init_containers.is_empty() {
                message.push_str(&format!(" or one of the init containers: [{}]", init_containers.join(" ")));
            }
            Err(Failure::BadRequest(message))
        }
    }
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

/// What the node's refusal means to the client.
fn refusal(target: &Target<'_>, code: StatusCode, words: String) -> Failure {
    match code {
        StatusCode::NOT_FOUND => target.not_found(),
        StatusCode::BAD_REQUEST => Failure::BadRequest(words),
        StatusCode::SERVICE_UNAVAILABLE => Failure::Unavailable(words),
        _ => Failure::Internal(words),
    }
}

/// Asks the node; a refusal comes with the node's own words.
///
/// Boxed, because the compiler does not see through the types of the two bodies that this may move between threads.
fn ask(node: NodePort, request: Request<NodeBody>) -> BoxFuture<'static, Result<Answered, Failure>> {
    Box::pin(async move {
        let response =
            node.call(request).await.map_err(|no_node| Failure::Unavailable(no_node.to_string()))?;
        let (head, mut body) = response.into_parts();
        if head.status == StatusCode::OK {
            return Ok(Answered::Log(head.headers.get(CONTENT_TYPE).cloned(), body));
        }
        let mut words = Vec::new();
        while let Some(Ok(frame)) = body.frame().await {
            words.extend_from_slice(&frame.into_data().unwrap_or_default());
            if words.len() > REFUSAL_BYTES_MAX {
                break;
            }
        }
        Ok(Answered::Refusal(head.status, String::from_utf8_lossy(&words).trim().to_owned()))
    })
}

/// What the node answered.
enum Answered {
    Log(Option<HeaderValue>, Body),
    Refusal(StatusCode, String),
}
