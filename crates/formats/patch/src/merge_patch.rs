//! JSON Merge Patch, RFC 7386.

use serde_json::Value;

/// JSON Merge Patch, RFC 7386.
pub fn merge_patch(target: &mut Value, patch: &Value) {
    json_patch::merge(target, patch);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn objects_merge_nulls_delete_and_lists_are_replaced() {
        let mut target = json!({"a": {"b": 1, "c": 2}, "list": [1, 2]});
        merge_patch(
            &mut target,
            &json!({"a": {"b": null, "d": {"e": null, "f": 3}}, "list": [3], "none": null}),
        );
        assert_eq!(target, json!({"a": {"c": 2, "d": {"f": 3}}, "list": [3]}));
    }
}
