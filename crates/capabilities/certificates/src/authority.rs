//! The platform's own authority: a root certificate, constrained to the platform's domain, and the ClusterIssuer
//! that signs with it.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bythos_api::issuer::{CaIssuer, ClusterIssuer, ClusterIssuerSpec, IssuerConfig};
use bythos_api::names::{CERT_MANAGER_NAMESPACE, PLATFORM_ISSUER, PLATFORM_ROOT_SECRET};
use bythos_operator::apply::{self, ApplyError};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Client;
use kube::api::{Api, PostParams};
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, GeneralSubtree, IsCa,
    KeyPair, KeyUsagePurpose, NameConstraints,
};

use crate::MANAGER;

const LIFETIME: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// The authority cannot be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthorityError {
    #[error("failed to make the platform's root certificate")]
    Make(#[source] rcgen::Error),
    #[error(
        "failed to keep the platform's root certificate in Secret {CERT_MANAGER_NAMESPACE}/{PLATFORM_ROOT_SECRET}"
    )]
    Keep(#[source] Box<kube::Error>),
    #[error("failed to write the platform's issuer")]
    Apply(#[from] ApplyError),
}

/// Makes the root at the first start; from then on only the issuer is kept as it has to be.
pub(crate) async fn ensure(client: &Client, domain: &str) -> Result<(), AuthorityError> {
    let metadata = ObjectMeta { name: Some(CERT_MANAGER_NAMESPACE.to_owned()), ..ObjectMeta::default() };
    apply::cluster(client, MANAGER, &Namespace { metadata, ..Namespace::default() }).await?;
    keep_root(client, domain).await?;
    let ca = CaIssuer { secret_name: PLATFORM_ROOT_SECRET.to_owned() };
    let spec = ClusterIssuerSpec { config: IssuerConfig { ca: Some(ca), self_signed: None } };
    apply::cluster(client, MANAGER, &ClusterIssuer::new(PLATFORM_ISSUER, spec)).await?;
    Ok(())
}

async fn keep_root(client: &Client, domain: &str) -> Result<(), AuthorityError> {
    let secrets = Api::<Secret>::namespaced(client.clone(), CERT_MANAGER_NAMESPACE);
    let kept = |error| AuthorityError::Keep(Box::new(error));
    if secrets.get_opt(PLATFORM_ROOT_SECRET).await.map_err(kept)?.is_some() {
        return Ok(());
    }
    let secret = root_secret(domain).map_err(AuthorityError::Make)?;
    match secrets
        .create(&PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() }, &secret)
        .await
    {
        Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(()),
        other => other.map(drop).map_err(kept),
    }
}

fn root_secret(domain: &str) -> Result<Secret, rcgen::Error> {
    let (certificate, key) = make_root(domain)?;
    let data = [("tls.crt", certificate.clone()), ("ca.crt", certificate), ("tls.key", key)];
    Ok(Secret {
        metadata: ObjectMeta {
            namespace: Some(CERT_MANAGER_NAMESPACE.to_owned()),
            name: Some(PLATFORM_ROOT_SECRET.to_owned()),
            ..ObjectMeta::default()
        },
        type_: Some("kubernetes.io/tls".to_owned()),
        data: Some(
            data.into_iter()
                .map(|(name, pem)| (name.to_owned(), ByteString(pem.into_bytes())))
                .collect::<BTreeMap<_, _>>(),
        ),
        ..Secret::default()
    })
}

/// Root certificate and key, both PEM. It can sign for names in `domain` and for nothing else: whoever trusts it
/// need not fear that it speaks for others.
fn make_root(domain: &str) -> Result<(String, String), rcgen::Error> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, format!("Bythos root for {domain}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![GeneralSubtree::DnsName(domain.to_owned())],
        excluded_subtrees: vec![
            GeneralSubtree::IpAddress(CidrSubnet::V4([0; 4], [0; 4])),
            GeneralSubtree::IpAddress(CidrSubnet::V6([0; 16], [0; 16])),
        ],
    });
    set_validity(&mut params, LIFETIME);
    Ok((params.self_signed(&key)?.pem(), key.serialize_pem()))
}

/// From a minute ago, for clocks that are a little behind, until `lifetime` from now.
pub(crate) fn set_validity(params: &mut CertificateParams, lifetime: Duration) {
    const BACKDATE: Duration = Duration::from_secs(60);
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    params.not_before = epoch + now.saturating_sub(BACKDATE);
    params.not_after = epoch + now + lifetime;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Facts;

    #[test]
    fn the_root_speaks_for_the_domain_alone() {
        let (certificate, _) = make_root("bythos.localhost").unwrap();
        let root = Facts::of_pem(certificate.as_bytes()).unwrap();
        assert!(root.is_ca);
        assert_eq!(root.forbidden_name(["hello.bythos.localhost", "bythos.localhost"]), None);
        assert_eq!(root.forbidden_name(["a.bythos.localhost", "bank.example"]), Some("bank.example"));
        assert_eq!(root.forbidden_name(["evilbythos.localhost"]), Some("evilbythos.localhost"));
    }
}
