//! cert-manager's CertificateRequest (`cert-manager.io/v1`): one request to an issuer, and its answer.

use k8s_openapi::ByteString;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, CustomResourceExt as _};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::certificate::IssuerReference;
use crate::columns;
use crate::flux::GoDuration;

/// What is asked of whom.
#[derive(Debug, Clone, PartialEq, CustomResource, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "cert-manager.io",
    version = "v1",
    kind = "CertificateRequest",
    namespaced,
    shortname = "cr",
    shortname = "crs",
    category = "cert-manager",
    status = "CertificateRequestStatus",
    derive = "PartialEq"
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct CertificateRequestSpec {
    /// Who signs.
    pub issuer_ref: IssuerReference,
    /// The signing request, PEM.
    #[schemars(with = "String")]
    pub request: ByteString,
    /// How long the certificate is to be valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<GoDuration>,
    /// Whether it may sign others.
    #[serde(rename = "isCA", default, skip_serializing_if = "std::ops::Not::not")]
    pub is_ca: bool,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub usages: Vec<String>,
}

/// The answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct CertificateRequestStatus {
    /// `Approved`, `Denied`, `Ready`, `InvalidRequest`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// The signed certificate with its chain, PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub certificate: Option<ByteString>,
    /// The authority's certificate, PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub ca: Option<ByteString>,
    /// When it failed for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_time: Option<Time>,
}

/// The CustomResourceDefinition `certificaterequests.cert-manager.io`.
pub fn definition() -> CustomResourceDefinition {
    let columns = [
        columns::condition("Approved"),
        columns::condition("Denied"),
        columns::condition("Ready"),
        columns::column("Issuer", "string", ".spec.issuerRef.name"),
        columns::ready_message(),
        columns::age(),
    ];
    columns::with(CertificateRequest::crd(), &columns)
}
