//! `pods/proxy`, `services/proxy`, `nodes/proxy`: HTTP requests, passed on to the object itself.
//!
//! Of upstream's rewriting of answers only `Location` is done: links within pages are left alone.

mod address;
mod headers;

use bythos_operator::error_chain;
use bythos_operator::kubelet::forward;
use http::header::LOCATION;
use http::{HeaderValue, Method, Request, Response, StatusCode};

use self::address::{Asked, Place};
use super::node;
use crate::body::{Body, full};
use crate::resources::Target;
use crate::status::Failure;

pub(crate) async fn answer(target: &Target<'_>, body: Body) -> Result<Response<Body>, Failure> {
    let call = target.call;
    let Some(rest) = rest_of_path(target) else { return Ok(to_folder(target)) };
    let place = Asked::parse(target.name)?.find(target)?;
    let query = call.raw_query.as_ref().map(|query| format!("?{query}")).unwrap_or_default();
    let mut request = Request::builder()
        .method(&call.method)
        .uri(format!("/{rest}{query}"))
        .body(body)
        .map_err(|error| Failure::BadRequest(error.to_string()))?;
    *request.headers_mut() = headers::of_request(&call.headers, call.upgrade.is_some());
    let mut response = match place {
        Place::Kubelet => node::call(call.state.node.clone(), request).await?,
        Place::Address(address) => forward(address, request).await.map_err(|error| {
            Failure::Unavailable(format!("error trying to reach service: {}", error_chain(&error)))
        })?,
    };
    node::join(target, call.upgrade.clone(), &mut response);
    headers::of_answer(&mut response, &prefix(target));
    Ok(response)
}

/// How many segments stand before the path of the object itself: `/api/v1/namespaces/a/pods/b/proxy`.
fn segments(target: &Target<'_>) -> usize {
    if target.namespace.is_empty() { 5 } else { 7 }
}

/// What follows `proxy/`, as the client wrote it; `None` if there is not even the slash.
fn rest_of_path<'a>(target: &Target<'a>) -> Option<&'a str> {
    let before = segments(target) + 1;
    target.call.path.splitn(before + 1, '/').nth(before)
}

fn prefix(target: &Target<'_>) -> String {
    target.call.path.split('/').take(segments(target) + 1).collect::<Vec<_>>().join("/")
}

/// Relative links of a page need the slash at the end of its address.
fn to_folder(target: &Target<'_>) -> Response<Body> {
    let call = target.call;
    let query = call.raw_query.as_ref().map(|query| format!("?{query}")).unwrap_or_default();
    let mut response = Response::new(full(""));
    let is_read = matches!(call.method, Method::GET | Method::HEAD);
    *response.status_mut() =
        if is_read { StatusCode::MOVED_PERMANENTLY } else { StatusCode::PERMANENT_REDIRECT };
    if let Ok(location) = HeaderValue::try_from(format!("{}/{query}", call.path)) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}
