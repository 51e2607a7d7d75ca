//! Where the manifests come from, and their files.

use std::collections::BTreeMap;

use bythos_api::flux::Artifact;
use bythos_api::gitrepository::{GitRepository, GitRepositoryStatus};
use bythos_api::kustomization::Kustomization;
use bythos_operator::{Cache, ObjectKey};
use kube::ResourceExt as _;

use super::report::Failure;
use crate::artifact;
use crate::condition::{Type, message};
use crate::storage::Storage;

/// The source that a kustomization names.
pub(crate) fn key_of(object: &Kustomization) -> ObjectKey {
    let reference = &object.spec.source_ref;
    let own = object.namespace().unwrap_or_default();
    ObjectKey::namespaced(reference.namespace.clone().unwrap_or(own), reference.name.as_str())
}

/// Why a source has no artifact, in its own words.
pub(super) fn why_there_is_nothing(status: &GitRepositoryStatus) -> Option<&str> {
    message(&status.conditions, Type::Ready)
}

/// The artifact that the source has now.
pub(super) fn artifact(object: &Kustomization, sources: &Cache<GitRepository>) -> Result<Artifact, Failure> {
    let key = key_of(object);
    let source = sources.get(&key).ok_or_else(|| Failure::NoSource { source_key: key.to_string() })?;
    let status = source.status.as_ref();
    status.and_then(|status| status.artifact.clone()).ok_or_else(|| {
        let why = status.and_then(why_there_is_nothing).unwrap_or("it was not looked at yet");
        Failure::NoArtifact { source_key: key.to_string(), why: why.to_owned() }
    })
}

/// The files of an artifact.
pub(super) async fn files(
    storage: &Storage,
    artifact: &Artifact,
) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    let digest = artifact.digest.as_deref().unwrap_or_default();
    let bytes = storage.get(&artifact.path, digest).await?;
    let unpacked = tokio::task::spawn_blocking(move || artifact::unpack(&bytes)).await;
    unpacked.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic())).map_err(Failure::Unpack)
}
