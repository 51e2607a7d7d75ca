//! What can be done to objects of every kind, one verb per file.

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod deletecollection;
pub(crate) mod get;
pub(crate) mod list;
mod list_options;
pub(crate) mod patch;
pub(crate) mod update;
pub(crate) mod watch;

use http::header::{HeaderName, HeaderValue};
use http::{Response, StatusCode};

use crate::body::Body;
use crate::resources::Target;
use crate::status::Failure;
use crate::write::Written;

static WARNING: HeaderName = HeaderName::from_static("warning");

/// The answer to a write.
pub(crate) fn written(
    target: &Target<'_>,
    written: &Written,
    warnings: &[String],
) -> Result<Response<Body>, Failure> {
    let code = if written.created { StatusCode::CREATED } else { StatusCode::OK };
    let mut response = target.call.answer_object(&target.served, code, &written.object)?;
    warn(&mut response, warnings);
    warn(&mut response, &written.warnings);
    Ok(response)
}

/// Adds warnings for people, as RFC 7234 writes them; what cannot stand in a header is left out.
pub(crate) fn warn(response: &mut Response<Body>, warnings: &[String]) {
    for warning in warnings {
        let quoted = warning.replace('\\', "\\\\").replace('"', "\\\"");
        if let Ok(value) = HeaderValue::from_str(&format!("299 - \"{quoted}\"")) {
            response.headers_mut().append(&WARNING, value);
        }
    }
}
