//! Server-side apply.

use bythos_schema::{FieldPath, Schema};
use serde_json::{Map, Value};

use crate::compare::Comparison;
use crate::field_set::FieldSet;
use crate::managed_fields::{self, Entry, Operation};
use crate::merge::merge;
use crate::owned::{Namesakes, check_items, owned_fields, with_named_fields};
use crate::ownership::{bring_up_to_date, dispossess, ownable};
use crate::remove::without;
use crate::{PatchError, Writer};

/// Another manager holds a field that an apply wants to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// Who holds it.
    pub manager: String,
    /// Empty, `status` or `scale`.
    pub subresource: String,
    /// `Apply` or `Update`.
    pub operation: String,
    /// API version of the other manager's entry.
    pub api_version: String,
    /// Which field.
    pub path: FieldPath,
}

/// An apply that was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// Others hold what it wants to change.
    #[error("{} conflict(s) with other field managers", .0.len())]
    Conflicts(Vec<Conflict>),
    /// The applied object or the stored `managedFields` make no sense.
    #[error(transparent)]
    Malformed(#[from] PatchError),
}

/// Under this name upstream keeps what an object held before anybody's fields were tracked.
const BEFORE_FIRST_APPLY: &str = "before-first-apply";

/// Server-side apply: merges `applied` into `live` (`None` when the object is to be created), removes what the
/// manager applied before and does not apply now, and records ownership in `metadata.managedFields`.
///
/// An apply that changes neither values nor ownership returns a value equal to `live`, times included.
///
/// # Errors
/// See [`ApplyError`]; `force` takes the fields over instead of conflicting.
pub fn server_side_apply(
    live: Option<&Value>,
    applied: &Value,
    schema: &Schema,
    writer: &Writer,
    force: bool,
) -> Result<Value, ApplyError> {
    check_applied(applied, schema)?;
    let Before { object: before, entries } = Before::of(live, schema, writer)?;
    let mut own = Entry::of(writer, Operation::Apply, owned_fields(schema, applied));
    let (last, mut others): (Vec<Entry>, Vec<Entry>) =
        entries.into_iter().partition(|entry| entry.is_same(&own));
    let last = last.into_iter().next();

    let mut object = merge(schema, Some(&before), Some(applied)).unwrap_or_else(|| before.clone());
    if let Some(last) = &last {
        object = prune(schema, object, &last.fields, &all_fields(&others, &own));
    }
    let change = Comparison::of(schema, &before, &object);
    let conflicts = conflicts(&others, &change);
    if !force && !conflicts.is_empty() {
        return Err(ApplyError::Conflicts(conflicts));
    }
    dispossess(&mut others, &change);

    own.fields = ownable(&own.fields);
    if let Some(last) = last.filter(|last| object == before && last.says_the_same(&own)) {
        own.time = last.time;
    }
    if !own.fields.is_empty() {
        others.push(own);
    }
    managed_fields::check_number(others.len())?;
    managed_fields::put(&mut object, others);
    Ok(object)
}

fn check_applied(applied: &Value, schema: &Schema) -> Result<(), PatchError> {
    if !applied.is_object() {
        return Err(PatchError::new("", format!("expected an object to apply, found {applied}")));
    }
    if managed_fields::list_of(applied).is_some_and(|list| !list.is_null()) {
        let message = "must not be set in what is applied: the server keeps it";
        return Err(PatchError::new("metadata.managedFields", message));
    }
    check_items(schema, applied, Namesakes::Refused, &FieldPath::root())
}

/// The object as it stands, apart from who owns it.
struct Before {
    object: Value,
    entries: Vec<Entry>,
}

impl Before {
    fn of(live: Option<&Value>, schema: &Schema, writer: &Writer) -> Result<Self, PatchError> {
        let Some(live) = live else {
            return Ok(Before { object: Value::Object(Map::new()), entries: Vec::new() });
        };
        check_items(schema, live, Namesakes::Tolerated, &FieldPath::root())?;
        let mut object = live.clone();
        let list = managed_fields::take(&mut object);
        let mut entries = managed_fields::decode(list.as_ref())?;
        if entries.is_empty() {
            entries.extend(Before::untracked(&object, schema, writer));
        }
        bring_up_to_date(&mut entries, schema);
        Ok(Before { object, entries })
    }

    fn untracked(object: &Value, schema: &Schema, writer: &Writer) -> Option<Entry> {
        let nothing = Value::Object(Map::new());
        let fields = ownable(&Comparison::of(schema, &nothing, object).added);
        let writer =
            Writer { manager: BEFORE_FIRST_APPLY.to_owned(), subresource: String::new(), ..writer.clone() };
        (!fields.is_empty()).then(|| Entry::of(&writer, Operation::Update, fields))
    }
}

fn all_fields(others: &[Entry], own: &Entry) -> FieldSet {
    let mut all = own.fields.clone();
    for entry in others {
        all.add(&entry.fields);
    }
    all
}

/// Removes what was applied last time, is not applied now, and is owned by nobody else.
fn prune(schema: &Schema, merged: Value, last: &FieldSet, managed: &FieldSet) -> Value {
    if last.is_empty() {
        return merged;
    }
    let named = |set: &FieldSet| with_named_fields(set, schema);
    let named_of = |value: &Value| named(&owned_fields(schema, value));
    let last = named(last);
    let all = named_of(&merged);
    // Without the last apply's fields, then with those back that anybody owns, and all that stands below them.
    let bare = without(schema, &merged, &last);
    let owned = without(schema, &merged, &all.difference(&named_of(&bare).union(&named(managed))));
    // What went although the last apply did not hold it was nobody's: it stays.
    without(schema, &merged, &all.difference(&named_of(&owned)).intersection(&last))
}

fn conflicts(others: &[Entry], change: &Comparison) -> Vec<Conflict> {
    let changed = change.modified.union(&change.added);
    let contested = others.iter().flat_map(|entry| {
        entry.fields.intersection(&changed).paths().into_iter().map(|path| Conflict {
            manager: entry.manager.clone(),
            subresource: entry.subresource.clone(),
            operation: entry.operation.name().to_owned(),
            api_version: entry.api_version.clone(),
            path,
        })
    });
    contested.collect()
}

#[cfg(test)]
mod tests;
