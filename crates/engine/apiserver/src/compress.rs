//! Answers compressed for clients that ask for it.
//!
//! As upstream's: only what is read, and only from a size on at which it pays.

use std::io::Write as _;

use bytes::Bytes;
use bythos_operator::BoxError;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::{Stream, StreamExt as _};
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, HeaderValue, VARY};
use http::{HeaderMap, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, BodyStream, StreamBody};

use crate::body::Body;

/// Smaller answers are sent as they are. Upstream: `endpoints/handlers/responsewriters`.
const THRESHOLD_BYTES: usize = 128 * 1024;
/// The fastest: answers are made once, and read by a machine nearby.
const LEVEL: Compression = Compression::fast();

/// Whether the client takes gzip.
pub(crate) fn accepts_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        parts.next() == Some("gzip") && !parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00"))
    })
}

/// The answer, compressed if it is worth it: `bytes` is about how long it is.
pub(crate) fn compressed(headers: &HeaderMap, response: Response<Body>, bytes: usize) -> Response<Body> {
    if bytes < THRESHOLD_BYTES || !accepts_gzip(headers) {
        return response;
    }
    let (mut head, body) = response.into_parts();
    head.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    head.headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    let pieces = gzip(
        BodyStream::new(body)
            .filter_map(|frame| async { frame.map(|frame| frame.into_data().ok()).transpose() }),
    );
    Response::from_parts(head, StreamBody::new(pieces.map(|piece| piece.map(Frame::data))).boxed_unsync())
}

/// The pieces of a body under way, and what compresses them; `None` once the last was sent.
struct Gzip<S> {
    pieces: S,
    encoder: Option<GzEncoder<Vec<u8>>>,
}

fn gzip<S>(pieces: S) -> impl Stream<Item = Result<Bytes, BoxError>> + Send
where
    S: Stream<Item = Result<Bytes, BoxError>> + Send,
{
    let gzip = Gzip { pieces: Box::pin(pieces), encoder: Some(GzEncoder::new(Vec::new(), LEVEL)) };
    futures::stream::try_unfold(gzip, |mut gzip| async move {
        let Some(mut encoder) = gzip.encoder.take() else { return Ok(None) };
        while let Some(piece) = gzip.pieces.next().await {
            encoder.write_all(&piece?)?;
            let ready = std::mem::take(encoder.get_mut());
            if !ready.is_empty() {
                gzip.encoder = Some(encoder);
                return Ok(Some((ready.into(), gzip)));
            }
        }
        Ok(Some((encoder.finish()?.into(), gzip)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &str, expect: bool) {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, value.parse().unwrap());
        assert_eq!(accepts_gzip(&headers), expect, "{value}");
    }

    #[test]
    fn gzip_is_asked_for_by_name() {
        check("gzip", true);
        check("deflate, gzip;q=1.0", true);
        check("identity", false);
        check("gzip;q=0", false);
    }
}
