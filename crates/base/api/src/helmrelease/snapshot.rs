//! A revision of a release, as the status of its HelmRelease remembers it.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ReleaseAction;

/// A revision of a release.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct Snapshot {
    /// How the digest is made. Bythos has a way of its own: it counts as unknown to Flux, which then trusts the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// Digest of the record, `<algorithm>:<hex>`.
    pub digest: String,
    /// The release's name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// The revision.
    pub version: i64,
    /// Where it stands, in Helm's words.
    pub status: String,
    /// What made it so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<ReleaseAction>,
    /// Name of its chart.
    pub chart_name: String,
    /// Version of its chart.
    pub chart_version: String,
    /// Version of the chart's application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_version: Option<String>,
    /// Digest of its values.
    pub config_digest: String,
    /// When the release was made first.
    pub first_deployed: Time,
    /// When this revision was made.
    pub last_deployed: Time,
    /// When it was taken away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted: Option<Time>,
    /// How its tests went, by name; nothing before they ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_hooks: Option<BTreeMap<String, TestHookStatus>>,
    /// Digest of the OCI artifact with the chart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oci_digest: Option<String>,
}

/// How a test went.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct TestHookStatus {
    /// When it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_started: Option<Time>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_completed: Option<Time>,
    /// `Running`, `Succeeded`, `Failed` or nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
}

const FAILED: &str = "Failed";

impl Snapshot {
    /// `<namespace>/<name>.v<revision>`
    pub fn full_name(&self) -> String {
        format!("{}/{}.v{}", self.namespace, self.name, self.version)
    }

    /// `<chart>@<version>`
    pub fn versioned_chart(&self) -> String {
        format!("{}@{}", self.chart_name, self.chart_version)
    }

    /// Whether its tests ran: one failed, or all succeeded, or there are none.
    pub fn has_been_tested(&self) -> bool {
        let Some(tests) = &self.test_hooks else { return false };
        let phase = |test: &TestHookStatus| test.phase.clone().unwrap_or_default();
        self.has_failed_test() || tests.values().all(|test| phase(test) == "Succeeded")
    }

    /// Whether one of its tests failed.
    pub fn has_failed_test(&self) -> bool {
        let mut tests = self.test_hooks.iter().flat_map(BTreeMap::values);
        tests.any(|test| test.phase.as_deref() == Some(FAILED))
    }

    /// Whether it was deployed once.
    pub fn is_success(&self) -> bool {
        matches!(self.status.as_str(), "deployed" | "superseded")
    }
}
