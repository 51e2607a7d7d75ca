//! The one pipeline of all writes: decode, prune, default, admit, validate, stamp, track owners, commit.

mod options;

use std::sync::Arc;

use bytes::Bytes;
use bythos_access::User;
use bythos_kinds::{AdmissionOperation, Kind};
use bythos_patch::{Writer, track_update};
use bythos_schema::{FieldError, FieldPath, Refusal, Step};
use bythos_store::{Change, CommitError, Entry, Expect, Operation};
use serde_json::Value;

use crate::admission::{self, Admitted, quota};
use crate::encode::Encoded;
use crate::object;
use crate::registry::Served;
use crate::state::State;
use crate::status::{CHANGED_MEANWHILE, Failure};
use crate::{stamp, version};

pub(crate) use options::{Door, FieldValidation, WriteOptions};

/// How often a change is computed anew because another writer was first.
const ATTEMPTS_MAX: usize = 16;

/// Who writes to which kind through which door.
#[derive(Clone, Copy)]
pub(crate) struct Writing<'a> {
    pub(crate) state: &'a Arc<State>,
    pub(crate) user: &'a User,
    pub(crate) served: &'a Arc<Served>,
    /// Empty for cluster scope.
    pub(crate) namespace: &'a str,
    pub(crate) door: Door,
    pub(crate) options: &'a WriteOptions,
}

/// Who owns the fields of the new state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ownership {
    /// To be found by comparing with the old state.
    Track,
    /// Recorded already, by an apply.
    Recorded,
}

/// A write that was carried out.
#[derive(Debug)]
pub(crate) struct Written {
    /// The object as it is now.
    pub(crate) object: Bytes,
    pub(crate) created: bool,
    /// What to tell the client besides.
    pub(crate) warnings: Vec<String>,
}

/// An object as it is stored.
pub(crate) struct Current {
    pub(crate) entry: Arc<Entry>,
    pub(crate) object: Value,
}

impl Writing<'_> {
    /// The stored object, in the version that is written.
    pub(crate) fn current(&self, name: &str) -> Result<Option<Current>, Failure> {
        let Some(entry) = self.state.store.get(&self.served.key(self.namespace, name)) else {
            return Ok(None);
        };
        let object = version::read(self.served, &entry.value)?;
        Ok(Some(Current { entry, object }))
    }

    /// Who writes, for `managedFields`.
    pub(crate) fn writer(&self) -> Writer {
        Writer {
            manager: self.options.manager.clone(),
            api_version: self.served.api_version.clone(),
            subresource: self.door.subresource().to_owned(),
            time: object::now(),
        }
    }

    pub(crate) fn not_found(&self, name: &str) -> Failure {
        Failure::NotFound { resource: self.served.name(), name: name.to_owned() }
    }

    pub(crate) fn conflict(&self, name: &str, message: impl Into<String>) -> Failure {
        Failure::Conflict { resource: self.served.name(), name: name.to_owned(), message: message.into() }
    }

    /// Admission's refusal.
    pub(crate) fn forbidden(&self, object: &Value, reason: &str) -> Failure {
        let (resource, name) = (self.served.name(), object::name(object).to_owned());
        let message = format!("{resource} {name:?} is forbidden: {reason}");
        Failure::Forbidden { resource: Some(resource), name, message }
    }

    pub(crate) fn invalid(&self, name: &str, errors: Vec<FieldError>) -> Failure {
        Failure::Invalid { kind: self.served.kind_name(), name: name.to_owned(), errors }
    }
}

/// Removes the fields that the kind does not have. What to tell the client about them, and about what its body
/// `repeated`, is returned.
///
/// # Errors
/// There is something to tell, and the client wants none of it.
pub(crate) fn prune(
    writing: &Writing<'_>,
    object: &mut Value,
    repeated: &[String],
) -> Result<Vec<String>, Failure> {
    let unknown = writing.served.schema().prune(object);
    let unknown = unknown.iter().map(|path| format!("unknown field \"{path}\""));
    let words: Vec<String> = repeated.iter().cloned().chain(unknown).collect();
    match writing.options.validation {
        FieldValidation::Ignore => Ok(Vec::new()),
        FieldValidation::Warn => Ok(words),
        FieldValidation::Strict if words.is_empty() => Ok(words),
        FieldValidation::Strict => {
            Err(not_handled(writing, &format!("strict decoding error: {}", words.join(", "))))
        }
    }
}

/// A body that is no object of the kind. Upstream's decoder says so before anything else looks at it.
fn not_handled(writing: &Writing<'_>, why: &str) -> Failure {
    let Kind { kind, version, .. } = &writing.served.kind;
    Failure::BadRequest(format!("{kind} in version {version:?} cannot be handled as a {kind}: {why}"))
}

