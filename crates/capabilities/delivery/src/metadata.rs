//! What the metadata of objects says, and what it gets on the way to the cluster. Pure.

use std::collections::BTreeMap;

use kube::core::DynamicObject;
use serde_json::{Map, Value};

/// What an object says under a key: as a label, as an annotation, or as both.
pub(crate) trait Marked {
    /// The label and the annotation.
    fn marks(&self, key: &str) -> [Option<&str>; 2];

    /// Whether one of them is this word, in capitals or not: so Flux reads what asks for another treatment.
    fn says(&self, key: &str, word: &str) -> bool {
        self.marks(key).into_iter().flatten().any(|mark| mark.eq_ignore_ascii_case(word))
    }
}

impl Marked for Value {
    fn marks(&self, key: &str) -> [Option<&str>; 2] {
        ["labels", "annotations"].map(|marks| self["metadata"][marks].get(key).and_then(Value::as_str))
    }
}

impl Marked for DynamicObject {
    fn marks(&self, key: &str) -> [Option<&str>; 2] {
        let meta = &self.metadata;
        [&meta.labels, &meta.annotations].map(|marks| marks.as_ref()?.get(key).map(String::as_str))
    }
}

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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(metadata: &Value, expected: bool) {
        let object = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata });
        let in_cluster: DynamicObject = serde_json::from_value(object.clone()).unwrap();
        assert_eq!(object.says("a/prune", "disabled"), expected, "{metadata}");
        assert_eq!(in_cluster.says("a/prune", "disabled"), expected, "{metadata}");
    }

    #[test]
    fn a_label_or_an_annotation_says_it_in_capitals_or_not() {
        let mark = |word: &str| json!({ "a/prune": word });
        check(&json!({}), false);
        check(&json!({ "labels": mark("disabled") }), true);
        check(&json!({ "annotations": mark("Disabled") }), true);
        check(&json!({ "labels": mark("DISABLED"), "annotations": mark("enabled") }), true);
        check(&json!({ "labels": mark("enabled"), "annotations": mark("disabled") }), true);
        check(&json!({ "labels": mark("disabled-not"), "annotations": mark("") }), false);
    }
}
