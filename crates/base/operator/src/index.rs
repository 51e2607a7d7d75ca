//! Which objects of a cache belong together: found without going through all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kube::Resource;

use crate::{Cache, ObjectKey};

/// The objects of a cache by what they belong to, kept as the cache changes. Clones share it.
pub struct Index<K, G> {
    cache: Cache<K>,
    groups: Arc<Groups<G>>,
}

impl<K, G> Clone for Index<K, G> {
    fn clone(&self) -> Self {
        Index { cache: self.cache.clone(), groups: Arc::clone(&self.groups) }
    }
}

/// Has a lock of its own, under which nothing else is locked: it is taken while the cache is.
struct Groups<G>(Mutex<BTreeMap<G, BTreeSet<ObjectKey>>>);

impl<G: Ord> Groups<G> {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<G, BTreeSet<ObjectKey>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, group: G, key: ObjectKey) {
        self.lock().entry(group).or_default().insert(key);
    }

    fn remove(&self, group: &G, key: &ObjectKey) {
        let mut groups = self.lock();
        let Some(members) = groups.get_mut(group) else { return };
        members.remove(key);
        if members.is_empty() {
            groups.remove(group);
        }
    }
}

impl<K, G> Index<K, G>
where
    K: Resource<DynamicType = ()> + Send + Sync + 'static,
    G: Ord + Send + Sync + 'static,
{
    /// `group` says to what an object belongs, if to anything. Whoever subscribes to the cache later finds the index as new
    /// as what it is told. `group` is called while the cache is locked: it must be quick and must not use the cache.
    pub fn new(cache: &Cache<K>, group: impl Fn(&K) -> Option<G> + Send + Sync + 'static) -> Self {
        let groups = Arc::new(Groups(Mutex::default()));
        let followed = Arc::downgrade(&groups);
        cache.subscribe(move |change| {
            let Some(groups) = followed.upgrade() else { return false };
            let (old, new) = (change.old.and_then(&group), change.new.and_then(&group));
            if old != new
                && let Some(object) = change.new.or(change.old)
            {
                let key = ObjectKey::of(object);
                old.iter().for_each(|old| groups.remove(old, &key));
                new.into_iter().for_each(|new| groups.add(new, key.clone()));
            }
            true
        });
        Index { cache: cache.clone(), groups }
    }

    /// The objects that belong to `group`, by their keys. One that changes meanwhile may belong to another one by now.
    pub fn members(&self, group: &G) -> Vec<Arc<K>> {
        let keys = self.groups.lock().get(group).cloned().unwrap_or_default();
        keys.iter().filter_map(|key| self.cache.get(key)).collect()
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::ResourceExt as _;

    use super::*;

    fn map(name: &str, color: Option<&str>) -> ConfigMap {
        let mut map = ConfigMap::default();
        map.metadata.name = Some(name.to_owned());
        map.metadata.namespace = Some("default".to_owned());
        map.metadata.labels = color.map(|color| [("color".to_owned(), color.to_owned())].into());
        map
    }

    #[track_caller]
    fn check(index: &Index<ConfigMap, String>, color: &str, expected: &[&str]) {
        let names: Vec<String> = index.members(&color.to_owned()).iter().map(|map| map.name_any()).collect();
        assert_eq!(names, expected, "{color}");
    }

    #[test]
    fn an_object_is_found_where_it_belongs_now() {
        let cache = Cache::by_hand();
        cache.put(map("a", Some("red")));
        let index = Index::new(&cache, |map: &ConfigMap| map.labels().get("color").cloned());
        cache.put(map("b", Some("red")));
        check(&index, "red", &["a", "b"]);
        cache.put(map("a", Some("blue")));
        check(&index, "red", &["b"]);
        check(&index, "blue", &["a"]);
        cache.put(map("a", None));
        cache.take_away(&ObjectKey::namespaced("default", "b"));
        check(&index, "red", &[]);
        check(&index, "blue", &[]);
        assert!(index.groups.lock().is_empty(), "groups without members are kept");
    }
}
