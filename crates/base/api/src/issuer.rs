//! cert-manager's Issuer and ClusterIssuer (`cert-manager.io/v1`): who signs certificates.
//!
//! Fields that are not listed (`acme`, `vault`, ...) are kept; an issuer that needs them says in its condition that
//! it is not supported yet.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, CustomResourceExt as _};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::columns;
use crate::flux::LocalObjectReference;

/// An issuer for one namespace. Secrets that it names lie in that namespace.
#[derive(Debug, Clone, Default, PartialEq, CustomResource, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "cert-manager.io",
    version = "v1",
    kind = "Issuer",
    namespaced,
    category = "cert-manager",
    status = "IssuerStatus",
    derive = "PartialEq"
)]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct IssuerSpec {
    /// How it signs.
    #[serde(flatten)]
    pub config: IssuerConfig,
}

/// An issuer for all namespaces. Secrets that it names lie in namespace `cert-manager`.
#[derive(Debug, Clone, Default, PartialEq, CustomResource, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "cert-manager.io",
    version = "v1",
    kind = "ClusterIssuer",
    category = "cert-manager",
    status = "IssuerStatus",
    derive = "PartialEq"
)]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct ClusterIssuerSpec {
    /// How it signs.
    #[serde(flatten)]
    pub config: IssuerConfig,
}

/// How an issuer signs: exactly one of these.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IssuerConfig {
    /// With an authority whose key pair lies in a Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<CaIssuer>,
    /// With the certificate's own key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub self_signed: Option<SelfSignedIssuer>,
}

/// An authority.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct CaIssuer {
    /// Secret with `tls.crt` and `tls.key`.
    pub secret_name: String,
}

impl CaIssuer {
    /// The Secret as a reference.
    pub fn secret(&self) -> LocalObjectReference {
        LocalObjectReference { name: self.secret_name.clone() }
    }
}

/// Signing with the certificate's own key has nothing to configure here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct SelfSignedIssuer {}

/// Whether the issuer can sign.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct IssuerStatus {
    /// `Ready`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

/// The CustomResourceDefinitions `issuers.cert-manager.io` and `clusterissuers.cert-manager.io`.
pub fn definitions() -> [CustomResourceDefinition; 2] {
    [Issuer::crd(), ClusterIssuer::crd()].map(|definition| {
        columns::with(definition, &[columns::condition("Ready"), columns::ready_message(), columns::age()])
    })
}
