//! Flux' HelmRepository (`source.toolkit.fluxcd.io/v1`): where charts are, as an index or a registry.

use std::time::Duration;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, LabelSelector};
use kube::{CustomResource, CustomResourceExt as _};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::flux::{Artifact, GoDuration, LocalObjectReference};

/// Which repository, how it is reached, how often.
#[derive(Debug, Clone, PartialEq, CustomResource, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "source.toolkit.fluxcd.io",
    version = "v1",
    kind = "HelmRepository",
    plural = "helmrepositories",
    shortname = "helmrepo",
    category = "all",
    category = "fluxcd",
    category = "fluxcd-sources",
    namespaced,
    status = "HelmRepositoryStatus",
    derive = "PartialEq",
    printcolumn(name = "URL", type_ = "string", json_path = ".spec.url")
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct HelmRepositorySpec {
    /// `https://`, `http://` or `oci://` address of the repository.
    #[schemars(regex(pattern = r"^(http|https|oci)://.*$"))]
    pub url: String,
    /// Secret with `username` and `password`, or for a registry of the type `kubernetes.io/dockerconfigjson`. What it
    /// says about certificates counts only without `certSecretRef`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<LocalObjectReference>,
    /// Secret with the authority in `ca.crt`, and our certificate in `tls.crt` and `tls.key`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cert_secret_ref: Option<LocalObjectReference>,
    /// Whether user and password also go to other hosts that the index names.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pass_credentials: bool,
    /// How often the index is asked for; a minute where none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<GoDuration>,
    /// Whether the registry speaks plain HTTP.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub insecure: bool,
    /// How long fetching an index or a chart may take; a minute where none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<GoDuration>,
    /// Whether to leave the source as it is for now.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspend: bool,
    /// Namespaces from which the repository may be referred to. Kept; as in Flux, not acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_from: Option<AccessFrom>,
    /// `default`, an index, or `oci`, a registry.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = ["default", "oci", null]))]
    pub type_: Option<String>,
    /// How to authenticate at a registry without a secret. All but `generic` is refused by a condition of the charts.
    #[serde(default = "generic", skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = ["generic", "aws", "azure", "gcp", null]))]
    pub provider: Option<String>,
}

fn generic() -> Option<String> {
    Some("generic".to_owned())
}

/// Which namespaces may refer to an object.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct AccessFrom {
    /// Those that any of these selects.
    pub namespace_selectors: Vec<LabelSelector>,
}

/// What was fetched, and how it went. A registry has none: it is only referred to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct HelmRepositoryStatus {
    /// Generation of the object that the status speaks of; -1 before the first look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready`, `Reconciling`, `Stalled`, `FetchFailed`, `StorageOperationFailed`, `ArtifactInStorage`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// Address at which Flux would serve the newest index. Bythos serves nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The index of the last good fetch. Its revision is the digest of the index as the repository has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact: Option<Artifact>,
    /// Last value of the annotation `reconcile.fluxcd.io/requestedAt` that was acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
}

impl HelmRepository {
    /// Whether it is a registry.
    pub fn is_oci(&self) -> bool {
        self.spec.type_.as_deref() == Some("oci")
    }

    /// How often the index is asked for.
    pub fn interval(&self) -> Duration {
        self.spec.interval.map_or(Duration::from_secs(60), |interval| interval.0)
    }

    /// How long fetching an index or a chart may take.
    pub fn timeout(&self) -> Duration {
        self.spec.timeout.map_or(Duration::from_secs(60), |timeout| timeout.0)
    }
}

/// The CustomResourceDefinition `helmrepositories.source.toolkit.fluxcd.io`.
pub fn definition() -> CustomResourceDefinition {
    crate::flux::complete(HelmRepository::crd())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_smallest_repository_gets_flux_defaults() {
        let object: HelmRepository = serde_json::from_value(json!({
            "apiVersion": "source.toolkit.fluxcd.io/v1",
            "kind": "HelmRepository",
            "metadata": { "name": "charts", "namespace": "flux-system" },
            "spec": { "url": "https://example.org/charts", "newInFlux": true },
        }))
        .unwrap();
        assert_eq!((object.interval().as_secs(), object.timeout().as_secs()), (60, 60));
        assert!(!object.is_oci() && !object.spec.suspend && !object.spec.pass_credentials);
        assert_eq!(object.spec.provider.as_deref(), Some("generic"));
    }

    #[test]
    fn the_definition_is_that_of_flux() {
        let definition = definition();
        assert_eq!(definition.metadata.name.as_deref(), Some("helmrepositories.source.toolkit.fluxcd.io"));
        assert_eq!(definition.spec.names.short_names, Some(vec!["helmrepo".to_owned()]));
        let version = &definition.spec.versions[0];
        let columns = version.additional_printer_columns.iter().flatten().map(|column| column.name.as_str());
        assert_eq!(columns.collect::<Vec<_>>(), ["URL", "Age", "Ready", "Status"]);
        let schema = serde_json::to_value(&version.schema).unwrap();
        let root = &schema["openAPIV3Schema"]["properties"];
        assert_eq!(root["spec"]["required"], json!(["url"]));
        assert_eq!(root["spec"]["properties"]["provider"]["default"], "generic");
        assert_eq!(root["spec"]["x-kubernetes-preserve-unknown-fields"], true);
        assert_eq!(root["status"]["default"]["observedGeneration"], -1);
    }
}
