//! `delete`: at once, or as the beginning of an end that finalizers or a pod's grace draw out.

use bythos_kinds::AdmissionOperation;
use bythos_store::{Change, CommitError, Expect, Operation};
use http::{Response, StatusCode};
use serde_json::{Value, json};

use crate::admission;
use crate::body::Body;
use crate::call::{Call, dry_run};
use crate::encode::Encoded;
use crate::registry::Served;
use crate::resources::Target;
use crate::status::{CHANGED_MEANWHILE, Failure, deleted};
use crate::write::{Current, Door, Writing, deletion_is_complete, is_held_namespace};
use crate::{decode, object, stamp, version};

const ATTEMPTS_MAX: usize = 16;
const FOREGROUND: &str = "foregroundDeletion";
const ORPHAN: &str = "orphan";
const PODS_STAY: &str = "child pods are preserved by default when jobs are deleted; set \
    propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning";

/// What becomes of the objects that the deleted one owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Propagation {
    Background,
    Foreground,
    Orphan,
}

/// `DeleteOptions`
#[derive(Debug, Clone, Default)]
pub(crate) struct DeleteOptions {
    grace_seconds: Option<i64>,
    propagation: Option<Propagation>,
    uid: Option<String>,
    pub(crate) revision: Option<String>,
    pub(crate) dry_run: bool,
}

impl DeleteOptions {
    /// From the body, or where there is none from the query.
    pub(crate) fn of(call: &Call) -> Result<DeleteOptions, Failure> {
        if call.body.is_empty() {
            return Self::of_query(call);
        }
        Self::of_body(&decode::value(call.content_type(), &call.body)?)
    }

    fn of_query(call: &Call) -> Result<DeleteOptions, Failure> {
        let query = &call.query;
        Ok(DeleteOptions {
            grace_seconds: query.number("gracePeriodSeconds")?,
            propagation: propagation(
                query.get("propagationPolicy"),
                query.get("orphanDependents").map(|_| query.is_true("orphanDependents")),
            )?,
            dry_run: dry_run(query.all("dryRun").filter(|value| !value.is_empty()))?,
            ..DeleteOptions::default()
        })
    }

    pub(crate) fn of_body(body: &Value) -> Result<DeleteOptions, Failure> {
        let text = |pointer: &str| object::text_at(body, pointer).map(str::to_owned);
        Ok(DeleteOptions {
            grace_seconds: body.get("gracePeriodSeconds").and_then(Value::as_i64),
            propagation: propagation(
                object::text_at(body, "/propagationPolicy"),
                body.get("orphanDependents").and_then(Value::as_bool),
            )?,
            uid: text("/preconditions/uid"),
            revision: text("/preconditions/resourceVersion"),
            dry_run: dry_run(object::strings(body.get("dryRun")).into_iter())?,
        })
    }
}

fn propagation(policy: Option<&str>, orphan: Option<bool>) -> Result<Option<Propagation>, Failure> {
    match (policy, orphan) {
        (Some("Background"), _) | (None, Some(false)) => Ok(Some(Propagation::Background)),
        (Some("Foreground"), _) => Ok(Some(Propagation::Foreground)),
        (Some("Orphan"), _) | (None, Some(true)) => Ok(Some(Propagation::Orphan)),
        (None, None) => Ok(None),
        (Some(other), _) => Err(Failure::BadRequest(format!(
            "propagationPolicy: Unsupported value: {other:?}: supported values: \"Foreground\", \"Background\", \
             \"Orphan\""
        ))),
    }
}

/// What a deletion led to.
pub(crate) enum Deleted {
    /// The object is gone.
    Gone { uid: Option<String> },
    /// Its end has begun; this is how it is now.
    Ending(bytes::Bytes),
}

pub(crate) async fn answer(target: &Target<'_>) -> Result<Response<Body>, Failure> {
    let write_options = target.call.write_options()?;
    let mut options = DeleteOptions::of(target.call)?;
    options.dry_run |= write_options.dry_run;
    let writing = target.writing(Door::Main, &write_options);
    let mut response = match delete(&writing, target.name, &options).await? {
        Deleted::Ending(object) => target.call.answer_object(&target.served, StatusCode::OK, &object)?,
        Deleted::Gone { uid } => {
            let status = deleted(&target.served.name(), target.name, uid.as_deref());
            target.call.answer_value(StatusCode::OK, &status)?
        }
    };
    super::warn(&mut response, &warnings(&target.served, &options));
    Ok(response)
}

/// What to tell who deletes without saying what becomes of dependents.
pub(super) fn warnings(served: &Served, options: &DeleteOptions) -> Vec<String> {
    let is_said = options.propagation.is_some() || !leaves_dependents(served);
    (!is_said).then(|| PODS_STAY.to_owned()).into_iter().collect()
}

/// Whether dependents stay unless the client says otherwise: those of jobs, for compatibility with their first version.
fn leaves_dependents(served: &Served) -> bool {
    &*served.resource == "jobs.batch"
}

/// Deletes one object, or begins to.
pub(crate) async fn delete(
    writing: &Writing<'_>,
    name: &str,
    options: &DeleteOptions,
) -> Result<Deleted, Failure> {
    for _ in 0..ATTEMPTS_MAX {
        let current = writing.current(name)?.ok_or_else(|| writing.not_found(name))?;
        admission::admit_deletion(writing, name)?;
        hold_preconditions(writing, name, &current, options)?;
        admission::policies::admit(writing, AdmissionOperation::Delete, Some(&current.object), None)?;
        let ending = ending(writing, &current.object, options);
        let is_gone = deletion_is_complete(&ending);
        if !is_gone && stamp::is_same(&current.object, &ending) {
            return Ok(Deleted::Ending(current.entry.value.clone()));
        }
        match carry_out(writing, &current, ending, is_gone, options.dry_run).await {
            Ok(deleted) => return Ok(deleted),
            Err(CommitError::Unexpected { .. }) => {}
            Err(error) => return Err(Failure::of_commit(error, writing.served.name(), name)),
        }
    }
    Err(writing.conflict(name, CHANGED_MEANWHILE))
}

