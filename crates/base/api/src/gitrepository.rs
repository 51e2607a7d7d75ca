//! Flux' GitRepository (`source.toolkit.fluxcd.io/v1`): a Git repository whose files become an artifact.

use std::time::Duration;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, CustomResourceExt as _};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::flux::{Artifact, GoDuration, LocalObjectReference};

/// Which repository, which commit, how often.
#[derive(Debug, Clone, PartialEq, CustomResource, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "source.toolkit.fluxcd.io",
    version = "v1",
    kind = "GitRepository",
    plural = "gitrepositories",
    shortname = "gitrepo",
    category = "all",
    category = "fluxcd",
    category = "fluxcd-sources",
    namespaced,
    status = "GitRepositoryStatus",
    derive = "PartialEq",
    printcolumn(name = "URL", type_ = "string", json_path = ".spec.url")
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct GitRepositorySpec {
    /// `https://`, `http://` or `ssh://` address of the repository.
    #[schemars(regex(pattern = r"^(http|https|ssh)://.*$"))]
    pub url: String,
    /// Secret with `username` and `password`, or `bearerToken`; the authority in `ca.crt` (or `caFile`) and our certificate
    /// in `tls.crt` and `tls.key`; for SSH `identity`, `known_hosts` and, if the key has a passphrase, `password`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<LocalObjectReference>,
    /// `generic` (the default), `aws`, `azure` or `github`: how to authenticate without a secret. Kept, not acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// ServiceAccount of a cloud provider's identity. Kept, not acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account_name: Option<String>,
    /// How often the remote is asked for a new revision.
    pub interval: GoDuration,
    /// How long one Git operation may take; 60 seconds where none is given.
    #[serde(default = "default_timeout", skip_serializing_if = "Option::is_none")]
    pub timeout: Option<GoDuration>,
    /// Which commit; branch `master` where nothing is given, as in Flux.
    #[serde(rename = "ref", default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<GitRepositoryRef>,
    /// Signature that the commit must have. An object that asks for it is refused by a condition, never ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<GitRepositoryVerification>,
    /// Secret with the `address` of a proxy, and its `username` and `password`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy_secret_ref: Option<LocalObjectReference>,
    /// Files to leave out of the artifact, by the rules of `.gitignore`, after those of `.sourceignore`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignore: Option<String>,
    /// Whether to leave the source as it is for now.
    #[serde(default)]
    pub suspend: bool,
    /// Whether to fetch submodules, at any depth.
    #[serde(default)]
    pub recurse_submodules: bool,
    /// Artifacts of other sources to put into this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<GitRepositoryInclude>,
    /// Folders to which the artifact is limited; empty for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sparse_checkout: Vec<String>,
}

fn default_timeout() -> Option<GoDuration> {
    Some(GoDuration(Duration::from_secs(60)))
}

/// Which commit. Of several, `commit` goes before `name`, `semver`, `tag`, `branch`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct GitRepositoryRef {
    /// The head of this branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// This tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// The highest tag within this range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub semver: Option<String>,
    /// This reference, for example `refs/pull/420/head`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// This commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

/// Which signature is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct GitRepositoryVerification {
    /// `HEAD`, `Tag` or `TagAndHEAD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// Secret with the public keys.
    pub secret_ref: LocalObjectReference,
}

/// Another source's artifact, to be put into this one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct GitRepositoryInclude {
    /// The other GitRepository.
    pub repository: LocalObjectReference,
    /// Folder in the other artifact; empty for all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_path: Option<String>,
    /// Folder in this artifact; the other's name where none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_path: Option<String>,
}

/// What was fetched, and how it went.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct GitRepositoryStatus {
    /// Generation of the object that the status speaks of; -1 before the first look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready`, `Reconciling`, `Stalled`, `FetchFailed`, `StorageOperationFailed`, `ArtifactInStorage`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// What was made from the last good fetch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact: Option<Artifact>,
    /// `spec.ignore` from which the artifact was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_ignore: Option<String>,
    /// `spec.sparseCheckout` from which the artifact was made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub observed_sparse_checkout: Vec<String>,
    /// `spec.recurseSubmodules` from which the artifact was made.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub observed_recurse_submodules: bool,
    /// `spec.include` from which the artifact was made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub observed_include: Vec<GitRepositoryInclude>,
    /// The artifacts that were put into this one, in the order of `spec.include`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub included_artifacts: Vec<Artifact>,
    /// Last value of the annotation `reconcile.fluxcd.io/requestedAt` that was acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
}

/// The CustomResourceDefinition `gitrepositories.source.toolkit.fluxcd.io`.
pub fn definition() -> CustomResourceDefinition {
    crate::flux::complete(GitRepository::crd())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_repository_gets_flux_defaults() {
        let object: GitRepository = serde_json::from_value(serde_json::json!({
            "apiVersion": "source.toolkit.fluxcd.io/v1",
            "kind": "GitRepository",
            "metadata": { "name": "platform", "namespace": "flux-system" },
            "spec": { "url": "https://example.org/platform.git", "interval": "1m", "newInFlux": true },
        }))
        .unwrap();
        assert_eq!(object.spec.timeout, Some(GoDuration(Duration::from_secs(60))));
        assert!(!object.spec.suspend);
        assert_eq!(object.spec.reference, None);
    }

    #[test]
    fn the_definition_is_that_of_flux() {
        let definition = definition();
        assert_eq!(definition.metadata.name.as_deref(), Some("gitrepositories.source.toolkit.fluxcd.io"));
        assert_eq!(definition.spec.names.short_names, Some(vec!["gitrepo".to_owned()]));
        let schema = serde_json::to_value(&definition.spec.versions[0].schema).unwrap();
        let root = &schema["openAPIV3Schema"]["properties"];
        assert_eq!(root["spec"]["required"], serde_json::json!(["interval", "url"]));
        assert_eq!(root["spec"]["x-kubernetes-preserve-unknown-fields"], true);
        assert_eq!(root["spec"]["properties"]["timeout"]["default"], "1m0s");
        assert_eq!(root["status"]["default"]["observedGeneration"], -1);
        assert_eq!(root["status"]["properties"]["conditions"]["x-kubernetes-list-map-keys"][0], "type");
    }
}
