//! Objects as they came over the wire, whatever their kind.
//!
//! To watch or to apply is the same work for each kind; only what is made of an object differs. Raw objects keep that
//! work in one piece of machine code for all kinds, and in a watch an object that cannot be read stands alone: the others
//! go on.

use std::borrow::Cow;

use futures::StreamExt as _;
use futures::stream::BoxStream;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::DynamicResourceScope;
use kube::discovery::ApiResource;
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client, Resource};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::controller::ObjectKey;

/// The JSON of one object.
#[derive(Debug, Clone)]
pub(crate) struct Raw {
    /// Name, namespace and resource version only.
    metadata: ObjectMeta,
    text: Box<RawValue>,
}

/// Events of all objects of a kind, with back-off where the watch is interrupted.
pub(crate) fn watch(
    client: Client,
    kind: &ApiResource,
    config: watcher::Config,
) -> BoxStream<'static, watcher::Result<watcher::Event<Raw>>> {
    watcher(Api::<Raw>::all_with(client, kind), config).default_backoff().boxed()
}

impl Raw {
    /// The key of the object.
    pub(crate) fn key(&self) -> ObjectKey {
        ObjectKey::of(self)
    }

    /// The object as one of its kind.
    pub(crate) fn read<K: DeserializeOwned>(&self) -> serde_json::Result<K> {
        serde_json::from_str(self.text.get())
    }
}

/// What a watch itself needs to know of an object.
#[derive(Deserialize)]
struct Head {
    metadata: HeadMetadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HeadMetadata {
    name: Option<String>,
    namespace: Option<String>,
    resource_version: Option<String>,
}

impl<'de> Deserialize<'de> for Raw {
    /// Only from JSON text, and in a watch's event only after its `type`: there every Kubernetes writes it first.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(deserializer)?;
        let Head { metadata: HeadMetadata { name, namespace, resource_version } } =
            serde_json::from_str(text.get()).map_err(D::Error::custom)?;
        let metadata = ObjectMeta { name, namespace, resource_version, ..ObjectMeta::default() };
        Ok(Raw { metadata, text })
    }
}

impl Resource for Raw {
    type DynamicType = ApiResource;
    type Scope = DynamicResourceScope;

    fn kind(kind: &ApiResource) -> Cow<'_, str> {
        kind.kind.as_str().into()
    }

    fn group(kind: &ApiResource) -> Cow<'_, str> {
        kind.group.as_str().into()
    }

    fn version(kind: &ApiResource) -> Cow<'_, str> {
        kind.version.as_str().into()
    }

    fn api_version(kind: &ApiResource) -> Cow<'_, str> {
        kind.api_version.as_str().into()
    }

    fn plural(kind: &ApiResource) -> Cow<'_, str> {
        kind.plural.as_str().into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}
