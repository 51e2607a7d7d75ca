//! Mirrors of static pods in the API: made, made again when somebody removes them, and removed with their manifests.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bythos_operator::{Next, ObjectKey};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{DeleteParams, PostParams, Preconditions};

use super::super::spec::identity;
use super::StaticPods;
use crate::node::Node;

pub(super) const HASH: &str = "kubernetes.io/config.hash";
pub(super) const SOURCE: &str = "kubernetes.io/config.source";
pub(super) const SOURCE_FILE: &str = "file";
const MIRROR: &str = "kubernetes.io/config.mirror";

fn annotation<'a>(pod: &'a Pod, name: &str) -> Option<&'a String> {
    pod.metadata.annotations.as_ref()?.get(name)
}

/// The uid of the static pod that `pod` mirrors; `None` if it is no mirror.
pub(crate) fn mirrored_uid(pod: &Pod) -> Option<&str> {
    annotation(pod, MIRROR).map(String::as_str)
}

/// Whether the pod stands in a file of this host.
pub(crate) fn is_static(pod: &Pod) -> bool {
    mirrored_uid(pod).is_none() && annotation(pod, SOURCE).is_some_and(|source| source == SOURCE_FILE)
}

/// The static pod with what the API knows of its mirror: the status, and the version to write over.
pub(crate) fn with_mirror(pod: &Arc<Pod>, mirror: Option<&Pod>) -> Arc<Pod> {
    let Some(mirror) = mirror.filter(|mirror| mirrored_uid(mirror) == pod.metadata.uid.as_deref()) else {
        return pod.clone();
    };
    let mut seen = Pod::clone(pod);
    seen.metadata.resource_version.clone_from(&mirror.metadata.resource_version);
    seen.metadata.generation = mirror.metadata.generation;
    seen.status.clone_from(&mirror.status);
    Arc::new(seen)
}

/// The key of a pod that is a mirror.
pub(crate) fn mirror_keys(pod: &Pod) -> Vec<ObjectKey> {
    mirrored_uid(pod).map(|_| ObjectKey::of(pod)).into_iter().collect()
}

/// The keys of all mirrors that there are or should be.
pub(super) fn all_keys(node: &Node) -> BTreeSet<ObjectKey> {
    let found = node.pods.list().into_iter().filter(|pod| node.owns(pod));
    let found = found.flat_map(|pod| mirror_keys(&pod)).collect::<Vec<_>>();
    wanted(&node.static_pods).into_keys().chain(found).collect()
}

/// Brings the mirror at `key` in line with the manifests.
pub(crate) async fn keep_mirror(node: Arc<Node>, key: ObjectKey) -> Result<Next, kube::Error> {
    let wanted = wanted(&node.static_pods).remove(&key);
    let found = node.pods.get(&key).filter(|pod| node.owns(pod) && mirrored_uid(pod).is_some());
    let api = Api::<Pod>::namespaced(node.client.clone(), &key.namespace);
    if let Some(found) = &found {
        let is_right = wanted.as_ref().is_some_and(|wanted| {
            found.metadata.deletion_timestamp.is_none()
                && mirrored_uid(found) == wanted.metadata.uid.as_deref()
        });
        if is_right {
            return Ok(Next::Wait);
        }
        remove(&api, found).await?;
    }
    let Some(wanted) = wanted else { return Ok(Next::Wait) };
    match api.create(&PostParams::default(), &mirror_of(&wanted)).await {
        // The cache is about to tell of it.
        Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(Next::Wait),
        // Its namespace comes later.
        Err(error) => Err(error),
        Ok(_) => Ok(Next::Wait),
    }
}

fn wanted(pods: &StaticPods) -> BTreeMap<ObjectKey, Arc<Pod>> {
    let key = |pod: &Pod| {
        let identity = identity(pod);
        ObjectKey::namespaced(identity.namespace, identity.name)
    };
    pods.list().into_iter().map(|pod| (key(&pod), pod)).collect()
}

fn mirror_of(pod: &Pod) -> Pod {
    let mut mirror = pod.clone();
    let hash = mirror.metadata.uid.take().unwrap_or_default();
    mirror.metadata.annotations.get_or_insert_default().insert(MIRROR.to_owned(), hash);
    mirror
}

async fn remove(api: &Api<Pod>, mirror: &Pod) -> Result<(), kube::Error> {
    let preconditions = Preconditions { uid: mirror.metadata.uid.clone(), resource_version: None };
    let parameters = DeleteParams {
        grace_period_seconds: Some(0),
        preconditions: Some(preconditions),
        ..DeleteParams::default()
    };
    match api.delete(mirror.metadata.name.as_deref().unwrap_or_default(), &parameters).await {
        Err(kube::Error::Api(status)) if status.is_not_found() || status.is_conflict() => Ok(()),
        removed => removed.map(drop),
    }
}
