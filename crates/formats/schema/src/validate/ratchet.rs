//! What an update has not changed: the old value of a place is found by fields, by keys of maps, and by the keys of a
//! list's items.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{FieldPath, ListType, Schema, Step};

/// The old items of a list, found by the keys of new ones.
pub struct Counterparts<'s, 'o> {
    schema: &'s Schema,
    by_keys: BTreeMap<String, &'o Value>,
}

impl Schema {
    /// The old items of a list of this schema; none of them can be found if they have no keys.
    pub fn counterparts<'s, 'o>(&'s self, old: &'o [Value]) -> Counterparts<'s, 'o> {
        let by_keys = old.iter().rev().filter_map(|item| Some((identity(self, item)?, item))).collect();
        Counterparts { schema: self, by_keys }
    }
}

impl<'o> Counterparts<'_, 'o> {
    /// The old item that has the keys of this one.
    pub fn of(&self, item: &Value) -> Option<&'o Value> {
        self.by_keys.get(&identity(self.schema, item)?).copied()
    }
}

/// The keys of an item as a text, which tells items apart.
fn identity(list: &Schema, item: &Value) -> Option<String> {
    let ListType::Map(keys) = &list.list_type else { return None };
    let default = |key: &str| list.items.as_ref().and_then(|items| items.field(key)?.default.as_ref());
    let keys = keys.iter().map(|key| item.get(&**key).or_else(|| default(key)).unwrap_or(&Value::Null));
    Some(keys.fold(String::new(), |text, key| format!("{text}{key};")))
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
                let counterpart = item.and_then(|item| schema?.counterparts(items).of(item));
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
