//! One shared, read-only copy per kind and selection, kept fresh by one watch.
//!
//! [`Caches`] belongs to the process and watches under one identity of its own; a part gets [`PartCaches`], which
//! hands out a kind only if the part's own role may list and watch it. What nobody reads (`managedFields`) is
//! dropped on the way in. What is the same for all kinds works on raw objects.

use std::any::{Any, TypeId};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use futures::{FutureExt as _, TryStreamExt as _};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::discovery::ApiResource;
use kube::runtime::watcher;
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error, info_span, warn};

use crate::controller::ObjectKey;
use crate::error_chain;
use crate::raw::{self, Raw};

/// What a kind must be to have a cache: any typed Kubernetes kind.
pub trait Cacheable:
    Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + Sync + 'static
{
}

impl<K> Cacheable for K where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + Sync + 'static
{
}

/// A failure to hand out a cache.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// The part's role does not allow it.
    #[error("this part's role does not allow it to {verb} {resource:?} of group {group:?}: {reason}")]
    Forbidden {
        /// `list` or `watch`.
        verb: &'static str,
        /// Plural name of the kind.
        resource: String,
        /// API group of the kind; empty for the core group.
        group: String,
        /// The authorizer's own words.
        reason: String,
    },
    /// The question whether the part may read the kind got no answer.
    #[error("failed to ask whether this part may {verb} {resource:?}")]
    AskAccess {
        /// `list` or `watch`.
        verb: &'static str,
        /// Plural name of the kind.
        resource: String,
        /// What the client said.
        #[source]
        source: Box<kube::Error>,
    },
    /// The process is shutting down.
    #[error("the process is shutting down")]
    Closed,
}

/// One change of a cached object: `old` is absent when it appeared, `new` when it is gone.
#[derive(Debug)]
pub struct Change<'a, K> {
    /// What the cache held before.
    pub old: Option<&'a K>,
    /// What the cache holds now.
    pub new: Option<&'a K>,
}

