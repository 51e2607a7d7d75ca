//! The patch of a three-way merge: for releases whose objects are applied by the client, as Helm 3 does.

use bythos_schema::{PatchStrategy, Schema, built_in};
use serde_json::{Map, Value, json};

use super::Object;

/// What to send so that an object becomes as it is to be.
#[derive(Debug, Clone, PartialEq)]
pub enum ThreeWayPatch {
    /// A strategic merge patch: of built-in kinds, whose lists have keys.
    Strategic(Value),
    /// A JSON merge patch: of all other kinds.
    Merge(Value),
}

/// The patch that sets what the object says, takes away what only `previous` said, and leaves alone what neither speaks
/// of: what the server and others put there.
///
/// For kinds that are not built in, Helm compares only the two revisions, so that what somebody changed in the cluster
/// stays changed; here it is set right as well, as kubectl does.
pub fn three_way_patch(previous: Option<&Value>, object: &Object) -> ThreeWayPatch {
    let version = object.key.api_version.rsplit('/').next().unwrap_or_default();
    let schema = built_in(object.key.group(), version, &object.key.kind);
    let patch = field(previous, &object.value, schema.as_deref(), RetainKeys::IfSchemaSays);
    if schema.is_some() { ThreeWayPatch::Strategic(patch) } else { ThreeWayPatch::Merge(patch) }
}

/// Whether an object loses the fields that the patch does not name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum RetainKeys {
    IfSchemaSays,
    /// Its list says so.
    Always,
}

fn field(previous: Option<&Value>, wanted: &Value, schema: Option<&Schema>, retain: RetainKeys) -> Value {
    let strategy = schema.map(|schema| &schema.patch_strategy);
    match (wanted, strategy) {
        (Value::Object(_), _) if schema.is_some_and(|schema| schema.patch_replaces_object) => wanted.clone(),
        (Value::Object(wanted), _) => {
            let nothing = Map::new();
            let previous = previous.and_then(Value::as_object).unwrap_or(&nothing);
            Value::Object(fields(previous, wanted, schema, retain))
        }
        (Value::Array(wanted), Some(PatchStrategy::MergeBy(key))) => {
            let previous = previous.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            Value::Array(items(previous, wanted, key, schema))
        }
        _ => wanted.clone(),
    }
}

fn fields(
    previous: &Map<String, Value>,
    wanted: &Map<String, Value>,
    schema: Option<&Schema>,
    retain: RetainKeys,
) -> Map<String, Value> {
    let mut patch = Map::new();
    for (name, value) in wanted {
        let schema = schema.and_then(|schema| schema.field(name)).map(AsRef::as_ref);
        let before = previous.get(name);
        if schema.is_some_and(|schema| schema.patch_strategy == PatchStrategy::MergeScalars) {
            let removed = removed_scalars(before, value);
            if !removed.is_empty() {
                patch.insert(format!("$deleteFromPrimitiveList/{name}"), Value::Array(removed));
            }
        }
        patch.insert(name.clone(), field(before, value, schema, RetainKeys::IfSchemaSays));
    }
    let gone = previous.keys().filter(|name| !wanted.contains_key(*name));
    patch.extend(gone.map(|name| (name.clone(), Value::Null)));
    if retain == RetainKeys::Always || schema.is_some_and(|schema| schema.retain_keys) {
        patch.insert("$retainKeys".to_owned(), wanted.keys().cloned().collect());
    }
    patch
}

fn removed_scalars(previous: Option<&Value>, wanted: &Value) -> Vec<Value> {
    let previous = previous.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let is_gone = |item: &&Value| wanted.as_array().is_some_and(|wanted| !wanted.contains(item));
    previous.iter().filter(is_gone).cloned().collect()
}

fn items(previous: &[Value], wanted: &[Value], key: &str, list: Option<&Schema>) -> Vec<Value> {
    let schema = list.and_then(|list| list.items.as_deref());
    let retain =
        if list.is_some_and(|list| list.retain_keys) { RetainKeys::Always } else { RetainKeys::IfSchemaSays };
    let find = |items: &[Value], item: &Value| -> Option<Value> {
        let id = item.get(key)?;
        items.iter().find(|other| other.get(key) == Some(id)).cloned()
    };
    let changed = wanted.iter().map(|item| field(find(previous, item).as_ref(), item, schema, retain));
    let gone = previous.iter().filter(|item| find(wanted, item).is_none());
    let deleted = gone.filter_map(|item| Some(json!({"$patch": "delete", key: item.get(key)?})));
    changed.chain(deleted).collect()
}
