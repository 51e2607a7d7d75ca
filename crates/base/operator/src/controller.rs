//! The reconcile loop: changes of cached kinds become keys, and each key is reconciled by one worker at a time.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use kube::Resource;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::cache::Cache;
use crate::queue::Queue;
use crate::{BoxError, error_chain};

/// Namespace and name of an object; the namespace is empty for cluster-scoped kinds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// Empty for cluster-scoped kinds.
    pub namespace: String,
    /// The object's name.
    pub name: String,
}

impl ObjectKey {
    /// The key of a namespaced object.
    pub fn namespaced(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        ObjectKey { namespace: namespace.into(), name: name.into() }
    }

    /// The key of a cluster-scoped object.
    pub fn cluster(name: impl Into<String>) -> Self {
        ObjectKey { namespace: String::new(), name: name.into() }
    }

    /// The key of an object that came from the API.
    pub fn of<K: Resource>(object: &K) -> Self {
        let meta = object.meta();
        ObjectKey {
            namespace: meta.namespace.clone().unwrap_or_default(),
            name: meta.name.clone().unwrap_or_default(),
        }
    }

    /// The key of the controlling owner of `kind`, which lives in the object's own namespace.
    pub fn of_controller<K: Resource>(object: &K, kind: &str) -> Option<Self> {
        let owner = object
            .meta()
            .owner_references
            .iter()
            .flatten()
            .find(|owner| owner.controller == Some(true) && owner.kind == kind)?;
        Some(ObjectKey {
            namespace: object.meta().namespace.clone().unwrap_or_default(),
            name: owner.name.clone(),
        })
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            f.write_str(&self.name)
        } else {
            write!(f, "{}/{}", self.namespace, self.name)
        }
    }
}

/// What a controller does with a key after a reconciliation that succeeded.
///
/// An object that is invalid succeeds too: its condition says why, and it waits for a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Nothing, until something that it watches changes.
    Wait,
    /// Reconcile again after this time, or earlier when something changes.
    After(Duration),
}

/// Adds keys to a controller's queue from outside its caches, for example when a remote calls.
#[derive(Clone)]
pub struct Trigger(Arc<Queue>);

impl Trigger {
    /// Reconciles `key` soon.
    pub fn add(&self, key: ObjectKey) {
        self.0.add(key);
    }
}

/// One reconcile loop. See the module's documentation.
#[must_use = "a controller does nothing until it runs"]
pub struct Controller {
    name: &'static str,
    queue: Arc<Queue>,
}

impl Controller {
    /// A controller without anything to watch yet. `name` appears in logs.
    pub fn new(name: &'static str) -> Self {
        Controller { name, queue: Arc::default() }
    }

    /// Reconciles the objects of `cache` themselves.
    pub fn reconciles<K>(self, cache: &Cache<K>) -> Self
    where
        K: Resource + Send + Sync + 'static,
    {
        self.watches(cache, |object| vec![ObjectKey::of(object)])
    }

    /// Reconciles the keys that `keys` finds for an object of `cache`, each time that the object appears, changes
    /// or goes. On a change it is asked for the old and for the new object.
    pub fn watches<K>(
        self,
        cache: &Cache<K>,
        keys: impl Fn(&K) -> Vec<ObjectKey> + Send + Sync + 'static,
    ) -> Self
    where
        K: Resource + Send + Sync + 'static,
    {
        let queue = Arc::downgrade(&self.queue);
        cache.subscribe(move |change| {
            let Some(queue) = queue.upgrade() else { return false };
            for object in [change.old, change.new].into_iter().flatten() {
                for key in keys(object) {
                    queue.add(key);
                }
            }
            true
        });
        self
    }

    /// A way to add keys from outside.
    pub fn trigger(&self) -> Trigger {
        Trigger(self.queue.clone())
    }

    /// Runs `workers` reconciliations at once until `shutdown`; those under way are finished first.
    ///
    /// A reconciliation that fails is logged and comes again with growing delay. A panic in one is passed on, so
    /// that the supervisor of the part sees it.
    pub async fn run<F, Fut, E>(self, workers: usize, shutdown: CancellationToken, reconcile: F)
    where
        F: Fn(ObjectKey) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Next, E>> + Send + 'static,
        E: std::error::Error + Send + Sync + 'static,
    {
        let reconcile: Arc<Reconcile> = Arc::new(move |key| {
            let next = reconcile(key);
            async { next.await.map_err(Into::into) }.boxed()
        });
        let mut tasks = JoinSet::new();
        for _ in 0..workers {
            tasks.spawn(work(self.name, self.queue.clone(), shutdown.clone(), reconcile.clone()));
        }
        while let Some(finished) = tasks.join_next().await {
            if let Err(failed) = finished
                && failed.is_panic()
            {
                std::panic::resume_unwind(failed.into_panic());
            }
        }
    }
}

/// What a controller does with a key. Of one type for all controllers, so that their workers are one piece of machine code.
type Reconcile = dyn Fn(ObjectKey) -> BoxFuture<'static, Result<Next, BoxError>> + Send + Sync;

async fn work(name: &'static str, queue: Arc<Queue>, shutdown: CancellationToken, reconcile: Arc<Reconcile>) {
    while let Some(key) = shutdown.run_until_cancelled(queue.next()).await {
        match reconcile(key.clone()).await {
            Ok(next) => {
                debug!(controller = name, %key, ?next, "reconciled");
                queue.forget_failures(&key);
                if let Next::After(delay) = next {
                    queue.add_after(key.clone(), delay);
                }
            }
            Err(error) => {
                let delay = queue.add_failed(key.clone());
                warn!(controller = name, %key, ?delay, error = %error_chain(error.as_ref()), "failed to reconcile");
            }
        }
        queue.done(&key);
    }
}
