//! Signs a request. Pure but for the Secret that a self-signed certificate needs.

use std::time::Duration;

use bythos_api::certificaterequest::CertificateRequest;
use bythos_operator::{Cache, ObjectKey};
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt as _;
use rcgen::{
    BasicConstraints, CertificateSigningRequestParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};

use crate::authority::set_validity;
use crate::issuer::{Signer, SigningAuthority};

/// cert-manager's default.
const LIFETIME: Duration = Duration::from_secs(90 * 24 * 3600);
/// Names the Secret with the private key, for issuers that sign with it.
pub(crate) const PRIVATE_KEY_ANNOTATION: &str = "cert-manager.io/private-key-secret-name";

/// A request that is not signed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error("spec.request is not a signing request that can be signed: {0}")]
    NotARequest(String),
    #[error(
        "the issuer's certificate does not permit the name {name:?}; it is constrained to {}",
        .permitted.join(", ")
    )]
    NameNotPermitted { name: String, permitted: Vec<String> },
    #[error("spec.usages: {found:?} is not a usage that is known")]
    UnknownUsage { found: String },
    #[error("{0}")]
    NoKeyYet(String),
    #[error("failed to sign: {0}")]
    Sign(#[from] rcgen::Error),
}

/// A signed certificate.
pub(super) struct Signed {
    /// The certificate, and the authority's unless that is a root.
    pub(super) chain_pem: String,
    /// The authority's certificate.
    pub(super) authority_pem: String,
}

pub(super) fn sign(
    request: &CertificateRequest,
    signer: &Signer,
    secrets: &Cache<Secret>,
) -> Result<Signed, Refused> {
    let params = params(request)?;
    match signer {
        Signer::Authority(authority) => by_authority(&params, authority),
        Signer::SelfSigned => by_own_key(&params, &own_key(request, secrets)?),
    }
}

fn params(request: &CertificateRequest) -> Result<CertificateSigningRequestParams, Refused> {
    let pem = std::str::from_utf8(&request.spec.request.0)
        .map_err(|error| Refused::NotARequest(error.to_string()))?;
    let mut csr = CertificateSigningRequestParams::from_pem(pem)
        .map_err(|error| Refused::NotARequest(error.to_string()))?;
    let lifetime = request.spec.duration.map_or(LIFETIME, |duration| duration.0);
    set_validity(&mut csr.params, lifetime);
    csr.params.use_authority_key_identifier_extension = true;
    csr.params.is_ca =
        if request.spec.is_ca { IsCa::Ca(BasicConstraints::Unconstrained) } else { IsCa::ExplicitNoCa };
    (csr.params.key_usages, csr.params.extended_key_usages) = usages(&request.spec.usages)?;
    if request.spec.is_ca {
        csr.params.key_usages.push(KeyUsagePurpose::KeyCertSign);
    }
    Ok(csr)
}

fn by_authority(
    request: &CertificateSigningRequestParams,
    authority: &SigningAuthority,
) -> Result<Signed, Refused> {
    let names = request.params.subject_alt_names.iter().filter_map(|name| match name {
        SanType::DnsName(name) => Some(name.as_str()),
        _ => None,
    });
    if let Some(name) = authority.facts.forbidden_name(names) {
        let permitted = authority.facts.permitted_dns.clone();
        return Err(Refused::NameNotPermitted { name: name.to_owned(), permitted });
    }
    let issuer = Issuer::from_ca_cert_pem(&authority.certificate_pem, &authority.key)?;
    let chain_pem = request.signed_by(&issuer)?.pem();
    Ok(Signed { chain_pem, authority_pem: authority.certificate_pem.clone() })
}

fn by_own_key(request: &CertificateSigningRequestParams, key: &KeyPair) -> Result<Signed, Refused> {
    let certificate = request.params.self_signed(key)?.pem();
    Ok(Signed { chain_pem: certificate.clone(), authority_pem: certificate })
}

fn own_key(request: &CertificateRequest, secrets: &Cache<Secret>) -> Result<KeyPair, Refused> {
    let name = request.annotations().get(PRIVATE_KEY_ANNOTATION).ok_or_else(|| {
        Refused::NotARequest(format!("a self-signing issuer needs the annotation {PRIVATE_KEY_ANNOTATION}"))
    })?;
    let namespace = request.namespace().unwrap_or_default();
    let secret = secrets.get(&ObjectKey::namespaced(&namespace, name));
    let pem = secret.as_ref().and_then(|secret| secret.data.as_ref()?.get("tls.key"));
    let pem = pem.ok_or_else(|| {
        Refused::NoKeyYet(format!("Secret {namespace}/{name} with the private key is not there yet"))
    })?;
    KeyPair::from_pem(&String::from_utf8_lossy(&pem.0))
        .map_err(|error| Refused::NotARequest(format!("Secret {namespace}/{name}: {error}")))
}

/// cert-manager's words for what a certificate is for; its default is digital signature and key encipherment.
fn usages(words: &[String]) -> Result<(Vec<KeyUsagePurpose>, Vec<ExtendedKeyUsagePurpose>), Refused> {
    if words.is_empty() {
        return Ok((vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment], Vec::new()));
    }
    let (mut plain, mut extended) = (Vec::new(), Vec::new());
    for word in words {
        match word.as_str() {
            "signing" | "digital signature" => plain.push(KeyUsagePurpose::DigitalSignature),
            "content commitment" => plain.push(KeyUsagePurpose::ContentCommitment),
            "key encipherment" => plain.push(KeyUsagePurpose::KeyEncipherment),
            "data encipherment" => plain.push(KeyUsagePurpose::DataEncipherment),
            "key agreement" => plain.push(KeyUsagePurpose::KeyAgreement),
            "cert sign" => plain.push(KeyUsagePurpose::KeyCertSign),
            "crl sign" => plain.push(KeyUsagePurpose::CrlSign),
            "any" => extended.push(ExtendedKeyUsagePurpose::Any),
            "server auth" => extended.push(ExtendedKeyUsagePurpose::ServerAuth),
            "client auth" => extended.push(ExtendedKeyUsagePurpose::ClientAuth),
            "code signing" => extended.push(ExtendedKeyUsagePurpose::CodeSigning),
            "email protection" | "s/mime" => extended.push(ExtendedKeyUsagePurpose::EmailProtection),
            "timestamping" => extended.push(ExtendedKeyUsagePurpose::TimeStamping),
            "ocsp signing" => extended.push(ExtendedKeyUsagePurpose::OcspSigning),
            _ => return Err(Refused::UnknownUsage { found: word.clone() }),
        }
    }
    Ok((plain, extended))
}
