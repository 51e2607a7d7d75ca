//! Taking over what was applied by the client: fields owned by updates become fields owned by apply.

use serde_json::{Map, Value};

use super::FIELD_MANAGER;

/// The new `metadata.managedFields` of an object that [`FIELD_MANAGER`] changed by updates before; nothing, if there is
/// nothing to take over. To be written with the object's `resourceVersion`, before the first apply.
///
/// As client-go's `csaupgrade`: the entry that applies, or else the newest that updates, takes in the fields that were
/// updated through the same version; the other updates of the manager are forgotten. Entries of subresources stay.
pub fn applied_managed_fields(live: &Value) -> Option<Vec<Value>> {
    let entries = live.pointer("/metadata/managedFields")?.as_array()?;
    let first = |operation: &str| entries.iter().position(|entry| is_ours(entry, operation));
    let updated = first("Update")?;
    let kept = first("Apply").unwrap_or(updated);
    let mut entry = entries.get(kept)?.as_object()?.clone();
    let version = entry.get("apiVersion").cloned();
    let same_version =
        |other: &&Value| is_ours(other, "Update") && other.get("apiVersion") == version.as_ref();
    let update = entries.iter().find(same_version).and_then(|update| update.get("fieldsV1"));
    if let Some(Value::Object(update)) = update {
        let fields = entry.entry("fieldsV1").or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(fields) = fields {
            unite(fields, update);
        }
    }
    entry.insert("operation".to_owned(), "Apply".into());
    let renewed = entries.iter().enumerate().filter_map(|(index, other)| match index == kept {
        true => Some(Value::Object(entry.clone())),
        false => (!is_ours(other, "Update")).then(|| other.clone()),
    });
    Some(renewed.collect())
}

fn is_ours(entry: &Value, operation: &str) -> bool {
    let text = |field: &str| entry.get(field).and_then(Value::as_str).unwrap_or_default();
    text("manager") == FIELD_MANAGER && text("operation") == operation && text("subresource").is_empty()
}

/// Sets of fields are trees; their union has the branches of both.
fn unite(into: &mut Map<String, Value>, from: &Map<String, Value>) {
    for (name, branch) in from {
        match (into.get_mut(name), branch) {
            (Some(Value::Object(into)), Value::Object(from)) => unite(into, from),
            (Some(_), _) => {}
            (None, branch) => {
                into.insert(name.clone(), branch.clone());
            }
        }
    }
}