/// The failure of a write whose object is the body itself: where a value of a built-in kind has the wrong type, upstream
/// does not get to know the object.
pub(crate) fn of_body(writing: &Writing<'_>, failure: Failure) -> Failure {
    let Failure::Invalid { errors, .. } = &failure else { return failure };
    let mistyped = errors.iter().find(|error| error.refusal == Refusal::TypeInvalid);
    match mistyped.filter(|_| !writing.served.is_custom()) {
        Some(error) => not_handled(writing, &error.to_string()),
        None => failure,
    }
}

/// Makes a new object. It is pruned already.
pub(crate) async fn create(
    writing: &Writing<'_>,
    mut new: Value,
    ownership: Ownership,
) -> Result<Written, Failure> {
    let kind = &writing.served.kind;
    fill_defaults(writing, None, &mut new)?;
    // The name comes first: a namespace is labelled with its own, also when it is generated.
    stamp::created(writing, &mut new)?;
    (kind.rules.prepare_create)(&mut new);
    let Admitted { held, mut warnings } = admission::admit(writing, None, &mut new).await?;
    let name = object::name(&new).to_owned();
    let mut errors = bythos_kinds::validate_metadata(kind, &new);
    errors.extend((kind.rules.validate)(&new));
    if errors.is_empty() {
        errors = kind.custom.rules.validate(None, &new);
    }
    if !errors.is_empty() {
        return Err(writing.invalid(&name, errors));
    }
    warnings.extend(admission::policies::admit(writing, AdmissionOperation::Create, None, Some(&new))?);
    if ownership == Ownership::Track {
        track_update(None, &mut new, &writing.served.schema(), &writing.writer());
    }
    store_version(writing, &mut new);
    let object = commit_creation(writing, &name, &new).await;
    drop(held);
    Ok(Written { object: object?, created: true, warnings })
}

/// Commits a new object with what it has to pay to quotas.
async fn commit_creation(writing: &Writing<'_>, name: &str, new: &Value) -> Result<Bytes, Failure> {
    let encoded = Encoded::of(new)?;
    let key = writing.served.key(writing.namespace, name);
    for _ in 0..ATTEMPTS_MAX {
        let charges = quota::charge(writing, None, new).await?;
        if writing.options.dry_run {
            return dry_creation(writing, &key, new);
        }
        let mut operations = charges.operations();
        let change = Change::Put(encoded.encode());
        operations.push(Operation { key: key.clone(), expect: Expect::Absent, change });
        match writing.state.commit(operations).await {
            Ok(revision) => return Ok(encoded.at(revision)),
            // A quota was written by somebody meanwhile.
            Err(CommitError::Unexpected { key: other, .. }) if other != key => {}
            Err(error) => return Err(Failure::of_commit(error, writing.served.name(), name)),
        }
    }
    Err(writing.conflict(name, CHANGED_MEANWHILE))
}

/// What a creation would answer.
fn dry_creation(writing: &Writing<'_>, key: &bythos_store::Key, new: &Value) -> Result<Bytes, Failure> {
    if writing.state.store.get(key).is_some() {
        return Err(Failure::AlreadyExists { resource: writing.served.name(), name: key.name.to_string() });
    }
    Ok(serde_json::to_vec(new)?.into())
}

/// Computes the new state of an object from the current one.
pub(crate) type Make<'a> = dyn Fn(&Current) -> Result<(Value, Ownership), Failure> + Send + Sync + 'a;

/// Changes an object: `make` computes the new state from the current one, again if another writer was first.
pub(crate) async fn change(writing: &Writing<'_>, name: &str, make: &Make<'_>) -> Result<Written, Failure> {
    for _ in 0..ATTEMPTS_MAX {
        let current = writing.current(name)?.ok_or_else(|| writing.not_found(name))?;
        let (new, ownership) = make(&current)?;
        if let Some(written) = replace(writing, name, &current, new, ownership).await? {
            return Ok(written);
        }
    }
    Err(writing.conflict(name, CHANGED_MEANWHILE))
}

