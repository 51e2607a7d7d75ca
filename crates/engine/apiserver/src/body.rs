//! Bodies of answers, and reading the bodies of requests within a limit.

use std::convert::Infallible;

use bytes::Bytes;
use bythos_operator::BoxError;
use futures::{Stream, StreamExt as _};
use http::Response;
use http::header::CONTENT_LENGTH;
use http_body::{Body as _, Frame};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited, StreamBody};

use crate::status::Failure;

/// The body of every answer.
pub(crate) type Body = UnsyncBoxBody<Bytes, BoxError>;

/// Most bytes of a request's body.
pub(crate) const BODY_BYTES_MAX: usize = 3 * 1024 * 1024;

/// A body that is there as a whole.
pub(crate) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never: Infallible| match never {}).boxed_unsync()
}

/// A body that comes piece by piece. Each piece is handed on as soon as it is there.
pub(crate) fn streamed(pieces: impl Stream<Item = Bytes> + Send + 'static) -> Body {
    StreamBody::new(pieces.map(|piece| Ok(Frame::data(piece)))).boxed_unsync()
}

/// As HEAD is answered: by what the answer to GET says of itself, without its body (RFC 9110, section 9.3.2). HTTP/2 sends
/// what it is given.
pub(crate) fn without_body(answer: Response<Body>) -> Response<Body> {
    let (mut parts, body) = answer.into_parts();
    if let Some(bytes) = body.size_hint().exact() {
        parts.headers.insert(CONTENT_LENGTH, bytes.into());
    }
    Response::from_parts(parts, full(Bytes::new()))
}

/// The whole body of a request.
pub(crate) async fn read<B>(body: B) -> Result<Bytes, Failure>
where
    B: http_body::Body<Data = Bytes> + Send,
    B::Error: Into<BoxError>,
{
    match Limited::new(body, BODY_BYTES_MAX).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Failure::TooLarge { bytes_max: BODY_BYTES_MAX }),
        Err(error) => Err(Failure::BadRequest(format!("failed to read the body: {error}"))),
    }
}
