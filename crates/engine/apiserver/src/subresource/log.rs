//! `pods/log`: the output of a container, passed on from the node as it comes.

use bythos_schema::{FieldError, FieldPath, Refusal};
use http::header::CONTENT_TYPE;
use http::{Request, Response, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use super::container::{container, pod_on_node};
use super::node;
use crate::body::{Body, full};
use crate::request::Query;
use crate::resources::Target;
use crate::status::{Failure, ResourceName};

/// What the kubelet understands of the query.
const PARAMETERS: [&str; 8] =
    ["follow", "previous", "sinceSeconds", "sinceTime", "timestamps", "tailLines", "limitBytes", "stream"];

pub(crate) async fn get(target: &Target<'_>) -> Result<Response<Body>, Failure> {
    validate(&target.call.query, target.name)?;
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

/// Upstream's `ValidatePodLogOptions`.
fn validate(query: &Query, name: &str) -> Result<(), Failure> {
    let mut errors = Vec::new();
    let path = |field: &str| FieldPath::root().field(field);
    for (field, least) in [("sinceSeconds", 1), ("tailLines", 0), ("limitBytes", 1)] {
        if let Some(number) = query.number::<i64>(field)?.filter(|number| *number < least) {
            let detail = format!("must be greater than or equal to {least}");
            errors.push(FieldError::of(path(field), Refusal::Invalid, &json!(number), detail));
        }
    }
    if query.get("sinceSeconds").is_some() && query.get("sinceTime").is_some() {
        let detail = "at most one of `sinceTime` or `sinceSeconds` may be specified";
        errors.push(FieldError::forbidden(path("sinceSeconds"), detail));
    }
    let is_one_stream = query.get("stream").is_some_and(|stream| stream != "All");
    if is_one_stream && query.get("tailLines").is_some() {
        let detail = "`tailLines` and specific `stream` are mutually exclusive for now";
        errors.push(FieldError::forbidden(path("tailLines"), detail));
    }
    if errors.is_empty() {
        return Ok(());
    }
    Err(Failure::Invalid { kind: ResourceName::new("", "PodLogOptions"), name: name.to_owned(), errors })
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
