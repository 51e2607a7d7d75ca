//! `patch`: the four patch types, through the main door and through that of the status.

use bythos_patch::{ApplyError, PatchError};
use bythos_schema::{FieldError, FieldPath, Refusal};
use http::Response;
use serde_json::{Value, json};

use super::update::expect_current;
use crate::body::Body;
use crate::call::Call;
use crate::resources::Target;
use crate::status::{Failure, ResourceName};
use crate::write::{self, Current, Door, Ownership, Writing};
use crate::{decode, object};

const ACCEPTED: &str = "application/json-patch+json, application/merge-patch+json, \
                        application/strategic-merge-patch+json, application/apply-patch+yaml";
const ACCEPTED_CUSTOM: &str =
    "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml";

/// A patch as the client sent it.
pub(crate) enum Patch {
    Json(Value),
    Merge(Value),
    Strategic(Value),
    Apply { applied: Value, force: bool },
}

impl Patch {
    /// Reads the patch by its `Content-Type`.
    pub(crate) fn of(call: &Call, is_custom: bool) -> Result<Patch, Failure> {
        let body = &call.body;
        match call.content_type() {
            "application/json-patch+json" => Ok(Patch::Json(decode::json(body)?)),
            "application/merge-patch+json" => Ok(Patch::Merge(decode::json(body)?)),
            "application/strategic-merge-patch+json" if !is_custom => {
                Ok(Patch::Strategic(decode::json(body)?))
            }
            "application/apply-patch+yaml" => {
                expect_manager(call)?;
                Ok(Patch::Apply { applied: decode::yaml(body)?, force: call.query.is_true("force") })
            }
            _ if is_custom => Err(Failure::UnsupportedMediaType(ACCEPTED_CUSTOM)),
            _ => Err(Failure::UnsupportedMediaType(ACCEPTED)),
        }
    }
}

/// An apply names who owns what it applies.
fn expect_manager(call: &Call) -> Result<(), Failure> {
    if call.query.get("fieldManager").is_some() {
        return Ok(());
    }
    let path = FieldPath::root().field("fieldManager");
    let errors = vec![FieldError::required(path, "is required for apply patch")];
    Err(Failure::Invalid {
        kind: ResourceName::new("meta.k8s.io", "PatchOptions"),
        name: String::new(),
        errors,
    })
}

pub(crate) async fn answer(target: &Target<'_>, door: Door) -> Result<Response<Body>, Failure> {
    let options = target.call.write_options()?;
    let writing = target.writing(door, &options);
    match Patch::of(target.call, target.served.is_custom())? {
        Patch::Apply { applied, force } => apply(target, &writing, applied, force).await,
        patch => {
            // What to tell about the patched object is known only once it was made.
            let warnings = std::sync::Mutex::new(Vec::new());
            let repeated = decode::repeated(target.call, options.validation);
            let make = |current: &Current| {
                let mut new = patched(&writing, &current.object, &patch)?;
                decode::expect_kind(&mut new, &target.served, target.namespace)?;
                decode::expect_name(&mut new, target.name)?;
                let unknown = write::prune(&writing, &mut new, &repeated)?;
                *warnings.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = unknown;
                expect_current(&writing, current, &new)?;
                Ok((through_door(door, &current.object, new), Ownership::Track))
            };
            let written = write::change(&writing, target.name, &make).await?;
            let warnings = warnings.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
            super::written(target, &written, &warnings)
        }
    }
}

/// The object with the patch carried out.
pub(crate) fn patched(writing: &Writing<'_>, object: &Value, patch: &Patch) -> Result<Value, Failure> {
    let mut new = object.clone();
    let outcome = match patch {
        Patch::Json(patch) => bythos_patch::json_patch(&mut new, patch),
        Patch::Strategic(patch) => bythos_patch::strategic_merge(&mut new, patch, &writing.served.schema()),
        Patch::Merge(patch) | Patch::Apply { applied: patch, .. } => {
            bythos_patch::merge_patch(&mut new, patch);
            Ok(())
        }
    };
    match outcome {
        Ok(()) => Ok(new),
        Err(error) => Err(refused_patch(writing, object::name(object), patch, &error)),
    }
}

