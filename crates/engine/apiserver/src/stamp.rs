//! What only the server sets in `metadata`: uid, times, generation; and whether a write changes anything.

use rand::seq::IndexedRandom as _;
use serde_json::{Map, Value, json};

use crate::object;
use crate::registry::Served;
use crate::status::Failure;
use crate::write::Writing;

/// Letters of generated names: no vowels, so that they form no words. Upstream: `apimachinery/pkg/util/rand`.
const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
const GENERATED_PREFIX_LENGTH_MAX: usize = 58;

/// Stamps a new object.
pub(crate) fn created(writing: &Writing<'_>, new: &mut Value) -> Result<(), Failure> {
    if object::meta(new, "resourceVersion").is_some() {
        return Err(Failure::BadRequest(
            "resourceVersion should not be set on objects to be created".to_owned(),
        ));
    }
    if let (None, Some(prefix)) = (object::meta(new, "name"), object::meta(new, "generateName")) {
        let name = free_name(writing, prefix);
        object::set_meta(new, "name", Some(json!(name)));
    }
    leave_out_empty(new);
    let metadata = object::meta_mut(new);
    for field in
        ["resourceVersion", "selfLink", "deletionTimestamp", "deletionGracePeriodSeconds", "generation"]
    {
        metadata.remove(field);
    }
    metadata.insert("uid".to_owned(), json!(uuid::Uuid::new_v4().to_string()));
    metadata.insert("creationTimestamp".to_owned(), json!(object::now()));
    if writing.served.kind.namespaced {
        metadata.insert("namespace".to_owned(), json!(writing.namespace));
    } else {
        metadata.remove("namespace");
    }
    if has_generation(writing.served, new) {
        object::set_meta(new, "generation", Some(json!(1)));
    }
    Ok(())
}

fn free_name(writing: &Writing<'_>, prefix: &str) -> String {
    let prefix: String = prefix.chars().take(GENERATED_PREFIX_LENGTH_MAX).collect();
    loop {
        let name = format!("{prefix}{}", random_suffix());
        if writing.state.store.get(&writing.served.key(writing.namespace, &name)).is_none() {
            return name;
        }
    }
}

/// Five random letters that form no word.
pub(crate) fn random_suffix() -> String {
    let mut random = rand::rng();
    (0..5).filter_map(|_| LETTERS.choose(&mut random)).map(|letter| char::from(*letter)).collect()
}

/// Puts back what no update may change.
pub(crate) fn kept(old: &Value, new: &mut Value) {
    const FIELDS: [&str; 8] = [
        "name",
        "namespace",
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
        "resourceVersion",
    ];
    leave_out_empty(new);
    let empty = Map::new();
    let old_metadata = old.get("metadata").and_then(Value::as_object).unwrap_or(&empty);
    let metadata = object::meta_mut(new);
    metadata.remove("selfLink");
    for field in FIELDS {
        match old_metadata.get(field) {
            Some(value) => metadata.insert(field.to_owned(), value.clone()),
            None => metadata.remove(field),
        };
    }
    let none_given = metadata.get("managedFields").and_then(Value::as_array).is_none_or(Vec::is_empty);
    if let (true, Some(owners)) = (none_given, old_metadata.get("managedFields")) {
        metadata.insert("managedFields".to_owned(), owners.clone());
    }
}

/// Upstream writes no empty list and no empty map into metadata, so that one that was emptied is gone.
fn leave_out_empty(object: &mut Value) {
    object::meta_mut(object).retain(|_, value| {
        let is_empty_list = value.as_array().is_some_and(Vec::is_empty);
        let is_empty_map = value.as_object().is_some_and(Map::is_empty);
        !is_empty_list && !is_empty_map
    });
}

/// Counts a change of what is wanted: of everything but `metadata` and `status`.
pub(crate) fn generation(served: &Served, old: &Value, new: &mut Value) {
    if !has_generation(served, new) || !wants_other(served, old, new) {
        return;
    }
    next_generation(new);
}

/// Counts `metadata.generation` up.
pub(crate) fn next_generation(object: &mut Value) {
    let generation = object.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or(0);
    object::set_meta(object, "generation", Some(json!(generation + 1)));
}

/// Kinds that describe something wanted have a generation; those that only hold data, such as ConfigMap, do not.
fn has_generation(served: &Served, object: &Value) -> bool {
    served.is_custom() || object.get("spec").is_some()
}

fn wants_other(served: &Served, old: &Value, new: &Value) -> bool {
    let is_wanted = |name: &&String| {
        let is_observed = served.has_status() && *name == "status";
        !is_observed && !matches!(name.as_str(), "apiVersion" | "kind" | "metadata")
    };
    let empty = Map::new();
    let (old, new) = (old.as_object().unwrap_or(&empty), new.as_object().unwrap_or(&empty));
    let mut names = old.keys().chain(new.keys()).filter(is_wanted);
    names.any(|name| old.get(name) != new.get(name))
}

/// Whether both are the same but for the times in `managedFields` and the revision.
pub(crate) fn is_same(old: &Value, new: &Value) -> bool {
    same_fields(old, new, &["metadata", "apiVersion"])
        && same_fields(field(old, "metadata"), field(new, "metadata"), &["managedFields", "resourceVersion"])
        && same_owners(
            field(field(old, "metadata"), "managedFields"),
            field(field(new, "metadata"), "managedFields"),
        )
}

fn field<'a>(value: &'a Value, name: &str) -> &'a Value {
    value.get(name).unwrap_or(&Value::Null)
}

fn same_fields(old: &Value, new: &Value, but: &[&str]) -> bool {
    let empty = Map::new();
    let (old, new) = (old.as_object().unwrap_or(&empty), new.as_object().unwrap_or(&empty));
    let mut names = old.keys().chain(new.keys()).filter(|name| !but.contains(&name.as_str()));
    names.all(|name| old.get(name) == new.get(name))
}

fn same_owners(old: &Value, new: &Value) -> bool {
    let (old, new) = (entries(old), entries(new));
    old.len() == new.len() && old.iter().zip(new).all(|(old, new)| same_fields(old, new, &["time"]))
}

fn entries(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_time_of_owners_and_the_revision_do_not_count_as_a_change() {
        let old = json!({"metadata": {"name": "a", "resourceVersion": "1",
            "managedFields": [{"manager": "m", "time": "1"}]}, "data": {"a": "b"}});
        let mut new = old.clone();
        new["metadata"]["resourceVersion"] = json!("2");
        new["metadata"]["managedFields"][0]["time"] = json!("2");
        assert!(is_same(&old, &new));
        new["metadata"]["managedFields"][0]["manager"] = json!("n");
        assert!(!is_same(&old, &new));
        let mut new = old.clone();
        new["data"]["a"] = json!("c");
        assert!(!is_same(&old, &new));
    }
}
