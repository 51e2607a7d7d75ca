//! The end of volumes that were made for claims: the folder goes first, then the finalizer, then the object.
//!
//! Their beginning is in `pods/volumes/claim.rs`: the folder is made when a pod first mounts it.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bythos_operator::{Cache, Next, ObjectKey};
use k8s_openapi::api::core::v1::PersistentVolume;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::json;
use tracing::info;

use crate::config::NodeConfig;
use crate::pods::terminate::remove_folder;
use crate::pods::volumes::claim::provisioned_folder;

/// Holds a volume until its folder is gone.
const FINALIZER: &str = "bythos.dev/local-folder";

/// A volume cannot go yet.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RemoveError {
    #[error("failed to remove {folder:?}")]
    Folder {
        folder: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("failed to take the finalizer from the volume")]
    Finalizer(#[source] Box<kube::Error>),
}

/// What it takes to end volumes.
pub(crate) struct ClaimedVolumes {
    pub(crate) config: NodeConfig,
    pub(crate) client: Client,
    pub(crate) volumes: Cache<PersistentVolume>,
}

impl ClaimedVolumes {
    pub(crate) async fn reconcile(self: Arc<Self>, key: ObjectKey) -> Result<Next, RemoveError> {
        let Some(volume) = self.volumes.get(&key) else { return Ok(Next::Wait) };
        let finalizers = volume.metadata.finalizers.as_deref().unwrap_or_default();
        let is_ours = finalizers.iter().any(|finalizer| finalizer == FINALIZER);
        if volume.metadata.deletion_timestamp.is_none() || !is_ours {
            return Ok(Next::Wait);
        }
        if let Some(folder) = provisioned_folder(&self.config, &volume) {
            info!(volume = key.name, folder = %folder.display(), "removing the folder of a volume");
            let path = folder.clone();
            let removed = tokio::task::spawn_blocking(move || remove_folder(&path)).await;
            let removed = removed.map_err(io::Error::other).flatten();
            removed.map_err(|source| RemoveError::Folder { folder, source })?;
        }
        let others: Vec<_> = finalizers.iter().filter(|finalizer| *finalizer != FINALIZER).collect();
        // Bound to the version that was looked at, so that a finalizer which came meanwhile is not lost.
        let version = &volume.metadata.resource_version;
        let patch = json!({"metadata": {"finalizers": others, "resourceVersion": version}});
        let volumes = Api::<PersistentVolume>::all(self.client.clone());
        match volumes.patch(&key.name, &PatchParams::default(), &Patch::Merge(patch)).await {
            Err(kube::Error::Api(status)) if status.is_not_found() => Ok(Next::Wait),
            patched => patched.map(|_| Next::Wait).map_err(|source| RemoveError::Finalizer(Box::new(source))),
        }
    }
}
