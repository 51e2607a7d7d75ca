//! Server-side apply under the name of a part.

use std::fmt::Debug;

use kube::api::{Patch, PatchParams};
use kube::core::NamespaceResourceScope;
use kube::{Api, Client, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The object cannot be applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// An object without a name cannot be applied.
    #[error("an object of kind {kind:?} without a name cannot be applied")]
    Nameless {
        /// Kind of the object.
        kind: String,
    },
    /// The API refused it, or could not be reached.
    #[error("failed to apply {kind} {key:?}")]
    Patch {
        /// Kind of the object.
        kind: String,
        /// `namespace/name`, or the name alone.
        key: String,
        /// What the client said.
        #[source]
        source: Box<kube::Error>,
    },
}

/// What can be applied: any typed Kubernetes kind.
pub trait Applicable: Resource<DynamicType = ()> + Serialize + DeserializeOwned + Clone + Debug {}

impl<K> Applicable for K where K: Resource<DynamicType = ()> + Serialize + DeserializeOwned + Clone + Debug {}

/// Applies a namespaced object as field manager `manager`, taking over fields that others hold.
///
/// # Errors
/// See [`ApplyError`].
pub async fn namespaced<K>(client: &Client, manager: &str, object: &K) -> Result<K, ApplyError>
where
    K: Applicable + Resource<Scope = NamespaceResourceScope>,
{
    let namespace = object.meta().namespace.as_deref().unwrap_or("default");
    patch(&Api::namespaced(client.clone(), namespace), manager, object).await
}

/// Applies a cluster-scoped object as field manager `manager`, taking over fields that others hold.
///
/// # Errors
/// See [`ApplyError`].
pub async fn cluster<K: Applicable>(client: &Client, manager: &str, object: &K) -> Result<K, ApplyError> {
    patch(&Api::all(client.clone()), manager, object).await
}

async fn patch<K: Applicable>(api: &Api<K>, manager: &str, object: &K) -> Result<K, ApplyError> {
    let kind = K::kind(&()).into_owned();
    let Some(name) = object.meta().name.as_deref() else { return Err(ApplyError::Nameless { kind }) };
    api.patch(name, &PatchParams::apply(manager).force(), &Patch::Apply(object)).await.map_err(|source| {
        let key = crate::ObjectKey::of(object).to_string();
        ApplyError::Patch { kind, key, source: Box::new(source) }
    })
}