/// Puts a new state in the place of the current one. `None` if the current one is not current any more.
async fn replace(
    writing: &Writing<'_>,
    name: &str,
    current: &Current,
    mut new: Value,
    ownership: Ownership,
) -> Result<Option<Written>, Failure> {
    let old = &current.object;
    stamp::kept(old, &mut new);
    if writing.door == Door::Main && writing.served.has_status() {
        object::set_field(&mut new, "status", old.get("status").cloned());
    }
    fill_defaults(writing, Some(old), &mut new)?;
    if writing.door == Door::Main {
        (writing.served.kind.rules.prepare_update)(old, &mut new);
    }
    let Admitted { held, mut warnings } = match writing.door {
        Door::Main => admission::admit(writing, Some(old), &mut new).await?,
        _ => Admitted::default(),
    };
    let errors = validate_update(writing, old, &new);
    if !errors.is_empty() {
        return Err(writing.invalid(name, errors));
    }
    warnings.extend(admission::policies::admit(writing, AdmissionOperation::Update, Some(old), Some(&new))?);
    if ownership == Ownership::Track {
        track_update(Some(old), &mut new, &writing.served.schema(), &writing.writer());
    }
    stamp::generation(writing.served, old, &mut new);
    let ends = deletion_is_complete(&new);
    if !ends && stamp::is_same(old, &new) {
        return Ok(Some(Written { object: current.entry.value.clone(), created: false, warnings }));
    }
    let encoded = Encoded::of(store_version(writing, &mut new))?;
    let charges = quota::charge(writing, Some(old), &new).await?;
    if writing.options.dry_run {
        return Ok(Some(Written { object: encoded.at(current.entry.revision), created: false, warnings }));
    }
    let change = if ends { Change::Delete(encoded.encode()) } else { Change::Put(encoded.encode()) };
    let expect = Expect::At(current.entry.revision);
    let mut operations = charges.operations();
    operations.push(Operation { key: current.entry.key.clone(), expect, change });
    let committed = writing.state.commit(operations).await;
    drop((held, charges));
    match committed {
        Ok(revision) => Ok(Some(Written { object: encoded.at(revision), created: false, warnings })),
        Err(CommitError::Unexpected { .. }) => Ok(None),
        Err(error) => Err(Failure::of_commit(error, writing.served.name(), name)),
    }
}

/// The object in the version in which its kind is stored.
fn store_version<'a>(writing: &Writing<'_>, object: &'a mut Value) -> &'a Value {
    version::to_stored(writing.served, object);
    object
}

/// Whether nothing holds an object any more whose deletion has begun.
pub(crate) fn deletion_is_complete(object: &Value) -> bool {
    let grace = object.pointer("/metadata/deletionGracePeriodSeconds").and_then(Value::as_i64).unwrap_or(0);
    object::is_ending(object)
        && grace == 0
        && object::finalizers(object).is_empty()
        && !is_held_namespace(object)
}

/// Whether it is a namespace that still has finalizers of its own, in its spec.
pub(crate) fn is_held_namespace(object: &Value) -> bool {
    object.get("kind").and_then(Value::as_str) == Some("Namespace")
        && object.get("apiVersion").and_then(Value::as_str) == Some("v1")
        && !object::strings(object.pointer("/spec/finalizers")).is_empty()
}

/// Fills in defaults. In between the schema is held: a kind's own functions may rely on it.
///
/// What was wrong with a custom object before, and is not touched, does not hold it up.
fn fill_defaults(writing: &Writing<'_>, old: Option<&Value>, object: &mut Value) -> Result<(), Failure> {
    let schema = writing.served.schema();
    schema.fill_defaults(object);
    let mut errors = match old {
        Some(old) if writing.served.is_custom() => schema.validate_change(old, object),
        _ => schema.validate(object),
    };
    // What another door wrote is not this writer's fault.
    match writing.door {
        Door::Main if old.is_some() && writing.served.has_status() && !writing.served.is_custom() => {
            errors.retain(|error| !is_below(&error.path, "status"));
        }
        Door::Main => {}
        Door::Status => errors.retain(|error| is_below(&error.path, "status")),
        Door::Scale | Door::Binding | Door::Finalize => errors.retain(|error| is_below(&error.path, "spec")),
    }
    if !errors.is_empty() {
        return Err(writing.invalid(object::name(object), errors));
    }
    (writing.served.kind.rules.default)(object);
    Ok(())
}

fn is_below(path: &FieldPath, field: &str) -> bool {
    matches!(path.steps().first(), Some(Step::Field(first)) if &**first == field)
}

fn validate_update(writing: &Writing<'_>, old: &Value, new: &Value) -> Vec<FieldError> {
    let mut errors = bythos_kinds::validate_metadata_update(old, new);
    if writing.door == Door::Main {
        let kind = &writing.served.kind;
        errors.extend(bythos_kinds::validate_metadata(kind, new));
        errors.extend((kind.rules.validate)(new));
        if errors.is_empty() {
            errors = (kind.rules.validate_update)(old, new);
        }
    }
    if errors.is_empty() {
        errors = rules_broken(writing, old, new);
    }
    errors
}

/// What the rules of a custom kind refuse. Through the door of the status, only what they say of it or of the whole.
fn rules_broken(writing: &Writing<'_>, old: &Value, new: &Value) -> Vec<FieldError> {
    let mut errors = writing.served.kind.custom.rules.validate(Some(old), new);
    if writing.door == Door::Status {
        errors.retain(|error| error.path.steps().is_empty() || is_below(&error.path, "status"));
    }
    errors
}
