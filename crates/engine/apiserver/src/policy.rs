//! RBAC compiled from the stored roles and bindings, and compiled again when one of them changed.
//!
//! Who changed a role sees its effect in the next request: every commit passes [`PolicyCache::noticed`] before it
//! is answered, and [`PolicyCache::current`] compiles anew if it did.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use bythos_access::Policy;
use bythos_store::{Page, Scope, Store};
use serde_json::Value;

/// The resources that the policy is made of: roles, role bindings, cluster roles, cluster role bindings.
const RESOURCES: [&str; 4] = [
    "roles.rbac.authorization.k8s.io",
    "rolebindings.rbac.authorization.k8s.io",
    "clusterroles.rbac.authorization.k8s.io",
    "clusterrolebindings.rbac.authorization.k8s.io",
];

struct Compiled {
    changes: u64,
    policy: Arc<Policy>,
}

/// See the module's documentation.
pub(crate) struct PolicyCache {
    changes: AtomicU64,
    compiled: ArcSwap<Compiled>,
    compiling: Mutex<()>,
}

impl PolicyCache {
    /// One that compiles on first use.
    pub(crate) fn new() -> PolicyCache {
        let nothing = Compiled { changes: 0, policy: Arc::new(Policy::default()) };
        PolicyCache {
            changes: AtomicU64::new(1),
            compiled: ArcSwap::from_pointee(nothing),
            compiling: Mutex::new(()),
        }
    }

    /// An object of this resource was written.
    pub(crate) fn noticed(&self, resource: &str) {
        if RESOURCES.contains(&resource) {
            self.changes.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// The policy of what is stored now.
    pub(crate) fn current(&self, store: &Store) -> Arc<Policy> {
        let wanted = self.changes.load(Ordering::SeqCst);
        let compiled = self.compiled.load();
        if compiled.changes >= wanted {
            return compiled.policy.clone();
        }
        let _one_at_a_time = self.compiling.lock().unwrap_or_else(PoisonError::into_inner);
        let compiled = self.compiled.load();
        if compiled.changes >= wanted {
            return compiled.policy.clone();
        }
        // Read before the objects: a change in between only compiles once more.
        let changes = self.changes.load(Ordering::SeqCst);
        let [roles, role_bindings, cluster_roles, cluster_role_bindings] =
            RESOURCES.map(|resource| objects(store, resource));
        let (policy, refused) =
            Policy::compile(&roles, &role_bindings, &cluster_roles, &cluster_role_bindings);
        for reason in refused {
            tracing::warn!(reason, "an RBAC object grants nothing");
        }
        let policy = Arc::new(policy);
        self.compiled.store(Arc::new(Compiled { changes, policy: policy.clone() }));
        policy
    }
}

/// All stored objects of a resource.
pub(crate) fn objects(store: &Store, resource: &str) -> Vec<Value> {
    objects_in(store, resource, None)
}

/// The stored objects of a resource in a namespace, or in all.
pub(crate) fn objects_in(store: &Store, resource: &str, namespace: Option<&str>) -> Vec<Value> {
    let scope = Scope { resource: resource.into(), namespace: namespace.map(Into::into) };
    let entries = match store.list(&scope, &Page::default()) {
        Ok(listing) => listing.entries,
        // The newest revision is always retained.
        Err(_) => Vec::new(),
    };
    entries.iter().filter_map(|entry| serde_json::from_slice(&entry.value).ok()).collect()
}
