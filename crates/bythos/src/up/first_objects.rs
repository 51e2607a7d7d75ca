//! The objects that make the platform's repository the description of the cloud.

use anyhow::Result;
use bythos_api::names::{FLUX_NAMESPACE, PLATFORM, PLATFORM_GIT_SECRET};
use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams};
use serde_json::{Value, json};
use tracing::info;

use crate::publish::{self, MANAGER};
use crate::settings::{GIT_PORT, Settings};

/// Applies the GitRepository and the Kustomization of the platform. They are plain Flux objects, and what the owner
/// changed in them stays: whoever holds a field keeps it.
pub(super) async fn apply(client: &Client, settings: &Settings) -> Result<()> {
    publish::namespace(client, FLUX_NAMESPACE).await?;
    let port = settings.port("git", GIT_PORT);
    let url = format!("https://forge.{}.svc:{port}/{PLATFORM}.git", bythos_api::names::BYTHOS_NAMESPACE);
    let source = json!({
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "GitRepository",
        "metadata": { "namespace": FLUX_NAMESPACE, "name": PLATFORM },
        "spec": {
            "interval": "10m",
            "url": url,
            "ref": { "branch": "main" },
            "secretRef": { "name": PLATFORM_GIT_SECRET },
        },
    });
    let kustomization = json!({
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": { "namespace": FLUX_NAMESPACE, "name": PLATFORM },
        "spec": {
            "interval": "10m",
            // A failure that passes, such as a namespace that still ends, is not to last for ten minutes.
            "retryInterval": "15s",
            "path": "./",
            "prune": true,
            "sourceRef": { "kind": "GitRepository", "name": PLATFORM },
        },
    });
    apply_object(client, "gitrepositories", source).await?;
    apply_object(client, "kustomizations", kustomization).await
}

async fn apply_object(client: &Client, plural: &str, object: Value) -> Result<()> {
    let object: DynamicObject = serde_json::from_value(object)?;
    let types = object.types.clone().unwrap_or_default();
    let kind = GroupVersionKind::try_from(&types)?;
    let resource = ApiResource::from_gvk_with_plural(&kind, plural);
    let api = Api::<DynamicObject>::namespaced_with(client.clone(), FLUX_NAMESPACE, &resource);
    match api.patch(PLATFORM, &PatchParams::apply(MANAGER), &Patch::Apply(&object)).await {
        Err(kube::Error::Api(status)) if status.is_conflict() => {
            info!(kind = kind.kind, reason = status.message, "left as its owner changed it");
            Ok(())
        }
        other => other.map(drop).map_err(Into::into),
    }
}
