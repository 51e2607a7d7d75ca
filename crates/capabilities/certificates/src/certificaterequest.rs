//! CertificateRequests: approved, signed by their issuer, answered in their status.

mod sign;

use bythos_api::certificaterequest::{CertificateRequest, CertificateRequestStatus};
use bythos_api::issuer::{ClusterIssuer, Issuer};
use bythos_operator::cache::CacheError;
use bythos_operator::{Cache, Controller, Next, ObjectKey, PartContext, condition};
use k8s_openapi::ByteString;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, Patch, PatchParams};
use kube::{Client, ResourceExt as _};
use serde_json::json;

use crate::MANAGER;
use crate::issuer::Issuers;
use sign::{Refused, Signed};

/// A status that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("failed to write the status of CertificateRequest {key}")]
struct WriteStatus {
    key: ObjectKey,
    #[source]
    source: Box<kube::Error>,
}

/// How a request stands.
enum Outcome {
    /// Signed, with the certificate.
    Signed(Signed),
    /// Not yet: the issuer is not there or not ready. It is looked at again when that changes.
    Pending(String),
    /// Never: the request itself is at fault.
    Failed(String),
}

pub(crate) async fn controller(
    context: &PartContext,
    issuers: Issuers,
) -> Result<impl Future<Output = ()>, CacheError> {
    let requests: Cache<CertificateRequest> = context.caches.of().await?;
    let controller = Controller::new("certificaterequest")
        .reconciles(&requests)
        .watches(issuers.issuers(), {
            let requests = requests.clone();
            move |issuer: &Issuer| {
                waiting_in(&requests, &issuer.namespace().unwrap_or_default(), &issuer.name_any())
            }
        })
        .watches(issuers.cluster_issuers(), {
            let requests = requests.clone();
            move |issuer: &ClusterIssuer| waiting_for(&requests, &issuer.name_any())
        });
    let client = context.client.clone();
    let reconcile = move |key: ObjectKey| {
        let (requests, issuers, client) = (requests.clone(), issuers.clone(), client.clone());
        async move {
            let Some(request) = requests.get(&key) else { return Ok(Next::Wait) };
            reconcile(&client, &issuers, &request, &key).await
        }
    };
    Ok(controller.run(2, context.shutdown.clone(), reconcile))
}

fn waiting_in(requests: &Cache<CertificateRequest>, namespace: &str, issuer: &str) -> Vec<ObjectKey> {
    let waiting = requests.list_in(namespace);
    let waiting =
        waiting.iter().filter(|request| request.spec.issuer_ref.name == issuer && !is_over(request));
    waiting.map(|request| ObjectKey::of(request.as_ref())).collect()
}

fn waiting_for(requests: &Cache<CertificateRequest>, issuer: &str) -> Vec<ObjectKey> {
    let waiting = requests.list();
    let waiting =
        waiting.iter().filter(|request| request.spec.issuer_ref.name == issuer && !is_over(request));
    waiting.map(|request| ObjectKey::of(request.as_ref())).collect()
}

/// Signed, failed or denied: nothing changes any more.
fn is_over(request: &CertificateRequest) -> bool {
    let Some(status) = &request.status else { return false };
    let failed = condition::get(&status.conditions, "Ready").is_some_and(|ready| ready.reason == "Failed");
    status.certificate.is_some() || failed || condition::is_true(&status.conditions, "Denied")
}

async fn reconcile(
    client: &Client,
    issuers: &Issuers,
    request: &CertificateRequest,
    key: &ObjectKey,
) -> Result<Next, WriteStatus> {
    let group = request.spec.issuer_ref.group.as_deref().unwrap_or("cert-manager.io");
    if is_over(request) || !matches!(group, "" | "cert-manager.io") {
        return Ok(Next::Wait);
    }
    let status = answered(request, outcome(issuers, request, key));
    if request.status.as_ref() != Some(&status) {
        let api = Api::<CertificateRequest>::namespaced(client.clone(), &key.namespace);
        let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
        let written = api.patch_status(&key.name, &params, &Patch::Merge(json!({ "status": status }))).await;
        written.map_err(|source| WriteStatus { key: key.clone(), source: Box::new(source) })?;
    }
    Ok(Next::Wait)
}

fn outcome(issuers: &Issuers, request: &CertificateRequest, key: &ObjectKey) -> Outcome {
    let reference = &request.spec.issuer_ref;
    let kind = reference.kind.as_deref().unwrap_or("Issuer");
    let issuer_key = ObjectKey::namespaced(&key.namespace, &reference.name);
    let Some((config, namespace)) = issuers.find(kind, &issuer_key) else {
        return Outcome::Pending(format!(
            "Referenced \"{kind}\" not found: there is no {kind} {:?}",
            reference.name
        ));
    };
    let signer = match issuers.signer(&config, &namespace) {
        Ok(signer) => signer,
        Err(cannot) => {
            return Outcome::Pending(format!("{kind} {:?} is not ready: {}", reference.name, cannot.message));
        }
    };
    match sign::sign(request, &signer, issuers.secrets()) {
        Ok(signed) => Outcome::Signed(signed),
        Err(Refused::NoKeyYet(what)) => Outcome::Pending(what),
        Err(refused) => Outcome::Failed(refused.to_string()),
    }
}

/// The status that tells the outcome. Every request that reaches this point is approved, as cert-manager's own
/// approver does where no other policy is installed.
fn answered(request: &CertificateRequest, outcome: Outcome) -> CertificateRequestStatus {
    let mut status = request.status.clone().unwrap_or_default();
    let generation = request.metadata.generation;
    let conditions = &mut status.conditions;
    condition::set(
        conditions,
        "Approved",
        true,
        "cert-manager.io",
        "Certificate request has been approved by cert-manager.io",
        generation,
    );
    match outcome {
        Outcome::Signed(signed) => {
            let message = "Certificate fetched from issuer successfully";
            condition::set(conditions, "Ready", true, "Issued", message, generation);
            status.certificate = Some(ByteString(signed.chain_pem.into_bytes()));
            status.ca = Some(ByteString(signed.authority_pem.into_bytes()));
        }
        Outcome::Pending(message) => {
            condition::set(conditions, "Ready", false, "Pending", message, generation);
        }
        Outcome::Failed(message) => {
            condition::set(conditions, "Ready", false, "Failed", message, generation);
            status.failure_time = Some(Time(Timestamp::now()));
        }
    }
    status
}
