//! Which objects the cache still shows in an older version than was written here.
//!
//! For controllers that count on their own status: going on from one that is older than the last write would count
//! the same again, or miss that it is counted. The newer version is on its way and brings the key back.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

/// The versions that were written and not seen yet, by uid.
#[derive(Default)]
pub(crate) struct Freshness(Mutex<BTreeMap<String, u64>>);

impl Freshness {
    /// Remembers the version of an object as it was written.
    pub(crate) fn wrote(&self, meta: &ObjectMeta) {
        if let Some((uid, version)) = identity(meta) {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(uid, version);
        }
    }

    /// Whether this is an older version than was written.
    pub(crate) fn is_stale(&self, seen: &ObjectMeta) -> bool {
        let Some((uid, version)) = identity(seen) else { return false };
        let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match written.get(&uid) {
            Some(newest) if *newest > version => true,
            _ => {
                written.remove(&uid);
                false
            }
        }
    }
}

/// Versions of one object compare as numbers, as the API conventions say since Kubernetes 1.35.
fn identity(meta: &ObjectMeta) -> Option<(String, u64)> {
    Some((meta.uid.clone()?, meta.resource_version.as_ref()?.parse().ok()?))
}
