//! What objects get in their metadata on the way to the cluster. Pure.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Adds `pairs` to `metadata.labels` or `metadata.annotations`; those that are there under the same name give way.
pub(crate) fn put(
    metadata: &mut Map<String, Value>,
    field: &str,
    pairs: impl IntoIterator<Item = (String, String)>,
) {
    let pairs: BTreeMap<_, _> = pairs.into_iter().collect();
    if pairs.is_empty() {
        return;
    }
    let known = metadata.entry(field).or_insert(Value::Null);
    if known.is_null() {
        *known = Value::Object(Map::new());
    }
    // Anything else is the API's to refuse.
    if let Value::Object(known) = known {
        known.extend(pairs.into_iter().map(|(key, text)| (key, Value::String(text))));
    }
}
