//! The request path that both doors, the socket and the client in this process, lead to.

use std::sync::Arc;

use bytes::Bytes;
use bythos_operator::BoxError;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;

use crate::authorize::authorize;
use crate::body::{self, Body};
use crate::call::{Call, Caller};
use crate::impersonate::impersonate;
use crate::request::{Destination, PROXY, Query, destination};
use crate::state::State;
use crate::status::Failure;
use crate::{paths, resources};

/// Answers one request. Failures are answers too.
pub(crate) async fn answer<B>(state: Arc<State>, caller: Caller, request: Request<B>) -> Response<Body>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    match carry_out(state, caller, request).await {
        Ok(response) => response,
        Err(failure) => {
            if failure.code_and_reason().0 == StatusCode::INTERNAL_SERVER_ERROR {
                tracing::error!(?failure, "a request failed");
            }
            failure.response()
        }
    }
}

async fn carry_out<B>(
    state: Arc<State>,
    caller: Caller,
    request: Request<B>,
) -> Result<Response<Body>, Failure>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let (mut head, body) = request.into_parts();
    let user = impersonate(&state, caller.user, &mut head.headers)?;
    let caller = Caller { user, ..caller };
    let query = Query::parse(head.uri.query().unwrap_or_default());
    let destination = destination(&head.method, head.uri.path(), &query)?;
    let mut call = Call {
        state,
        caller,
        method: head.method,
        path: head.uri.path().to_owned(),
        query,
        raw_query: head.uri.query().map(str::to_owned),
        headers: head.headers,
        body: Bytes::new(),
        upgrade: head.extensions.get().cloned(),
    };
    authorize(&call, &destination)?;
    if let Destination::Resource(request) = &destination
        && request.subresource == PROXY
    {
        return resources::pass_on(&call, request, body.map_err(Into::into).boxed_unsync()).await;
    }
    call.body = body::read(body).await?;
    match destination {
        Destination::Path => paths::answer(&call).await,
        Destination::Resource(request) => resources::answer(&call, &request).await,
    }
}
