//! What all requests share, and the one door through which they write.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use bythos_access::token::TokenSigner;
use bythos_operator::kubelet::NodePort;
use bythos_store::{CommitError, Entry, Key, Operation, Page, Revision, Scope, Store};
use serde_json::Value;
use tokio::sync::Notify;
use tokio::task::JoinError;

use crate::Check;
use crate::admission::policies::PolicyCatalogue;
use crate::admission::quota::recount::{Noticed, Quotas};
use crate::admission::service::ServiceNetwork;
use crate::openapi::Documents;
use crate::policy::PolicyCache;
use crate::registry::{DEFINITIONS, Registry};

/// What all requests share.
pub(crate) struct State {
    pub(crate) store: Store,
    pub(crate) node: NodePort,
    pub(crate) tokens: TokenSigner,
    pub(crate) policy: PolicyCache,
    pub(crate) admission_policies: PolicyCatalogue,
    pub(crate) services: ServiceNetwork,
    pub(crate) quotas: Quotas,
    /// Held from the check of a definition's names until it is committed.
    pub(crate) definitions: tokio::sync::Mutex<()>,
    /// Told when a definition's deletion begins, and when it gets on.
    pub(crate) definition_ended: Arc<Notify>,
    pub(crate) watches: WatchCounts,
    pub(crate) checks: Mutex<Vec<(String, Check)>>,
    pub(crate) documents: Documents,
    registry: ArcSwap<Registry>,
    refreshing: Mutex<()>,
    /// Definitions whose commit is not told yet. A commit for which nobody waits any more stays counted, so that it is
    /// looked for.
    definitions_under_way: AtomicUsize,
}

impl State {
    pub(crate) fn new(
        store: Store,
        node: NodePort,
        tokens: TokenSigner,
        services: ServiceNetwork,
        checks: Vec<(String, Check)>,
    ) -> State {
        let registry = Registry::new(&stored_definitions(&store), None);
        State {
            store,
            node,
            tokens,
            policy: PolicyCache::new(),
            admission_policies: PolicyCatalogue::new(),
            services,
            quotas: Quotas::default(),
            definitions: tokio::sync::Mutex::new(()),
            definition_ended: Arc::new(Notify::new()),
            watches: WatchCounts::default(),
            checks: Mutex::new(checks),
            documents: Documents::default(),
            registry: ArcSwap::from_pointee(registry),
            refreshing: Mutex::new(()),
            definitions_under_way: AtomicUsize::new(0),
        }
    }

    /// The kinds served now. Whoever has seen the event of a definition finds its kind.
    pub(crate) fn registry(&self) -> Arc<Registry> {
        // The event may be seen before the commit is told.
        if self.definitions_under_way.load(Ordering::SeqCst) > 0 {
            self.refresh_registry();
        }
        self.registry.load_full()
    }

    /// A stored object, by its resource as the store names it; `namespace` is empty for cluster scope.
    pub(crate) fn object(&self, resource: &str, namespace: &str, name: &str) -> Option<Value> {
        let key = Key { resource: resource.into(), namespace: namespace.into(), name: name.into() };
        // What is stored was encoded here.
        self.store.get(&key).and_then(|entry| serde_json::from_slice(&entry.value).ok())
    }

    /// Commits, and lets what is derived from stored objects follow before anyone is answered.
    ///
    /// In a task of its own: a client that goes away ends its request, but what is stored is followed all the same.
    pub(crate) async fn commit(
        self: &Arc<Self>,
        operations: Vec<Operation>,
    ) -> Result<Revision, CommitError> {
        let state = Arc::clone(self);
        let task = tokio::spawn(async move { state.commit_and_follow(operations).await });
        match task.await.map_err(JoinError::try_into_panic) {
            Ok(committed) => committed,
            Err(Ok(panic)) => std::panic::resume_unwind(panic),
            Err(Err(_ended_with_the_runtime)) => Err(CommitError::Closed),
        }
    }

    async fn commit_and_follow(&self, operations: Vec<Operation>) -> Result<Revision, CommitError> {
        let resources: Vec<Arc<str>> =
            operations.iter().map(|operation| operation.key.resource.clone()).collect();
        let has_definitions = resources.iter().any(|resource| &**resource == DEFINITIONS);
        let noticed: Vec<Noticed> = operations.iter().map(Noticed::of).collect();
        if has_definitions {
            self.definitions_under_way.fetch_add(1, Ordering::SeqCst);
        }
        let committed = self.store.commit(operations).await;
        if has_definitions {
            self.refresh_registry();
            self.definitions_under_way.fetch_sub(1, Ordering::SeqCst);
        }
        let revision = committed?;
        self.quotas.noticed(&noticed);
        for resource in &resources {
            self.policy.noticed(resource);
            self.admission_policies.noticed(resource);
            if self.registry.load().is_ending(resource) {
                self.definition_ended.notify_one();
            }
        }
        if has_definitions {
            self.definition_ended.notify_one();
        }
        Ok(revision)
    }

    fn refresh_registry(&self) {
        let _in_order = self.refreshing.lock().unwrap_or_else(PoisonError::into_inner);
        let previous = self.registry.load_full();
        let definitions = stored_definitions(&self.store);
        if previous.is_of(&definitions) {
            return;
        }
        let next = Arc::new(Registry::new(&definitions, Some(&previous)));
        self.registry.store(next.clone());
        previous.end_those_not_in(&next);
    }
}

fn stored_definitions(store: &Store) -> Vec<Arc<Entry>> {
    let scope = Scope { resource: DEFINITIONS.into(), namespace: None };
    // The newest revision is always retained.
    store.list(&scope, &Page::default()).map(|listing| listing.entries).unwrap_or_default()
}

impl Drop for State {
    fn drop(&mut self) {
        // Whoever waits for a definition's end finds that the server is gone.
        self.definition_ended.notify_waiters();
    }
}

/// How many watches run, by resource.
#[derive(Clone, Default)]
pub(crate) struct WatchCounts(Arc<Mutex<BTreeMap<Arc<str>, usize>>>);

impl WatchCounts {
    /// Counts one watch until the answer is dropped.
    pub(crate) fn begin(&self, resource: &Arc<str>) -> RunningWatch {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(resource.clone()).or_default() += 1;
        RunningWatch { counts: self.clone(), resource: resource.clone() }
    }

    /// The running watches by resource; resources without any are left out.
    pub(crate) fn all(&self) -> BTreeMap<String, usize> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().map(|(resource, count)| (resource.to_string(), *count)).collect()
    }
}

/// A watch that is counted as long as this lives.
pub(crate) struct RunningWatch {
    counts: WatchCounts,
    resource: Arc<str>,
}

impl Drop for RunningWatch {
    fn drop(&mut self) {
        let mut counts = self.counts.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.resource) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.resource);
            }
        }
    }
}
