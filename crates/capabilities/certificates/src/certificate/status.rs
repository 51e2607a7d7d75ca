//! The status of a Certificate, in cert-manager's words.

use bythos_api::certificate::{Certificate, CertificateStatus};
use bythos_operator::{ObjectKey, condition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt as _;
use kube::api::{Api, Patch, PatchParams};
use serde_json::json;

use super::issuance::{Progress, next_key_secret};
use super::{Error, Room};
use crate::MANAGER;
use crate::facts::Facts;

/// The spec cannot be satisfied.
pub(super) fn invalid(certificate: &Certificate, what: String) -> CertificateStatus {
    let mut status = certificate.status.clone().unwrap_or_default();
    condition::set(
        &mut status.conditions,
        "Ready",
        false,
        "InvalidSpec",
        what,
        certificate.metadata.generation,
    );
    status
}

/// Nothing is to be done until the renewal.
pub(super) fn good(certificate: &Certificate, facts: &Facts, renewal: Timestamp) -> CertificateStatus {
    let mut status = certificate.status.clone().unwrap_or_default();
    let message = "Certificate is up to date and has not expired";
    condition::set(&mut status.conditions, "Ready", true, "Ready", message, certificate.metadata.generation);
    status.conditions.retain(|condition| condition.type_ != "Issuing");
    status.not_before = Some(Time(facts.not_before));
    status.not_after = Some(Time(facts.not_after));
    status.renewal_time = Some(Time(renewal));
    if status.next_private_key_secret_name.take().is_some() || status.revision.is_none() {
        status.revision = Some(status.revision.unwrap_or(0) + 1);
    }
    status
}

/// An issuance is under way; a certificate that is still good stays ready meanwhile.
pub(super) fn issuing(
    certificate: &Certificate,
    reason: &str,
    message: &str,
    progress: &Progress,
) -> CertificateStatus {
    let mut status = certificate.status.clone().unwrap_or_default();
    let generation = certificate.metadata.generation;
    let words = match progress {
        Progress::Issued => message.to_owned(),
        Progress::Waiting(words) | Progress::Failed(words) if words.is_empty() => message.to_owned(),
        Progress::Waiting(words) | Progress::Failed(words) => format!("{message}: {words}"),
    };
    let under_way = !matches!(progress, Progress::Failed(_));
    let issuing_reason = if under_way { reason } else { "Failed" };
    condition::set(&mut status.conditions, "Issuing", under_way, issuing_reason, words.clone(), generation);
    if reason != "Renewing" {
        condition::set(&mut status.conditions, "Ready", false, reason, words, generation);
    }
    status.next_private_key_secret_name = Some(next_key_secret(certificate));
    status
}

/// Writes the status if it changed.
pub(super) async fn write(
    room: &Room,
    certificate: &Certificate,
    status: CertificateStatus,
) -> Result<(), Error> {
    if certificate.status.as_ref() == Some(&status) {
        return Ok(());
    }
    // A merge patch removes only what is named: the next key's Secret is named also when there is none any more.
    let mut patch = json!({ "status": status });
    if status.next_private_key_secret_name.is_none() {
        patch["status"]["nextPrivateKeySecretName"] = serde_json::Value::Null;
    }
    let api =
        Api::<Certificate>::namespaced(room.client.clone(), &certificate.namespace().unwrap_or_default());
    let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
    let written = api.patch_status(&certificate.name_any(), &params, &Patch::Merge(patch)).await;
    let key = ObjectKey::of(certificate);
    written.map(drop).map_err(|source| Error::WriteStatus { key, source: Box::new(source) })
}
