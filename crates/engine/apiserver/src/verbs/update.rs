//! `update`: the whole object takes the place of the stored one.

use bythos_schema::{FieldError, FieldPath, Refusal};
use http::Response;
use serde_json::{Value, json};

use crate::body::Body;
use crate::resources::Target;
use crate::status::{CHANGED_MEANWHILE, Failure};
use crate::write::{self, Current, Door, Ownership, Writing, Written};
use crate::{authorize, decode, object};

pub(crate) async fn answer(target: &Target<'_>) -> Result<Response<Body>, Failure> {
    let options = target.call.write_options()?;
    let writing = target.writing(Door::Main, &options);
    let (object, warnings) = decoded(target, &writing)?;
    let updated = update_or_create(target, &writing, object).await;
    let updated = updated.map_err(|failure| write::of_body(&writing, failure))?;
    super::written(target, &updated, &warnings)
}

async fn update_or_create(
    target: &Target<'_>,
    writing: &Writing<'_>,
    object: Value,
) -> Result<Written, Failure> {
    if may_be_created(target, &object) {
        authorize::create(target)?;
        match write::create(writing, object.clone(), Ownership::Track).await {
            // Another writer was first; the update now finds its object.
            Err(Failure::AlreadyExists { .. }) => {}
            outcome => return outcome,
        }
    }
    expect_revision(writing, target.name, &object)?;
    let make = |current: &Current| {
        expect_current(writing, current, &object)?;
        Ok((object.clone(), Ownership::Track))
    };
    write::change(writing, target.name, &make).await
}

/// Whether the update makes the object. One that was computed from an object means that one.
fn may_be_created(target: &Target<'_>, object: &Value) -> bool {
    let is_of_one_seen = ["resourceVersion", "uid"].iter().any(|field| object::meta(object, field).is_some());
    target.served.kind.is_created_by_update()
        && !is_of_one_seen
        && target.call.state.store.get(&target.key()).is_none()
}

fn expect_revision(writing: &Writing<'_>, name: &str, object: &Value) -> Result<(), Failure> {
    if !writing.served.kind.needs_revision_for_update() || object::meta(object, "resourceVersion").is_some() {
        return Ok(());
    }
    let path = FieldPath::root().field("metadata").field("resourceVersion");
    let error = FieldError::of(path, Refusal::Invalid, &json!(0), "must be specified for an update");
    Err(writing.invalid(name, vec![error]))
}

/// The object that the client sent, pruned, with what to tell about it.
pub(crate) fn decoded(target: &Target<'_>, writing: &Writing<'_>) -> Result<(Value, Vec<String>), Failure> {
    let mut object = decode::value(target.call.content_type(), &target.call.body)?;
    decode::expect_kind(&mut object, &target.served, target.namespace)?;
    decode::expect_name(&mut object, target.name)?;
    let repeated = decode::repeated(target.call, writing.options.validation);
    let warnings = write::prune(writing, &mut object, &repeated)?;
    Ok((object, warnings))
}

/// Refuses a write that was computed from another revision of the object, or from another object of its name.
pub(crate) fn expect_current(writing: &Writing<'_>, current: &Current, new: &Value) -> Result<(), Failure> {
    let name = object::name(&current.object);
    let stored_uid = object::meta(&current.object, "uid").unwrap_or_default();
    if let Some(uid) = object::meta(new, "uid").filter(|uid| *uid != stored_uid) {
        let message =
            format!("Precondition failed: UID in precondition: {uid}, UID in object meta: {stored_uid}");
        return Err(writing.conflict(name, message));
    }
    match object::meta(new, "resourceVersion") {
        Some(revision) if revision != current.entry.revision.0.to_string() => {
            Err(writing.conflict(name, CHANGED_MEANWHILE))
        }
        _ => Ok(()),
    }
}
