//! Which objects of one kind select an object by its labels: an index of their selectors, by namespace.
//!
//! A subscriber of one cache must not read another cache while it is notified: two caches that did so to each other
//! would wait for ever. This index has a lock of its own, under which nothing else is locked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bythos_operator::{Cache, ObjectKey};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::core::{Selector, SelectorExt as _};

use crate::ownership;

type ByName = BTreeMap<String, Selector>;

/// See the module's documentation.
#[derive(Default)]
pub(crate) struct Selectors {
    by_namespace: Mutex<BTreeMap<String, ByName>>,
}

/// For a controller that watches what its objects own: gives the key of the `O` that controls a dependent; for an
/// orphan, those of all that could adopt it.
pub(crate) fn keys_of_owners<O, K, F>(
    owners: &Cache<O>,
    selector_of: F,
) -> impl Fn(&K) -> Vec<ObjectKey> + Send + Sync + use<O, K, F>
where
    O: Resource<DynamicType = ()> + Send + Sync + 'static,
    K: Resource<DynamicType = ()>,
    F: Fn(&O) -> Option<Selector> + Send + Sync + 'static,
{
    let selectors = Arc::new(Selectors::default());
    selectors.follow(owners, selector_of);
    let kind = O::kind(&());
    move |dependent| match ownership::controller_of(dependent.meta()) {
        Some(owner) if owner.kind == kind => ObjectKey::of_controller(dependent, &kind).into_iter().collect(),
        Some(_) => Vec::new(),
        None => selectors.matching(dependent.meta()),
    }
}

impl Selectors {
    /// Keeps the index as `cache` is, for as long as somebody else holds it. `selector_of` gives none for an object
    /// that selects nothing.
    pub(crate) fn follow<K>(
        self: &Arc<Self>,
        cache: &Cache<K>,
        selector_of: impl Fn(&K) -> Option<Selector> + Send + Sync + 'static,
    ) where
        K: Resource<DynamicType = ()> + Send + Sync + 'static,
    {
        let index = Arc::downgrade(self);
        cache.subscribe(move |change| {
            let Some(index) = index.upgrade() else { return false };
            if let Some(object) = change.new.or(change.old) {
                index.set(ObjectKey::of(object), change.new.and_then(&selector_of));
            }
            true
        });
    }

    /// The keys of the objects that select an object with this metadata.
    pub(crate) fn matching(&self, meta: &ObjectMeta) -> Vec<ObjectKey> {
        let namespace = meta.namespace.as_deref().unwrap_or_default();
        let Some(labels) = &meta.labels else { return Vec::new() };
        let by_namespace = self.lock();
        let selectors = by_namespace.get(namespace).into_iter().flatten();
        let matching = selectors.filter(|(_, selector)| selector.matches(labels));
        matching.map(|(name, _)| ObjectKey::namespaced(namespace, name)).collect()
    }

    fn set(&self, key: ObjectKey, selector: Option<Selector>) {
        let mut by_namespace = self.lock();
        let by_name = by_namespace.entry(key.namespace.clone()).or_default();
        by_name.remove(&key.name);
        by_name.extend(selector.map(|selector| (key.name, selector)));
        if by_name.is_empty() {
            by_namespace.remove(&key.namespace);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, ByName>> {
        // Every change is one insertion or removal: a panic elsewhere leaves the index whole.
        self.by_namespace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_selectors_of_the_same_namespace_match_until_they_are_taken_away() {
        let index = Selectors::default();
        let web = ObjectKey::namespaced("default", "web");
        index.set(web.clone(), Some(Selector::from_iter([("app", "web")])));
        index.set(ObjectKey::namespaced("other", "web"), Some(Selector::from_iter([("app", "web")])));
        let labels = Some(BTreeMap::from([("app".to_owned(), "web".to_owned())]));
        let pod = ObjectMeta { namespace: Some("default".to_owned()), labels, ..ObjectMeta::default() };
        assert_eq!(index.matching(&pod), std::slice::from_ref(&web));
        index.set(web, None);
        assert_eq!(index.matching(&pod), []);
    }
}
