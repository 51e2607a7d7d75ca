//! `get`: stored bytes as they are, where the client wants the object in JSON and plain.

use http::{Response, StatusCode};

use crate::body::Body;
use crate::compress::compressed;
use crate::resources::Target;
use crate::status::Failure;
use crate::verbs::list_options::asked_revision;

pub(crate) fn answer(target: &Target<'_>) -> Result<Response<Body>, Failure> {
    // What is there is the newest, and so at least as new as any revision that there is.
    asked_revision(&target.call.query, target.call.state.store.revision())?;
    let entry = target.call.state.store.get(&target.key()).ok_or_else(|| target.not_found())?;
    let response = target.call.answer_object(&target.served, StatusCode::OK, &entry.value)?;
    Ok(compressed(&target.call.headers, response, entry.value.len()))
}
