//! Certificates: a key and a certificate, kept fresh in a Secret.
//!
//! Whether something has to be done is decided by the ordered [policies]; an issuance goes through a Secret with the
//! next key and one CertificateRequest, so that it can be killed at any step and goes on from what it finds.

mod issuance;
mod policies;
mod status;

use bythos_api::certificate::Certificate;
use bythos_api::certificaterequest::CertificateRequest;
use bythos_operator::cache::CacheError;
use bythos_operator::{Cache, Controller, Next, ObjectKey, PartContext};
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::jiff::Timestamp;
use kube::{Client, ResourceExt as _};

use policies::Verdict;

/// A reconciliation that has to be tried again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("failed to write the status of Certificate {key}")]
    WriteStatus {
        key: ObjectKey,
        #[source]
        source: Box<kube::Error>,
    },
    #[error("failed to {action} for Certificate {key}")]
    Issue {
        action: &'static str,
        key: ObjectKey,
        #[source]
        source: Box<kube::Error>,
    },
    #[error("failed to make a signing request for Certificate {key}")]
    MakeRequest {
        key: ObjectKey,
        #[source]
        source: rcgen::Error,
    },
    #[error(transparent)]
    Key(#[from] crate::keys::KeyError),
}

/// What a reconciliation sees and writes to.
#[derive(Clone)]
struct Room {
    client: Client,
    certificates: Cache<Certificate>,
    requests: Cache<CertificateRequest>,
    secrets: Cache<Secret>,
}

pub(crate) async fn controller(
    context: &PartContext,
) -> Result<impl Future<Output = ()> + use<>, CacheError> {
    let room = Room {
        client: context.client.clone(),
        certificates: context.caches.of().await?,
        requests: context.caches.of().await?,
        secrets: context.caches.of().await?,
    };
    let certificates = room.certificates.clone();
    let controller = Controller::new("certificate")
        .reconciles(&room.certificates)
        .watches(&room.requests, |request| {
            ObjectKey::of_controller(request, "Certificate").into_iter().collect()
        })
        .watches(&room.secrets, move |secret| kept_in(&certificates, secret));
    Ok(controller.run(2, context.shutdown.clone(), move |key| {
        let room = room.clone();
        async move { reconcile(&room, &key).await }
    }))
}

/// The certificates that keep their key in `secret`, the one or the next.
fn kept_in(certificates: &Cache<Certificate>, secret: &Secret) -> Vec<ObjectKey> {
    let name = secret.name_any();
    let in_namespace = certificates.list_in(&secret.namespace().unwrap_or_default());
    let kept = in_namespace.iter().filter(|certificate| {
        certificate.spec.secret_name == name || issuance::next_key_secret(certificate) == name
    });
    kept.map(|certificate| ObjectKey::of(certificate.as_ref())).collect()
}

async fn reconcile(room: &Room, key: &ObjectKey) -> Result<Next, Error> {
    let Some(certificate) = room.certificates.get(key) else { return Ok(Next::Wait) };
    if certificate.metadata.deletion_timestamp.is_some() {
        return Ok(Next::Wait);
    }
    if let Err(invalid) = policies::validate(&certificate) {
        status::write(room, &certificate, status::invalid(&certificate, invalid)).await?;
        return Ok(Next::Wait);
    }
    let secret = room.secrets.get(&ObjectKey::namespaced(&key.namespace, &certificate.spec.secret_name));
    let now = Timestamp::now();
    match policies::judge(&certificate, secret.as_deref(), now) {
        Verdict::Good { facts, renewal } => {
            issuance::clean_up(room, &certificate).await?;
            status::write(room, &certificate, status::good(&certificate, &facts, renewal)).await?;
            Ok(Next::After(renewal.duration_since(now).try_into().unwrap_or_default()))
        }
        Verdict::Issue { reason, message } => {
            let progress = issuance::advance(room, &certificate).await?;
            let issuing = status::issuing(&certificate, reason, &message, &progress);
            status::write(room, &certificate, issuing).await?;
            Ok(progress.next())
        }
    }
}
