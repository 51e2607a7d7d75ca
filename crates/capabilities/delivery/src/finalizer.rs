//! Flux' finalizer, by which an object is held until what was made for it is gone.

use std::fmt::Debug;

use bythos_api::flux::FINALIZER;
use kube::api::{Patch, PatchParams};
use kube::{Api, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use serde_json::json;

/// Whether the object waits for us to let it go.
pub(crate) fn is_held<K: Resource>(object: &K) -> bool {
    object.finalizers().iter().any(|it| it == FINALIZER)
}

/// Holds the object, before anything is made for it.
pub(crate) async fn hold<K>(api: &Api<K>, object: &K) -> kube::Result<()>
where
    K: Resource + Clone + Debug + DeserializeOwned,
{
    if is_held(object) {
        return Ok(());
    }
    let all = object.finalizers().iter().map(String::as_str).chain([FINALIZER]).collect();
    write(api, object, all).await
}

/// Lets the object go, if it is there and was held.
pub(crate) async fn let_go<K>(api: &Api<K>, object: &K) -> kube::Result<()>
where
    K: Resource + Clone + Debug + DeserializeOwned,
{
    if !is_held(object) {
        return Ok(());
    }
    let rest = object.finalizers().iter().map(String::as_str).filter(|it| *it != FINALIZER).collect();
    match write(api, object, rest).await {
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        written => written,
    }
}

async fn write<K>(api: &Api<K>, object: &K, finalizers: Vec<&str>) -> kube::Result<()>
where
    K: Resource + Clone + Debug + DeserializeOwned,
{
    let version = object.resource_version();
    let patch = json!({ "metadata": { "finalizers": finalizers, "resourceVersion": version } });
    api.patch(&object.name_any(), &PatchParams::default(), &Patch::Merge(patch)).await.map(drop)
}
