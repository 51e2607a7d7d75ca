//! Which kinds the cluster serves, asked once and remembered.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::discovery::{Scope, pinned_kind};
use kube::{Api, Client};

use crate::status::words;

/// A kind that is served.
#[derive(Debug, Clone)]
pub(crate) struct Kind {
    pub(crate) resource: ApiResource,
    pub(crate) namespaced: bool,
}

/// A kind that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KindError {
    #[error("no matches for kind {kind:?} in version {version:?}")]
    Unknown { kind: String, version: String },
    #[error("failed to ask for the kinds of {version:?}: {words}")]
    Ask { version: String, words: String },
}

/// The kinds that were asked for. One that is unknown is asked for again each time, because it may come.
pub(crate) struct Kinds {
    client: Client,
    known: Mutex<BTreeMap<(String, String, String), Kind>>,
}

impl Kinds {
    pub(crate) fn new(client: Client) -> Self {
        Kinds { client, known: Mutex::default() }
    }

    /// The kind as the cluster serves it.
    pub(crate) async fn get(&self, gvk: &GroupVersionKind) -> Result<Kind, KindError> {
        let key = (gvk.group.clone(), gvk.version.clone(), gvk.kind.clone());
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let version = gvk.api_version();
        let (resource, capabilities) = pinned_kind(&self.client, gvk).await.map_err(|error| match error {
            kube::Error::Discovery(_) => KindError::Unknown { kind: gvk.kind.clone(), version },
            kube::Error::Api(status) if status.code == 404 => {
                KindError::Unknown { kind: gvk.kind.clone(), version }
            }
            other => KindError::Ask { version, words: words(&other) },
        })?;
        let kind = Kind { resource, namespaced: capabilities.scope == Scope::Namespaced };
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(key, kind.clone());
        Ok(kind)
    }

    /// Forgets a kind that the cluster no longer answers for.
    pub(crate) fn forget(&self, gvk: &GroupVersionKind) {
        let key = (gvk.group.clone(), gvk.version.clone(), gvk.kind.clone());
        self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
    }

    /// The objects of all kinds, as `client` may use them.
    pub(crate) fn used_by(&self, client: Client) -> Cluster<'_> {
        Cluster { kinds: self, client }
    }
}

/// The objects of all kinds, as one identity may use them. Which kinds there are, everybody may know.
pub(crate) struct Cluster<'a> {
    kinds: &'a Kinds,
    client: Client,
}

impl Cluster<'_> {
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// See [`Kinds::get`].
    pub(crate) async fn kind(&self, gvk: &GroupVersionKind) -> Result<Kind, KindError> {
        self.kinds.get(gvk).await
    }

    /// See [`Kinds::forget`].
    pub(crate) fn forget(&self, gvk: &GroupVersionKind) {
        self.kinds.forget(gvk);
    }

    /// The way to the objects of a kind; the namespace means nothing to a kind outside namespaces.
    pub(crate) fn api(&self, kind: &Kind, namespace: &str) -> Api<DynamicObject> {
        if kind.namespaced {
            Api::namespaced_with(self.client.clone(), namespace, &kind.resource)
        } else {
            Api::all_with(self.client.clone(), &kind.resource)
        }
    }
}
