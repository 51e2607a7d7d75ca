//! `status`: what controllers observed, written apart from what people want.

use http::Response;
use serde_json::Value;

use crate::body::Body;
use crate::object;
use crate::resources::Target;
use crate::status::Failure;
use crate::verbs::update::{decoded, expect_current};
use crate::verbs::written;
use crate::write::{self, Current, Door, Ownership, Writing};

pub(crate) async fn update(target: &Target<'_>) -> Result<Response<Body>, Failure> {
    replace(target, |_, old, new| Ok(with_status_of(old, new))).await
}

/// What a door lets through: of the stored object and the one that the client sent, the one that is to be stored.
pub(super) type Merge = fn(&Writing<'_>, &Value, &Value) -> Result<Value, Failure>;

/// Writes a part of the status.
pub(super) async fn replace(target: &Target<'_>, merge: Merge) -> Result<Response<Body>, Failure> {
    let options = target.call.write_options()?;
    let writing = target.writing(Door::Status, &options);
    let (object, warnings) = decoded(target, &writing)?;
    let make = |current: &Current| {
        expect_current(&writing, current, &object)?;
        Ok((merge(&writing, &current.object, &object)?, Ownership::Track))
    };
    let updated = write::change(&writing, target.name, &make).await?;
    written(target, &updated, &warnings)
}

/// `old`, with the status of `new`.
pub(crate) fn with_status_of(old: &Value, new: &Value) -> Value {
    let mut object = old.clone();
    object::set_field(&mut object, "status", new.get("status").cloned());
    object
}
