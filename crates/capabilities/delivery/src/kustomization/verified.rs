//! Which objects were found to be as described, in which version: looked at again, they need no dry run. Only a short cut:
//! what is forgotten, by a restart for one, is tried out again.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Mutex, PoisonError};

use bythos_operator::ObjectKey;

use super::object::Object;

/// What was seen of the objects of one kustomization: by the hash of what names an object, that of what was seen.
pub(super) type Seen = BTreeMap<u64, u64>;

/// What was seen, by kustomization.
#[derive(Default)]
pub(super) struct Verified(Mutex<BTreeMap<ObjectKey, Seen>>);

impl Verified {
    /// What the last run of a kustomization saw.
    pub(super) fn take(&self, owner: &ObjectKey) -> Seen {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(owner).unwrap_or_default()
    }

    pub(super) fn keep(&self, owner: ObjectKey, seen: Seen) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(owner, seen);
    }
}

/// What names an object.
pub(super) fn name_of(object: &Object) -> u64 {
    hash(&[&object.id.group, &object.id.kind, &object.id.namespace, &object.id.name])
}

/// An object as it is described, but for the ignored fields, in this version of the cluster's.
pub(super) fn state_of(object: &Object, ignored: &[&str], version: &str) -> u64 {
    hash(&[&object.value.to_string(), &ignored.join("\n"), version])
}

fn hash(texts: &[&str]) -> u64 {
    let mut hasher = DefaultHasher::new();
    texts.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_is_known_only_as_it_was_seen() {
        let object = |value: &str| {
            Object::of(json!({
                "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a", "namespace": "b" },
                "data": { "key": value },
            }))
        };
        let seen = state_of(&object("1"), &[], "7");
        assert_eq!(state_of(&object("1"), &[], "7"), seen);
        assert_ne!(state_of(&object("2"), &[], "7"), seen);
        assert_ne!(state_of(&object("1"), &[], "8"), seen);
        assert_ne!(state_of(&object("1"), &["/data"], "7"), seen);
        assert_eq!(name_of(&object("1")), name_of(&object("2")));
    }
}