fn hold_preconditions(
    writing: &Writing<'_>,
    name: &str,
    current: &Current,
    options: &DeleteOptions,
) -> Result<(), Failure> {
    let stored_uid = object::meta(&current.object, "uid").unwrap_or_default();
    if let Some(uid) = options.uid.as_deref().filter(|uid| *uid != stored_uid) {
        let message =
            format!("Precondition failed: UID in precondition: {uid}, UID in object meta: {stored_uid}");
        return Err(writing.conflict(name, message));
    }
    let stored = current.entry.revision.0.to_string();
    if let Some(revision) = options.revision.as_deref().filter(|revision| *revision != stored) {
        let message = format!(
            "Precondition failed: ResourceVersion in precondition: {revision}, ResourceVersion in object meta: {stored}"
        );
        return Err(writing.conflict(name, message));
    }
    Ok(())
}

async fn carry_out(
    writing: &Writing<'_>,
    current: &Current,
    mut ending: Value,
    is_gone: bool,
    dry_run: bool,
) -> Result<Deleted, CommitError> {
    let uid = object::meta(&ending, "uid").map(str::to_owned);
    version::to_stored(writing.served, &mut ending);
    let gone_or = |object| if is_gone { Deleted::Gone { uid } } else { Deleted::Ending(object) };
    // A value of JSON types alone always encodes.
    let Ok(encoded) = Encoded::of(&ending) else { return Ok(gone_or(current.entry.value.clone())) };
    if dry_run {
        return Ok(gone_or(encoded.at(current.entry.revision)));
    }
    let change = if is_gone { Change::Delete(encoded.encode()) } else { Change::Put(encoded.encode()) };
    let expect = Expect::At(current.entry.revision);
    let operation = Operation { key: current.entry.key.clone(), expect, change };
    let revision = writing.state.commit(vec![operation]).await?;
    Ok(gone_or(encoded.at(revision)))
}

/// The object as its deletion leaves it: gone if nothing holds it, else with the time of its end.
fn ending(writing: &Writing<'_>, current: &Value, options: &DeleteOptions) -> Value {
    let mut ending = current.clone();
    set_propagation(&mut ending, options.propagation.or_else(|| by_default(writing.served, current)));
    let grace_seconds = grace_seconds(writing, current, options);
    if object::is_ending(current) {
        let left =
            current.pointer("/metadata/deletionGracePeriodSeconds").and_then(Value::as_i64).unwrap_or(0);
        if grace_seconds >= left {
            return ending;
        }
    } else {
        if ending.pointer("/metadata/generation").is_some() {
            stamp::next_generation(&mut ending);
        }
        if is_held_namespace(&ending) {
            object::field_mut(&mut ending, "status").insert("phase".to_owned(), json!("Terminating"));
        }
    }
    let end = jiff::Timestamp::now()
        .checked_add(jiff::SignedDuration::from_secs(grace_seconds))
        .unwrap_or(jiff::Timestamp::MAX);
    object::set_meta(&mut ending, "deletionTimestamp", Some(json!(object::timestamp(end))));
    object::set_meta(&mut ending, "deletionGracePeriodSeconds", Some(json!(grace_seconds)));
    ending
}

/// How an object goes whose deletion does not say it, unless a finalizer does, or it goes already.
fn by_default(served: &Served, current: &Value) -> Option<Propagation> {
    let is_said = object::is_ending(current)
        || object::finalizers(current).iter().any(|finalizer| [FOREGROUND, ORPHAN].contains(finalizer));
    (!is_said && leaves_dependents(served)).then_some(Propagation::Orphan)
}

fn set_propagation(object: &mut Value, propagation: Option<Propagation>) {
    let Some(propagation) = propagation else { return };
    let mut finalizers: Vec<String> = object::finalizers(object)
        .into_iter()
        .filter(|finalizer| !matches!(*finalizer, FOREGROUND | ORPHAN))
        .map(str::to_owned)
        .collect();
    match propagation {
        Propagation::Background => {}
        Propagation::Foreground => finalizers.push(FOREGROUND.to_owned()),
        Propagation::Orphan => finalizers.push(ORPHAN.to_owned()),
    }
    let finalizers = (!finalizers.is_empty()).then(|| json!(finalizers));
    object::set_meta(object, "finalizers", finalizers);
}

/// How long the object may take to end. Only a pod that a node runs takes time.
fn grace_seconds(writing: &Writing<'_>, current: &Value, options: &DeleteOptions) -> i64 {
    let is_pod = &*writing.served.resource == "pods";
    let is_on_a_node = object::text_at(current, "/spec/nodeName").is_some();
    let has_ended = matches!(object::text_at(current, "/status/phase"), Some("Succeeded" | "Failed"));
    if !is_pod || !is_on_a_node || has_ended {
        return 0;
    }
    let own = current.pointer("/spec/terminationGracePeriodSeconds").and_then(Value::as_i64);
    match options.grace_seconds.or(own).unwrap_or(30) {
        // Upstream: a negative period means as short as possible.
        seconds if seconds < 0 => 1,
        seconds => seconds,
    }
}
