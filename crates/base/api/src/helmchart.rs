//! Flux' HelmChart (`source.toolkit.fluxcd.io/v1`): a chart of a repository or of a folder, as an artifact.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, ValidationRule,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, CustomResourceExt as _};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::columns::{self, column};
use crate::flux::{Artifact, GoDuration, LocalObjectReference};

/// Which chart, in which version, with which values.
#[derive(Debug, Clone, PartialEq, CustomResource, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "source.toolkit.fluxcd.io",
    version = "v1",
    kind = "HelmChart",
    plural = "helmcharts",
    shortname = "hc",
    category = "all",
    category = "fluxcd",
    category = "fluxcd-sources",
    namespaced,
    status = "HelmChartStatus",
    derive = "PartialEq"
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct HelmChartSpec {
    /// Name in the repository, or path of a folder or archive in the source's files.
    pub chart: String,
    /// Range of versions of which the newest is taken; for charts of a repository alone.
    #[serde(default = "any_version", skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Where the chart is.
    pub source_ref: LocalHelmChartSourceReference,
    /// How often the source is looked at for something new.
    pub interval: GoDuration,
    /// What asks for a new artifact: `ChartVersion` (the default), or `Revision`, each commit of the source.
    #[serde(default = "chart_version", skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = ["ChartVersion", "Revision", null]))]
    pub reconcile_strategy: Option<String>,
    /// Files that together become the chart's values, later ones over earlier ones. Of a repository's chart their paths
    /// are seen from the chart, of other sources from the source's root.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values_files: Vec<String>,
    /// Whether files of values may be missing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ignore_missing_values_files: bool,
    /// Whether to leave the chart as it is for now.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspend: bool,
    /// Signature that the chart must have. An object that asks for it is refused by a condition, never ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<HelmChartVerification>,
}

fn any_version() -> Option<String> {
    Some("*".to_owned())
}

fn chart_version() -> Option<String> {
    Some("ChartVersion".to_owned())
}

/// The source of a chart, in the chart's namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct LocalHelmChartSourceReference {
    /// Group and version of the kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// `HelmRepository`, `GitRepository` or `Bucket`.
    #[schemars(extend("enum" = ["HelmRepository", "GitRepository", "Bucket"]))]
    pub kind: String,
    /// Name of the source.
    pub name: String,
}

/// Which signature is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct HelmChartVerification {
    /// `cosign` (the default) or `notation`.
    #[serde(default = "cosign")]
    #[schemars(extend("enum" = ["cosign", "notation"]))]
    pub provider: String,
    /// Secret with the public keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<LocalObjectReference>,
    /// Who may have signed, where there is no key.
    #[serde(rename = "matchOIDCIdentity", default, skip_serializing_if = "Vec::is_empty")]
    pub match_oidc_identity: Vec<OidcIdentityMatch>,
}

fn cosign() -> String {
    "cosign".to_owned()
}

/// Who may have signed without a key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct OidcIdentityMatch {
    /// Pattern of who vouches for the identity.
    pub issuer: String,
    /// Pattern of the identity.
    pub subject: String,
}

/// What was made, and how it went.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct HelmChartStatus {
    /// Generation of the object that the status speaks of; -1 before the first look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Revision of the source's artifact that was looked at last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_source_artifact_revision: Option<String>,
    /// Name of the chart that the artifact holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_chart_name: Option<String>,
    /// Files that became the values, where some may be missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub observed_values_files: Vec<String>,
    /// `Ready`, `Reconciling`, `Stalled`, `FetchFailed`, `BuildFailed`, `StorageOperationFailed`, `ArtifactInStorage`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// Address at which Flux would serve the newest chart. Bythos serves nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The chart that was made last, a `.tgz`. Its revision is the chart's version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact: Option<Artifact>,
    /// Last value of the annotation `reconcile.fluxcd.io/requestedAt` that was acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
}

/// The CustomResourceDefinition `helmcharts.source.toolkit.fluxcd.io`.
pub fn definition() -> CustomResourceDefinition {
    let columns = [
        column("Chart", "string", ".spec.chart"),
        column("Version", "string", ".spec.version"),
        column("Source Kind", "string", ".spec.sourceRef.kind"),
        column("Source Name", "string", ".spec.sourceRef.name"),
    ];
    let mut definition = crate::flux::complete(columns::with(HelmChart::crd(), &columns));
    for version in &mut definition.spec.versions {
        let schema = version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut());
        let spec = schema.and_then(|schema| schema.properties.as_mut()?.get_mut("spec"));
        if let Some(spec) = spec {
            spec.x_kubernetes_validations.get_or_insert_default().push(ValidationRule {
                rule: "!has(self.verify) || self.sourceRef.kind == 'HelmRepository'".to_owned(),
                message: Some(
                    "spec.verify is only supported when spec.sourceRef.kind is 'HelmRepository'".to_owned(),
                ),
                ..ValidationRule::default()
            });
        }
    }
    definition
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_smallest_chart_gets_flux_defaults() {
        let object: HelmChart = serde_json::from_value(json!({
            "apiVersion": "source.toolkit.fluxcd.io/v1",
            "kind": "HelmChart",
            "metadata": { "name": "web", "namespace": "flux-system" },
            "spec": {
                "chart": "web", "interval": "1m", "newInFlux": true,
                "sourceRef": { "kind": "HelmRepository", "name": "charts" },
            },
        }))
        .unwrap();
        assert_eq!(object.spec.version.as_deref(), Some("*"));
        assert_eq!(object.spec.reconcile_strategy.as_deref(), Some("ChartVersion"));
        assert!(!object.spec.suspend && !object.spec.ignore_missing_values_files);
    }

    #[test]
    fn the_definition_is_that_of_flux() {
        let definition = definition();
        assert_eq!(definition.metadata.name.as_deref(), Some("helmcharts.source.toolkit.fluxcd.io"));
        assert_eq!(definition.spec.names.short_names, Some(vec!["hc".to_owned()]));
        let version = &definition.spec.versions[0];
        let columns = version.additional_printer_columns.iter().flatten().map(|column| column.name.as_str());
        let expected = ["Chart", "Version", "Source Kind", "Source Name", "Age", "Ready", "Status"];
        assert_eq!(columns.collect::<Vec<_>>(), expected);
        let schema = serde_json::to_value(&version.schema).unwrap();
        let root = &schema["openAPIV3Schema"]["properties"];
        assert_eq!(root["spec"]["required"], json!(["chart", "interval", "sourceRef"]));
        assert_eq!(root["spec"]["properties"]["version"]["default"], "*");
        assert_eq!(root["spec"]["properties"]["verify"]["properties"]["provider"]["default"], "cosign");
        assert_eq!(root["spec"]["x-kubernetes-validations"].as_array().map(Vec::len), Some(1));
        assert_eq!(root["status"]["default"]["observedGeneration"], -1);
    }
}
