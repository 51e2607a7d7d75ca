//! Small types that Flux' kinds share: durations, references, artifacts.
//!
//! Every struct keeps fields that it does not list (`x-kubernetes-preserve-unknown-fields`): an object written for a
//! newer Flux is neither refused under strict field validation nor stripped.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSON, JSONSchemaProps,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::columns::column;

/// Held by a Kustomization until its objects are pruned, by a HelmRelease until its release is uninstalled.
pub const FINALIZER: &str = "finalizers.fluxcd.io";

/// A length of time as Go writes it: `30s`, `1h30m`, `1.5m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct GoDuration(pub Duration);

/// A hundred years.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// A text that is not a [`GoDuration`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotADuration(String);

impl fmt::Display for NotADuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not a duration such as \"30s\", \"10m\" or \"1h30m\"", self.0)
    }
}

impl std::error::Error for NotADuration {}

impl FromStr for GoDuration {
    type Err = NotADuration;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || NotADuration(text.to_owned());
        let mut total = Duration::ZERO;
        let mut rest = text;
        while !rest.is_empty() {
            let unit_at = rest.find(|c: char| c != '.' && !c.is_ascii_digit()).ok_or_else(refused)?;
            let (number, after) = rest.split_at(unit_at);
            let next_at = after.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(after.len());
            let (unit, after) = after.split_at(next_at);
            let number: f64 = number.parse().map_err(|_| refused())?;
            let seconds = seconds_per(unit).ok_or_else(refused)? * number;
            // Longer than anything lasts: no text that the schema admits may fail here.
            let part =
                Duration::try_from_secs_f64(seconds.min(LONGEST.as_secs_f64())).map_err(|_| refused())?;
            total = total.saturating_add(part).min(LONGEST);
            rest = after;
        }
        if text.is_empty() { Err(refused()) } else { Ok(GoDuration(total)) }
    }
}

fn seconds_per(unit: &str) -> Option<f64> {
    match unit {
        "h" => Some(3600.0),
        "m" => Some(60.0),
        "s" => Some(1.0),
        "ms" => Some(1e-3),
        _ => None,
    }
}

impl fmt::Display for GoDuration {
    /// As Go prints it, to the millisecond: `1h0m0s`, `1m30s`, `1.5s`, `250ms`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, millis) = (self.0.as_secs(), self.0.subsec_millis());
        if whole == 0 && millis > 0 {
            return write!(f, "{millis}ms");
        }
        let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
        if hours > 0 {
            write!(f, "{hours}h")?;
        }
        if whole >= 60 {
            write!(f, "{minutes}m")?;
        }
        match millis {
            0 => write!(f, "{seconds}s"),
            _ => write!(f, "{}s", format!("{seconds}.{millis:03}").trim_end_matches('0')),
        }
    }
}

impl Serialize for GoDuration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for GoDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for GoDuration {
    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("GoDuration")
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^([0-9]+(\\.[0-9]+)?(ms|s|m|h))+$" })
    }
}

/// A name in the namespace of the object that refers to it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LocalObjectReference {
    /// Name of the referent.
    pub name: String,
}

/// A key of a Secret in the namespace of the object that refers to it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SecretKeyReference {
    /// Name of the Secret.
    pub name: String,
    /// Key in its data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// Where to find the access to another cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct KubeConfigReference {
    /// ConfigMap that describes how to authenticate without a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map_ref: Option<LocalObjectReference>,
    /// Secret that holds a kubeconfig.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretKeyReference>,
}

/// An object of any kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NamespacedObjectKindReference {
    /// `apps/v1` where none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// Kind of the referent.
    pub kind: String,
    /// Name of the referent.
    pub name: String,
    /// Namespace of the referent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

/// What a source produced: a tar.gz of files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct Artifact {
    /// Path of the file, relative to the folder in which its producer keeps artifacts.
    pub path: String,
    /// Address at which Flux would serve it, which its definitions ask for. Bythos reads the file and serves nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// What it was made from, for example `main@sha1:<commit>`.
    pub revision: String,
    /// Digest of the file, `sha256:<hex>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// When it was last made.
    pub last_update_time: Time,
    /// Bytes of the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<i64>,
    /// Notes of the producer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<BTreeMap<String, String>>,
}

/// Attempts of a reconciler with the same objects and the same end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct Snapshot {
    /// Digest of the objects, `sha256:<hex>`.
    pub digest: String,
    /// When the first of these attempts ended.
    pub first_reconciled: Time,
    /// When the last of them ended.
    pub last_reconciled: Time,
    /// How long the last of them took.
    pub last_reconciled_duration: GoDuration,
    /// Reason with which they ended.
    pub last_reconciled_status: String,
    /// How many there were.
    pub total_reconciliations: i64,
    /// `revision`, and `originRevision` where the artifact has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<BTreeMap<String, String>>,
}

/// The definition as kube derives it, with what every Flux kind adds: the same three columns, a status that says
/// "not observed yet" from the first moment, and no variable substitution in the definition itself.
pub(crate) fn complete(mut definition: CustomResourceDefinition) -> CustomResourceDefinition {
    let annotation = ("kustomize.toolkit.fluxcd.io/substitute".to_owned(), "disabled".to_owned());
    definition.metadata.annotations.get_or_insert_default().extend([annotation]);
    for version in &mut definition.spec.versions {
        version.additional_printer_columns.get_or_insert_default().extend([
            column("Age", "date", ".metadata.creationTimestamp"),
            column("Ready", "string", ".status.conditions[?(@.type==\"Ready\")].status"),
            column("Status", "string", ".status.conditions[?(@.type==\"Ready\")].message"),
        ]);
        let schema = version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut());
        if let Some(status) = schema.and_then(status_of) {
            status.default = Some(JSON(serde_json::json!({ "observedGeneration": -1 })));
        }
    }
    definition
}

fn status_of(schema: &mut JSONSchemaProps) -> Option<&mut JSONSchemaProps> {
    schema.properties.as_mut()?.get_mut("status")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_printed_as_go_does() {
        let cases = [
            ("30s", 30_000, "30s"),
            ("10m", 600_000, "10m0s"),
            ("1h30m", 5_400_000, "1h30m0s"),
            ("1.5m", 90_000, "1m30s"),
            ("1.5s", 1_500, "1.5s"),
            ("250ms", 250, "250ms"),
            ("1m250ms", 60_250, "1m0.25s"),
            ("0s", 0, "0s"),
            ("9999999999999999h", 3_153_600_000_000, "876000h0m0s"),
        ];
        for (text, millis, printed) in cases {
            let duration: GoDuration = text.parse().unwrap();
            assert_eq!(duration.0.as_millis(), millis, "{text}");
            assert_eq!(duration.to_string(), printed, "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused_with_what_was_found() {
        for text in ["", "10", "m", "10 m", "-1s", "1d", "1..5s"] {
            let error = text.parse::<GoDuration>().unwrap_err().to_string();
            assert!(error.contains(&format!("{text:?}")), "{error}");
        }
    }
}