fn refused_patch(writing: &Writing<'_>, name: &str, patch: &Patch, error: &PatchError) -> Failure {
    match patch {
        // Upstream: a JSON patch that cannot be carried out on this object is an invalid one (422).
        Patch::Json(patch) if bythos_patch::is_json_patch(patch) => Failure::Invalid {
            kind: writing.served.kind_name(),
            name: name.to_owned(),
            errors: vec![FieldError {
                path: FieldPath::root().field("patch"),
                refusal: Refusal::Invalid,
                value: None,
                detail: error.to_string(),
            }],
        },
        _ => Failure::BadRequest(error.to_string()),
    }
}

/// What the door lets through: of the new state only the status where it is the status' door.
fn through_door(door: Door, old: &Value, new: Value) -> Value {
    match door {
        Door::Status => crate::subresource::status::with_status_of(old, &new),
        _ => new,
    }
}

async fn apply(
    target: &Target<'_>,
    writing: &Writing<'_>,
    mut applied: Value,
    force: bool,
) -> Result<Response<Body>, Failure> {
    decode::expect_kind(&mut applied, &target.served, target.namespace)?;
    decode::expect_name(&mut applied, target.name)?;
    if applied.pointer("/metadata/managedFields").is_some_and(|owners| !owners.is_null()) {
        return Err(Failure::BadRequest("metadata.managedFields must be nil".to_owned()));
    }
    let repeated = decode::repeated(target.call, writing.options.validation);
    let warnings = write::prune(writing, &mut applied, &repeated)?;
    if writing.door == Door::Status {
        applied = status_alone(&applied);
    }
    loop {
        let written = match writing.current(target.name)? {
            None if writing.door == Door::Main => match create_applied(writing, &applied, force).await {
                // Another writer was first; the apply now finds its object.
                Err(Failure::AlreadyExists { .. }) if !writing.options.dry_run => continue,
                outcome => outcome?,
            },
            _ => {
                let make = |current: &Current| {
                    expect_current(writing, current, &applied)?;
                    let merged = merged(writing, Some(&current.object), &applied, force)?;
                    Ok((through_apply_door(writing.door, &current.object, merged), Ownership::Recorded))
                };
                write::change(writing, target.name, &make).await?
            }
        };
        return super::written(target, &written, &warnings);
    }
}

async fn create_applied(
    writing: &Writing<'_>,
    applied: &Value,
    force: bool,
) -> Result<write::Written, Failure> {
    if let Some(uid) = object::meta(applied, "uid") {
        let message = format!(
            "uid mismatch: the provided object specified uid {uid}, and no existing object was found"
        );
        return Err(writing.conflict(object::name(applied), message));
    }
    write::create(writing, merged(writing, None, applied, force)?, Ownership::Recorded).await
}

fn merged(
    writing: &Writing<'_>,
    live: Option<&Value>,
    applied: &Value,
    force: bool,
) -> Result<Value, Failure> {
    let mut applied = applied.clone();
    for field in ["resourceVersion", "uid", "creationTimestamp"] {
        object::set_meta(&mut applied, field, None);
    }
    bythos_patch::server_side_apply(live, &applied, &writing.served.schema(), &writing.writer(), force)
        .map_err(|error| match error {
            ApplyError::Conflicts(conflicts) => Failure::ApplyConflict(conflicts),
            ApplyError::Malformed(error) => Failure::BadRequest(error.to_string()),
        })
}

fn status_alone(applied: &Value) -> Value {
    let mut alone = json!({ "metadata": {} });
    for field in ["apiVersion", "kind", "status"] {
        object::set_field(&mut alone, field, applied.get(field).cloned());
    }
    for field in ["name", "namespace", "resourceVersion", "uid"] {
        object::set_meta(&mut alone, field, object::meta(applied, field).map(|value| json!(value)));
    }
    alone
}

fn through_apply_door(door: Door, old: &Value, merged: Value) -> Value {
    match door {
        Door::Status => {
            let mut new = crate::subresource::status::with_status_of(old, &merged);
            object::set_meta(&mut new, "managedFields", merged.pointer("/metadata/managedFields").cloned());
            new
        }
        _ => merged,
    }
}
