//! Certificates as cert-manager describes them, from the platform's own authority.
//!
//! For everyone who needs TLS: applications ask with a Certificate, or with an annotation on their Ingress, and find
//! key and certificate in a Secret. Data flows through objects alone, as in cert-manager:
//!
//! ```text
//! Ingress (annotation) ──ingress──> Certificate ──certificate──> CertificateRequest ──certificaterequest──> signed
//!                                        └──────────────<── Secret (kubernetes.io/tls) <──────────────────────┘
//! ```
//!
//! `authority` makes the platform's root at the first start, constrained to the platform's domain, and the
//! ClusterIssuer `platform` that signs with it. Issuers of type CA and self-signed work; ACME and others are kept and
//! say in their condition that they come later. Nothing here knows how TLS is served.

mod authority;
mod certificate;
mod certificaterequest;
mod facts;
mod ingress;
mod issuer;
mod keys;
pub mod trust;

use std::sync::Arc;

use bythos_api::{certificate as certificate_api, certificaterequest as request_api, issuer as issuer_api};
use bythos_operator::part::allow;
use bythos_operator::{BoxError, Part, PartContext};

/// Field manager and event source of everything that this part writes: cert-manager's own, so that either can take
/// over from the other.
const MANAGER: &str = "cert-manager";

/// The part.
pub fn part() -> Part {
    let mut resources = issuer_api::definitions().to_vec();
    resources.extend([certificate_api::definition(), request_api::definition()]);
    let every = &["get", "list", "watch", "create", "update", "patch", "delete"];
    Part {
        name: "certificates",
        title: "Certificates",
        resources,
        role: vec![
            allow("cert-manager.io", &["*"], &["*"]),
            allow("", &["secrets"], every),
            allow("", &["events"], &["get", "create", "patch"]),
            allow("", &["namespaces"], &["create", "patch"]),
            allow("networking.k8s.io", &["ingresses"], &["get", "list", "watch"]),
        ],
        listeners: Vec::new(),
        run: Arc::new(|context| Box::pin(run(context))),
    }
}

async fn run(context: PartContext) -> Result<(), BoxError> {
    context.health.starting("making the platform's authority");
    authority::ensure(&context.client, &context.platform.domain).await?;
    let issuers = issuer::Issuers::watch(&context).await?;
    let certificates = certificate::controller(&context).await?;
    let requests = certificaterequest::controller(&context, issuers.clone()).await?;
    let ingresses = ingress::controller(&context).await?;
    context.health.ready();
    tokio::join!(issuers.run(&context), certificates, requests, ingresses);
    Ok(())
}
