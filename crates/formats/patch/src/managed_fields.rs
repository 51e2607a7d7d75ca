//! `metadata.managedFields`: who owns which fields.

use serde_json::{Map, Value, json};

use crate::field_set::FieldSet;
use crate::{PatchError, Writer};

const FIELDS_TYPE: &str = "FieldsV1";

/// So many entries are read. Updates are joined long before, and an object has few appliers.
const ENTRIES_MAX: usize = 1_000;

/// How a manager came to own fields. The order is that in which entries are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Operation {
    Apply,
    Update,
}

impl Operation {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Operation::Apply => "Apply",
            Operation::Update => "Update",
        }
    }
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) manager: String,
    pub(crate) operation: Operation,
    pub(crate) api_version: String,
    pub(crate) subresource: String,
    pub(crate) time: Option<String>,
    pub(crate) fields: FieldSet,
}

impl Entry {
    pub(crate) fn of(writer: &Writer, operation: Operation, fields: FieldSet) -> Self {
        Entry {
            // Upstream's name for a manager that gives none.
            manager: if writer.manager.is_empty() { "unknown".to_owned() } else { writer.manager.clone() },
            operation,
            api_version: writer.api_version.clone(),
            subresource: writer.subresource.clone(),
            time: Some(writer.time.clone()),
            fields,
        }
    }

    /// Whether two entries are one: an applier stays the same in every API version, an updater does not.
    pub(crate) fn is_same(&self, other: &Entry) -> bool {
        self.manager == other.manager
            && self.operation == other.operation
            && self.subresource == other.subresource
            && (self.operation == Operation::Apply || self.api_version == other.api_version)
    }

    /// Whether the entry of one manager says the same as before, at whatever time.
    pub(crate) fn says_the_same(&self, other: &Entry) -> bool {
        self.api_version == other.api_version && self.fields == other.fields
    }

    fn from_json(entry: &Value) -> Result<Self, String> {
        let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let operation = match text("operation").as_str() {
            "Apply" => Operation::Apply,
            "Update" => Operation::Update,
            other => return Err(format!("operation is {other:?}, expected \"Apply\" or \"Update\"")),
        };
        if text("apiVersion").is_empty() {
            return Err("apiVersion is missing".to_owned());
        }
        if text("fieldsType") != FIELDS_TYPE {
            return Err(format!("fieldsType is {:?}, expected {FIELDS_TYPE:?}", text("fieldsType")));
        }
        let fields = match entry.get("fieldsV1") {
            None | Some(Value::Null) => FieldSet::default(),
            Some(fields) => FieldSet::from_json(fields)?,
        };
        Ok(Entry {
            manager: text("manager"),
            operation,
            api_version: text("apiVersion"),
            subresource: text("subresource"),
            time: entry.get("time").and_then(Value::as_str).map(ToOwned::to_owned),
            fields,
        })
    }

    fn to_json(&self) -> Value {
        let mut entry = Map::new();
        entry.insert("manager".to_owned(), json!(self.manager));
        entry.insert("operation".to_owned(), json!(self.operation.name()));
        entry.insert("apiVersion".to_owned(), json!(self.api_version));
        if let Some(time) = &self.time {
            entry.insert("time".to_owned(), json!(time));
        }
        entry.insert("fieldsType".to_owned(), json!(FIELDS_TYPE));
        entry.insert("fieldsV1".to_owned(), self.fields.to_json());
        if !self.subresource.is_empty() {
            entry.insert("subresource".to_owned(), json!(self.subresource));
        }
        Value::Object(entry)
    }
}

/// The entries of a `managedFields` list; none for `null`.
pub(crate) fn decode(list: Option<&Value>) -> Result<Vec<Entry>, PatchError> {
    let list = match list {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(list)) => list,
        Some(other) => {
            return Err(PatchError::new("metadata.managedFields", format!("expected a list, found {other}")));
        }
    };
    check_number(list.len())?;
    let mut entries: Vec<Entry> = Vec::with_capacity(list.len());
    for (index, entry) in list.iter().enumerate() {
        let entry = Entry::from_json(entry)
            .map_err(|message| PatchError::new(&format!("metadata.managedFields[{index}]"), message))?;
        entries.retain(|earlier| !earlier.is_same(&entry));
        entries.push(entry);
    }
    Ok(entries)
}

/// Holds that so many entries can be read again.
pub(crate) fn check_number(entries: usize) -> Result<(), PatchError> {
    if entries <= ENTRIES_MAX {
        return Ok(());
    }
    let message = format!("has {entries} entries, the most is {ENTRIES_MAX}");
    Err(PatchError::new("metadata.managedFields", message))
}

/// The object's list of entries, as it stands.
pub(crate) fn list_of(object: &Value) -> Option<&Value> {
    object.get("metadata")?.get("managedFields")
}

/// Takes the list out, so that it takes no part in comparing and merging.
pub(crate) fn take(object: &mut Value) -> Option<Value> {
    object.get_mut("metadata")?.as_object_mut()?.remove("managedFields")
}

/// Writes the entries in their order; an object without metadata stays without.
pub(crate) fn put(object: &mut Value, mut entries: Vec<Entry>) {
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    if entries.is_empty() {
        metadata.remove("managedFields");
        return;
    }
    entries.sort_by(|a, b| order(a).cmp(&order(b)));
    metadata.insert("managedFields".to_owned(), entries.iter().map(Entry::to_json).collect());
}

/// Times are of one format, so their text orders as they do.
fn order(entry: &Entry) -> (Operation, &Option<String>, &str, &str, &str) {
    (entry.operation, &entry.time, &entry.manager, &entry.api_version, &entry.subresource)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_written_back_as_they_were_in_upstreams_order() {
        let entry = |manager: &str, operation: &str, time: &str| {
            json!({"manager": manager, "operation": operation, "apiVersion": "v1", "time": time,
                "fieldsType": "FieldsV1", "fieldsV1": {"f:data": {}}})
        };
        let sorted = json!([
            entry("b", "Apply", "2026-01-01T00:00:00Z"),
            entry("a", "Apply", "2026-01-02T00:00:00Z"),
            entry("a", "Update", "2025-01-01T00:00:00Z"),
            entry("c", "Update", "2025-01-01T00:00:00Z"),
        ]);
        let mut entries = decode(Some(&sorted)).unwrap();
        entries.reverse();
        let mut object = json!({"metadata": {}});
        put(&mut object, entries);
        assert_eq!(list_of(&object), Some(&sorted));
        put(&mut object, Vec::new());
        assert_eq!(object, json!({"metadata": {}}));
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_place() {
        let cases = [
            (json!({}), "metadata.managedFields: expected a list, found {}"),
            (
                json!([{"operation": "Jump"}]),
                "metadata.managedFields[0]: operation is \"Jump\", expected \"Apply\" or \"Update\"",
            ),
            (json!([{"operation": "Apply"}]), "metadata.managedFields[0]: apiVersion is missing"),
            (
                json!([{"operation": "Apply", "apiVersion": "v1"}]),
                "metadata.managedFields[0]: fieldsType is \"\", expected \"FieldsV1\"",
            ),
            (
                json!([{"operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": {"x": {}}}]),
                "metadata.managedFields[0]: key \"x\" has no colon",
            ),
        ];
        for (list, expected) in cases {
            assert_eq!(decode(Some(&list)).unwrap_err().to_string(), expected);
        }
        assert!(decode(Some(&Value::Null)).unwrap().is_empty());
    }
}
