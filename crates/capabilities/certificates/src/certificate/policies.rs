//! Whether a certificate has to be issued: named, pure checks in order, as in cert-manager's
//! `internal/controller/certificates/policies`. The first that finds something decides.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use bythos_api::certificate::Certificate;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt as _;
use rcgen::KeyPair;

use crate::facts::Facts;
use crate::keys::KeyKind;

/// Annotations by which a Secret says who signed it.
pub(super) const ISSUER_NAME: &str = "cert-manager.io/issuer-name";
pub(super) const ISSUER_KIND: &str = "cert-manager.io/issuer-kind";

/// What there is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing, until the renewal.
    Good { facts: Box<Facts>, renewal: Timestamp },
    /// Issue it, for this reason.
    Issue { reason: &'static str, message: String },
}

/// Refuses a spec that nobody could satisfy, with the path of the field.
pub(super) fn validate(certificate: &Certificate) -> Result<(), String> {
    let spec = &certificate.spec;
    let names = spec.dns_names.len() + spec.ip_addresses.len() + spec.uris.len();
    if names == 0 && spec.common_name.as_deref().unwrap_or_default().is_empty() {
        return Err("spec: expected at least one of dnsNames, ipAddresses, uris and commonName".to_owned());
    }
    for (index, address) in spec.ip_addresses.iter().enumerate() {
        if address.parse::<IpAddr>().is_err() {
            return Err(format!("spec.ipAddresses[{index}]: {address:?} is not an IP address"));
        }
    }
    KeyKind::of(spec.private_key.as_ref()).map(drop).map_err(|error| error.to_string())
}

/// Judges what is there.
pub(super) fn judge(certificate: &Certificate, secret: Option<&Secret>, now: Timestamp) -> Verdict {
    match examine(certificate, secret, now) {
        Ok((facts, renewal)) => Verdict::Good { facts: Box::new(facts), renewal },
        Err((reason, message)) => Verdict::Issue { reason, message },
    }
}

type Finding = (&'static str, String);

fn examine(
    certificate: &Certificate,
    secret: Option<&Secret>,
    now: Timestamp,
) -> Result<(Facts, Timestamp), Finding> {
    let secret = secret.ok_or(("DoesNotExist", "Issuing certificate as Secret does not exist".to_owned()))?;
    let (chain, key) = key_pair(secret)?;
    let facts = facts_of_pair(&chain, &key)?;
    same_issuer(certificate, secret)?;
    same_request(certificate, &facts)?;
    let renewal = renewal_time(certificate, &facts);
    not_due(&facts, renewal, now)?;
    Ok((facts, renewal))
}

fn key_pair(secret: &Secret) -> Result<(Vec<u8>, KeyPair), Finding> {
    let field = |name: &str| {
        let value = secret.data.as_ref().and_then(|data| data.get(name)).filter(|value| !value.0.is_empty());
        let missing = || ("MissingData", format!("Issuing certificate as Secret does not contain {name}"));
        value.map(|value| value.0.clone()).ok_or_else(missing)
    };
    let key = field("tls.key")?;
    let key = KeyPair::from_pem(&String::from_utf8_lossy(&key)).map_err(|error| {
        ("InvalidKeyPair", format!("Issuing certificate as Secret contains an invalid key: {error}"))
    })?;
    Ok((field("tls.crt")?, key))
}

fn facts_of_pair(chain: &[u8], key: &KeyPair) -> Result<Facts, Finding> {
    let facts = Facts::of_pem(chain).map_err(|error| ("InvalidCertificate", error.to_string()))?;
    if facts.public_key != key.public_key_raw() {
        let message =
            "Issuing certificate as Secret contains a private key that does not match the certificate";
        return Err(("InvalidKeyPair", message.to_owned()));
    }
    Ok(facts)
}

fn same_issuer(certificate: &Certificate, secret: &Secret) -> Result<(), Finding> {
    let reference = &certificate.spec.issuer_ref;
    let wanted = (reference.name.as_str(), reference.kind.as_deref().unwrap_or("Issuer"));
    let noted = |annotation| secret.annotations().get(annotation).map(String::as_str).unwrap_or_default();
    let found = (noted(ISSUER_NAME), noted(ISSUER_KIND));
    if found == wanted {
        return Ok(());
    }
    let message = format!(
        "Issuing certificate as Secret was previously issued by {:?}",
        format!("{}/{}", found.1, found.0)
    );
    Err(("IncorrectIssuer", message))
}

fn same_request(certificate: &Certificate, facts: &Facts) -> Result<(), Finding> {
    let spec = &certificate.spec;
    let addresses: BTreeSet<IpAddr> =
        spec.ip_addresses.iter().filter_map(|address| address.parse().ok()).collect();
    let mut changed = Vec::new();
    if spec.dns_names.iter().cloned().collect::<BTreeSet<_>>() != facts.dns_names {
        changed.push("spec.dnsNames");
    }
    if addresses != facts.ip_addresses {
        changed.push("spec.ipAddresses");
    }
    if spec.uris.iter().cloned().collect::<BTreeSet<_>>() != facts.uris {
        changed.push("spec.uris");
    }
    if spec.common_name.is_some() && spec.common_name != facts.common_name {
        changed.push("spec.commonName");
    }
    if spec.is_ca != facts.is_ca {
        changed.push("spec.isCA");
    }
    if changed.is_empty() {
        return Ok(());
    }
    let message =
        format!("Fields on existing CertificateRequest resource not up to date: {}", changed.join(", "));
    Err(("RequestChanged", message))
}

/// `renewBefore` before its end, or after two thirds of its life.
pub(super) fn renewal_time(certificate: &Certificate, facts: &Facts) -> Timestamp {
    let life = Duration::try_from(facts.not_after.duration_since(facts.not_before)).unwrap_or_default();
    let wanted = certificate.spec.renew_before.map(|before| before.0).filter(|before| *before < life);
    let before = wanted.unwrap_or(life / 3);
    facts.not_after.checked_sub(before).unwrap_or(facts.not_after)
}

fn not_due(facts: &Facts, renewal: Timestamp, now: Timestamp) -> Result<(), Finding> {
    if now >= facts.not_after {
        return Err(("Expired", format!("Certificate expired on {}", facts.not_after)));
    }
    if now >= renewal {
        return Err(("Renewing", format!("Renewing certificate as renewal was scheduled at {renewal}")));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
