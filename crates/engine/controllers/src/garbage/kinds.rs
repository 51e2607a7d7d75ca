//! The kinds that the collector knows, and how it finds an owner's kind from a reference.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

use super::graph::KindName;
use crate::discover::KnownKind;

/// Kinds that are not watched, as group and plural: they are many and change all the time, nothing owns them and
/// they own nothing. They go by their own age, with their namespace, or with whoever renews them.
const NOT_WATCHED: [(&str, &str); 3] =
    [("", "events"), ("events.k8s.io", "events"), ("coordination.k8s.io", "leases")];

/// Whether the collector follows the objects of `kind`.
pub(super) fn is_watched(kind: &KnownKind) -> bool {
    let name = (kind.resource.group.as_str(), kind.resource.plural.as_str());
    kind.can(&["list", "watch", "delete"]) && !NOT_WATCHED.contains(&name)
}

/// The name under which the graph knows `kind`.
pub(super) fn name_of(kind: &KnownKind) -> KindName {
    KindName { group: kind.resource.group.clone(), plural: kind.resource.plural.clone() }
}

/// Every kind ever seen. One that is gone stays known, since objects that it owned still have to be judged: asking
/// for its objects is answered "not found", and that is the truth.
#[derive(Default)]
pub(super) struct Kinds {
    by_name: Mutex<BTreeMap<KindName, KnownKind>>,
}

impl Kinds {
    pub(super) fn learn(&self, kinds: &[KnownKind]) {
        self.lock().extend(kinds.iter().map(|kind| (name_of(kind), kind.clone())));
    }

    pub(super) fn get(&self, name: &KindName) -> Option<KnownKind> {
        self.lock().get(name).cloned()
    }

    /// The kind that an owner reference means. Its version does not matter: an object is the same in all of them.
    pub(super) fn of_reference(&self, reference: &OwnerReference) -> Option<KnownKind> {
        let group = reference.api_version.rsplit_once('/').map_or("", |(group, _)| group);
        let by_name = self.lock();
        let mut of_group = by_name.values().filter(|kind| kind.resource.group == group);
        of_group.find(|kind| kind.resource.kind == reference.kind).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<KindName, KnownKind>> {
        // Nothing that can panic runs under this lock.
        self.by_name.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
