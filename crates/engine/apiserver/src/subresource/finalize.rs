//! `namespaces/finalize`: whoever emptied a namespace takes its finalizer away; with the last one it is gone.

use http::Response;
use serde_json::json;

use crate::body::Body;
use crate::object;
use crate::resources::Target;
use crate::status::Failure;
use crate::verbs::update::{decoded, expect_current};
use crate::verbs::written;
use crate::write::{self, Current, Door, Ownership};

pub(crate) async fn update(target: &Target<'_>) -> Result<Response<Body>, Failure> {
    let options = target.call.write_options()?;
    let writing = target.writing(Door::Finalize, &options);
    let (object, warnings) = decoded(target, &writing)?;
    let finalizers = object.pointer("/spec/finalizers").cloned().unwrap_or_else(|| json!([]));
    let make = |current: &Current| {
        expect_current(&writing, current, &object)?;
        let mut new = current.object.clone();
        object::field_mut(&mut new, "spec").insert("finalizers".to_owned(), finalizers.clone());
        Ok((new, Ownership::Track))
    };
    let updated = write::change(&writing, target.name, &make).await?;
    written(target, &updated, &warnings)
}