type Subscriber<K> = Box<dyn Fn(&Change<'_, K>) -> bool + Send + Sync>;

struct Shared<K> {
    objects: RwLock<Contents<K>>,
    synced: watch::Sender<bool>,
}

struct Contents<K> {
    by_key: BTreeMap<ObjectKey, Arc<K>>,
    /// What a list that is under way has brought so far.
    listed: BTreeMap<ObjectKey, Arc<K>>,
    subscribers: Vec<Subscriber<K>>,
}

impl<K> Contents<K> {
    fn insert(&mut self, key: ObjectKey, new: &Arc<K>) {
        let old = self.by_key.insert(key, new.clone());
        self.tell(&Change { old: old.as_deref(), new: Some(new.as_ref()) });
    }

    fn remove(&mut self, key: &ObjectKey) {
        if let Some(old) = self.by_key.remove(key) {
            self.tell(&Change { old: Some(old.as_ref()), new: None });
        }
    }

    fn tell(&mut self, change: &Change<'_, K>) {
        self.subscribers.retain(|notify| notify(change));
    }
}

/// Which objects of a kind a cache holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Selection {
    All,
    /// Those of this name, in all namespaces.
    Named(&'static str),
}

impl Selection {
    fn watch(self) -> watcher::Config {
        match self {
            Selection::All => watcher::Config::default(),
            Selection::Named(name) => watcher::Config::default().fields(&format!("metadata.name={name}")),
        }
    }
}

/// The shared copy of one kind, across all namespaces.
pub struct Cache<K>(Arc<Shared<K>>);

impl<K> Clone for Cache<K> {
    fn clone(&self) -> Self {
        Cache(self.0.clone())
    }
}

impl<K> Cache<K> {
    /// The object with this key, as last seen.
    pub fn get(&self, key: &ObjectKey) -> Option<Arc<K>> {
        self.read(|contents| contents.by_key.get(key).cloned())
    }

    /// All objects, ordered by namespace and name.
    pub fn list(&self) -> Vec<Arc<K>> {
        self.read(|contents| contents.by_key.values().cloned().collect())
    }

    /// All objects of one namespace, ordered by name.
    pub fn list_in(&self, namespace: &str) -> Vec<Arc<K>> {
        let first = ObjectKey::namespaced(namespace, "");
        self.read(|contents| {
            contents
                .by_key
                .range(first..)
                .take_while(|(key, _)| key.namespace == namespace)
                .map(|(_, object)| object.clone())
                .collect()
        })
    }

    /// Calls `notify` for every object that is there and then for every change, until it returns false.
    ///
    /// It is called while the cache is locked: it must be quick and must not use the cache.
    pub fn subscribe(&self, notify: impl Fn(&Change<'_, K>) -> bool + Send + Sync + 'static) {
        let mut contents = self.0.objects.write().unwrap_or_else(PoisonError::into_inner);
        let listening =
            contents.by_key.values().all(|object| notify(&Change { old: None, new: Some(object.as_ref()) }));
        if listening {
            contents.subscribers.push(Box::new(notify));
        }
    }

    fn read<T>(&self, look: impl FnOnce(&Contents<K>) -> T) -> T {
        look(&self.0.objects.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<K: Cacheable> Cache<K> {
    fn start(client: Client, selection: Selection, shutdown: CancellationToken) -> Self {
        let shared = Arc::new(Shared {
            objects: RwLock::new(Contents {
                by_key: BTreeMap::new(),
                listed: BTreeMap::new(),
                subscribers: Vec::new(),
            }),
            synced: watch::Sender::new(false),
        });
        let kind = ApiResource::erase::<K>(&());
        let span = info_span!("cache", kind = kind.kind);
        let keeping = keep_alive(shared.clone(), client, kind, selection);
        tokio::spawn(async move { shutdown.run_until_cancelled(keeping).await }.instrument(span));
        Cache(shared)
    }
}

#[cfg(test)]
impl<K: Resource<DynamicType = ()>> Cache<K> {
    /// One that no watch fills.
    pub(crate) fn by_hand() -> Self {
        let (by_key, listed, subscribers) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        let objects = RwLock::new(Contents { by_key, listed, subscribers });
        Cache(Arc::new(Shared { objects, synced: watch::Sender::new(true) }))
    }

    pub(crate) fn put(&self, object: K) {
        self.0.objects.write().unwrap().insert(ObjectKey::of(&object), &Arc::new(object));
    }

    pub(crate) fn take_away(&self, key: &ObjectKey) {
        self.0.objects.write().unwrap().remove(key);
    }
}

/// One who is told what a watch brings.
trait Watching: Send + Sync {
    fn take(&self, event: watcher::Event<Raw>);
}

/// Begins the watch again when one of those who are told of changes panics: the others still need it.
async fn keep_alive(watching: Arc<dyn Watching>, client: Client, kind: ApiResource, selection: Selection) {
    let keep_fresh = || keep_fresh(watching.as_ref(), client.clone(), &kind, selection);
    while AssertUnwindSafe(keep_fresh()).catch_unwind().await.is_err() {
        error!("someone who was told of a change panicked; the watch begins again");
    }
}

async fn keep_fresh(watching: &dyn Watching, client: Client, kind: &ApiResource, selection: Selection) {
    let mut events = raw::watch(client, kind, selection.watch());
    loop {
        match events.try_next().await {
            Ok(Some(event)) => watching.take(event),
            Ok(None) => return,
            Err(error) => warn!(error = %error_chain(&error), "watch interrupted; it will be resumed"),
        }
    }
}

impl<K: Cacheable> Watching for Shared<K> {
    fn take(&self, event: watcher::Event<Raw>) {
        let mut contents = self.objects.write().unwrap_or_else(PoisonError::into_inner);
        match event {
            watcher::Event::Apply(raw) => {
                if let Some(object) = read(&raw) {
                    contents.insert(raw.key(), &object);
                }
            }
            watcher::Event::Delete(raw) => contents.remove(&raw.key()),
            watcher::Event::Init => contents.listed.clear(),
            watcher::Event::InitApply(raw) => {
                if let Some(object) = read(&raw) {
                    contents.listed.insert(raw.key(), object);
                }
            }
            watcher::Event::InitDone => {
                contents.become_listed();
                drop(contents);
                self.synced.send_replace(true);
            }
        }
    }
}

/// The object, without what nobody reads. One that is not as its kind says is left out of the cache, or stays in it as it
/// was: those who read the others go on.
fn read<K: Cacheable>(raw: &Raw) -> Option<Arc<K>> {
    match raw.read::<K>() {
        Ok(mut object) => {
            object.meta_mut().managed_fields = None;
            Some(Arc::new(object))
        }
        Err(error) => {
            error!(kind = %K::kind(&()), key = %raw.key(), %error, "an object that cannot be read is left out");
            None
        }
    }
}

impl<K: Resource> Contents<K> {
    /// What the list did not bring is gone; what it brought anew is told.
    fn become_listed(&mut self) {
        let listed = std::mem::take(&mut self.listed);
        let gone: Vec<_> = self.by_key.keys().filter(|key| !listed.contains_key(key)).cloned().collect();
        for key in gone {
            self.remove(&key);
        }
        for (key, object) in listed {
            let known = self.by_key.get(&key).map(|old| &old.meta().resource_version);
            if known != Some(&object.meta().resource_version) {
                self.insert(key, &object);
            }
        }
    }
}

/// Each is a `Cache` of the kind with this type.
type CachesBySelection = BTreeMap<(TypeId, Selection), Box<dyn Any + Send>>;

/// All caches of the process.
#[derive(Clone)]
pub struct Caches {
    client: Client,
    shutdown: CancellationToken,
    by_selection: Arc<Mutex<CachesBySelection>>,
}

impl Caches {
    /// `client` needs to list and watch every kind that any part reads.
    pub fn new(client: Client, shutdown: CancellationToken) -> Self {
        Caches { client, shutdown, by_selection: Arc::default() }
    }

    /// The caches as one part sees them: `client` carries that part's identity.
    pub fn for_part(&self, client: Client) -> PartCaches {
        PartCaches { caches: self.clone(), client }
    }

    /// How many watches there are, one per kind and selection. A test holds this against the number of watches that the API server counts.
    pub fn len(&self) -> usize {
        self.by_selection.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether no kind is watched yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn of<K: Cacheable>(&self, selection: Selection) -> Cache<K> {
        let mut by_selection = self.by_selection.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (TypeId::of::<K>(), selection);
        let known = by_selection.get(&key).and_then(|cache| cache.downcast_ref::<Cache<K>>()).cloned();
        known.unwrap_or_else(|| {
            let cache = Cache::<K>::start(self.client.clone(), selection, self.shutdown.clone());
            by_selection.insert(key, Box::new(cache.clone()));
            cache
        })
    }
}

/// The caches as one part may see them.
#[derive(Clone)]
pub struct PartCaches {
    caches: Caches,
    client: Client,
}

impl PartCaches {
    /// The cache of `K`, once it holds everything that was there when it was asked for.
    ///
    /// # Errors
    /// The part's role does not allow it to list and watch `K`, or nobody could tell.
    pub async fn of<K: Cacheable>(&self) -> Result<Cache<K>, CacheError> {
        self.selected(Selection::All).await
    }

    /// As [`PartCaches::of`], with only the objects of this name, in all namespaces: for one who reads a well-known
    /// object of a kind that may have very many.
    ///
    /// # Errors
    /// As [`PartCaches::of`].
    pub async fn named<K: Cacheable>(&self, name: &'static str) -> Result<Cache<K>, CacheError> {
        self.selected(Selection::Named(name)).await
    }

    async fn selected<K: Cacheable>(&self, selection: Selection) -> Result<Cache<K>, CacheError> {
        self.may_read(&ApiResource::erase::<K>(&())).await?;
        let cache = self.caches.of::<K>(selection);
        self.filled(cache.0.synced.subscribe()).await?;
        Ok(cache)
    }

    /// Waits until a cache holds what was there when it began.
    async fn filled(&self, mut synced: watch::Receiver<bool>) -> Result<(), CacheError> {
        let filled = self.caches.shutdown.run_until_cancelled(synced.wait_for(|synced| *synced)).await;
        filled.and_then(Result::ok).map(drop).ok_or(CacheError::Closed)
    }

    async fn may_read(&self, kind: &ApiResource) -> Result<(), CacheError> {
        for verb in ["list", "watch"] {
            self.may(verb, kind).await?;
        }
        Ok(())
    }

    async fn may(&self, verb: &'static str, kind: &ApiResource) -> Result<(), CacheError> {
        let (resource, group) = (kind.plural.clone(), kind.group.clone());
        let question = SelfSubjectAccessReview {
            spec: SelfSubjectAccessReviewSpec {
                resource_attributes: Some(ResourceAttributes {
                    verb: Some(verb.to_owned()),
                    group: Some(group.clone()),
                    resource: Some(resource.clone()),
                    ..ResourceAttributes::default()
                }),
                ..SelfSubjectAccessReviewSpec::default()
            },
            ..SelfSubjectAccessReview::default()
        };
        let answer = Api::<SelfSubjectAccessReview>::all(self.client.clone())
            .create(&Default::default(), &question)
            .await
            .map_err(|source| CacheError::AskAccess {
                verb,
                resource: resource.clone(),
                source: Box::new(source),
            })?;
        let status = answer.status.unwrap_or_default();
        if status.allowed {
            return Ok(());
        }
        Err(CacheError::Forbidden { verb, resource, group, reason: status.reason.unwrap_or_default() })
    }
}
