//! What an update has not changed: the old value of a place is found by fields, by keys of maps, and by the keys of a
//! list's items.

use serde_json::Value;

use crate::{FieldPath, ListType, Schema, Step};

impl Schema {
    /// The old item of a list of this schema that has the keys of `item`; `None` if its items have no keys.
    pub fn counterpart<'o>(&self, old: &'o [Value], item: &Value) -> Option<&'o Value> {
        let ListType::Map(keys) = &self.list_type else { return None };
        let default = |key: &str| self.items.as_ref().and_then(|items| items.field(key)?.default.as_ref());
        let same = |old: &Value| {
            keys.iter().all(|key| {
                let of = |item: &Value| item.get(&**key).or_else(|| default(key)).cloned();
                of(old) == of(item)
            })
        };
        old.iter().find(|old| same(old))
    }
}

/// Whether the value at a place, or one above it, is as it was. A place that is empty now says nothing of itself.
pub(super) fn is_unchanged(schema: &Schema, old: &Value, new: &Value, path: &FieldPath) -> bool {
    let (mut schema, mut old, mut new) = (Some(schema), old, new);
    for step in path.steps() {
        if old == new {
            return true;
        }
        let next = match step {
            Step::Field(name) | Step::Key(name) => {
                let below = schema.and_then(|schema| schema.field(name));
                old.get(&**name).zip(new.get(&**name)).map(|(old, new)| (below, old, new))
            }
            Step::Index(index) => {
                let items = old.as_array().map_or(&[][..], Vec::as_slice);
                let below = schema.and_then(|schema| schema.items.as_ref());
                let item = new.get(index);
                let counterpart = item.and_then(|item| schema?.counterpart(items, item));
                counterpart.zip(item).map(|(old, new)| (below, old, new))
            }
            Step::Item(_) => None,
        };
        let Some((below, old_below, new_below)) = next else { return false };
        (schema, old, new) = (below.map(std::convert::AsRef::as_ref), old_below, new_below);
    }
    old == new
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::from_openapi_v3;

    #[track_caller]
    fn check(old: Value, new: Value, expected: &[&str]) {
        let schema = from_openapi_v3(&json!({"type": "object", "properties": {"spec": {"type": "object",
            "required": ["size"],
            "properties": {
                "size": {"type": "integer", "minimum": 3},
                "name": {"type": "string"},
                "list": {"type": "array", "items": {"type": "integer", "minimum": 3}},
                "keyed": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
                    "items": {"type": "object", "required": ["name"], "properties": {
                        "name": {"type": "string"}, "size": {"type": "integer", "minimum": 3}}}},
            }}}}))
        .unwrap();
        let errors: Vec<String> =
            schema.validate_change(&old, &new).iter().map(|error| error.path.to_string()).collect();
        assert_eq!(errors, expected);
    }

    #[test]
    fn what_was_wrong_before_does_not_hold_up_a_change_elsewhere() {
        let old = json!({"spec": {"size": 1, "list": [1], "keyed": [{"name": "a", "size": 1}]}});
        let mut new = old.clone();
        new["spec"]["name"] = json!("x");
        check(old.clone(), new, &[]);
        let mut new = old.clone();
        new["spec"]["size"] = json!(2);
        new["spec"]["keyed"] = json!([{"name": "b"}, {"name": "a", "size": 1}]);
        check(old.clone(), new, &["spec.size"]);
        let mut new = old.clone();
        new["spec"]["list"] = json!([1, 4]);
        check(old, new, &["spec.list[0]"]);
    }

    #[test]
    fn what_is_missing_is_missed_once_its_object_changes() {
        check(json!({"spec": {"name": "a"}}), json!({"spec": {"name": "a"}, "x": 1}), &[]);
        check(json!({"spec": {"name": "a"}}), json!({"spec": {"name": "b"}}), &["spec.size"]);
    }
}
