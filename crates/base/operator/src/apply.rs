//! Server-side apply under the name of a part.

use std::fmt::Debug;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Patch, PatchParams};
use kube::core::NamespaceResourceScope;
use kube::discovery::ApiResource;
use kube::{Api, Client, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::controller::ObjectKey;
use crate::raw::Raw;

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
    let kind = ApiResource::erase::<K>(&());
    let namespace = object.meta().namespace.as_deref().unwrap_or("default");
    let api = Api::namespaced_with(client.clone(), namespace, &kind);
    patch(api, manager, kind, object.meta(), serde_json::to_value(object)).await?.typed()
}

/// Applies a cluster-scoped object as field manager `manager`, taking over fields that others hold.
///
/// # Errors
/// See [`ApplyError`].
pub async fn cluster<K: Applicable>(client: &Client, manager: &str, object: &K) -> Result<K, ApplyError> {
    let kind = ApiResource::erase::<K>(&());
    let api = Api::all_with(client.clone(), &kind);
    patch(api, manager, kind, object.meta(), serde_json::to_value(object)).await?.typed()
}

/// What the API answered, and what to call it in an error.
struct Applied {
    kind: String,
    raw: Raw,
}

impl Applied {
    fn typed<K: DeserializeOwned>(self) -> Result<K, ApplyError> {
        self.raw.read().map_err(|source| failed(self.kind, &self.raw.key(), kube::Error::SerdeError(source)))
    }
}

async fn patch(
    api: Api<Raw>,
    manager: &str,
    kind: ApiResource,
    metadata: &ObjectMeta,
    object: serde_json::Result<Value>,
) -> Result<Applied, ApplyError> {
    let kind = kind.kind;
    let Some(name) = metadata.name.as_deref() else { return Err(ApplyError::Nameless { kind }) };
    let applied = match object {
        Ok(object) => api.patch(name, &PatchParams::apply(manager).force(), &Patch::Apply(object)).await,
        Err(error) => Err(kube::Error::SerdeError(error)),
    };
    match applied {
        Ok(raw) => Ok(Applied { kind, raw }),
        Err(source) => {
            let namespace = metadata.namespace.clone().unwrap_or_default();
            Err(failed(kind, &ObjectKey { namespace, name: name.to_owned() }, source))
        }
    }
}

fn failed(kind: String, key: &ObjectKey, source: kube::Error) -> ApplyError {
    ApplyError::Patch { kind, key: key.to_string(), source: Box::new(source) }
}
