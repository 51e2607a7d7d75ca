//! Which objects the cache still shows in an older version than was written here.
//!
//! For controllers that count on their own status: going on from one that is older than the last write would count
//! the same again, or miss that it is counted. The newer version is on its way and brings the key back.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bythos_operator::ObjectKey;
use kube::Resource;

/// The versions that were written and not seen yet, with the uid of the object.
#[derive(Default)]
pub(crate) struct Freshness(Mutex<BTreeMap<ObjectKey, (String, u64)>>);

impl Freshness {
    /// Remembers the version of an object as it was written.
    pub(crate) fn wrote<K: Resource>(&self, object: &K) {
        if let Some(version) = version(object) {
            self.lock().insert(ObjectKey::of(object), version);
        }
    }

    /// Whether this is an older version than was written.
    pub(crate) fn is_stale<K: Resource>(&self, seen: &K) -> bool {
        let Some((uid, version)) = version(seen) else { return false };
        let key = ObjectKey::of(seen);
        let mut written = self.lock();
        match written.get(&key) {
            Some((same, newest)) if *same == uid && *newest > version => true,
            _ => {
                written.remove(&key);
                false
            }
        }
    }

    /// The object is gone.
    pub(crate) fn forget(&self, key: &ObjectKey) {
        self.lock().remove(key);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ObjectKey, (String, u64)>> {
        // Every change is one insertion or removal: a panic elsewhere leaves the map whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Versions of one object compare as numbers, as the API conventions say since Kubernetes 1.35.
fn version<K: Resource>(object: &K) -> Option<(String, u64)> {
    let meta = object.meta();
    Some((meta.uid.clone()?, meta.resource_version.as_ref()?.parse().ok()?))
}
