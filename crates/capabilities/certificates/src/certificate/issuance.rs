//! One issuance: the next key in a Secret, a CertificateRequest for it, and the answer written into the Secret.

use std::collections::BTreeMap;
use std::time::Duration;

use bythos_api::certificate::Certificate;
use bythos_api::certificaterequest::{CertificateRequest, CertificateRequestSpec};
use bythos_operator::{Next, ObjectKey, condition};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use kube::{Resource as _, ResourceExt as _};
use rcgen::string::Ia5String;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, SanType};

use super::policies::{ISSUER_KIND, ISSUER_NAME};
use super::{Error, Room};
use crate::MANAGER;
use crate::keys::KeyKind;

const CERTIFICATE_NAME: &str = "cert-manager.io/certificate-name";
const REVISION: &str = "cert-manager.io/certificate-revision";
const PRIVATE_KEY: &str = "cert-manager.io/private-key-secret-name";
/// Marks the Secret of the next key, so that nobody takes it for an application's.
const NEXT_KEY_LABEL: &str = "cert-manager.io/next-private-key";
/// A request that failed is tried again after this time, as in cert-manager.
const RETRY: Duration = Duration::from_secs(3600);

/// How far an issuance is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Progress {
    /// The request waits for its issuer, which says why.
    Waiting(String),
    /// The request failed for good, with the issuer's words.
    Failed(String),
    /// Key and certificate were written.
    Issued,
}

impl Progress {
    pub(super) fn next(&self) -> Next {
        match self {
            Progress::Waiting(_) | Progress::Issued => Next::Wait,
            Progress::Failed(_) => Next::After(RETRY),
        }
    }
}

/// Name of the Secret that holds the key of the issuance under way.
pub(super) fn next_key_secret(certificate: &Certificate) -> String {
    format!("{}-next-private-key", certificate.name_any())
}

fn next_revision(certificate: &Certificate) -> i64 {
    certificate.status.as_ref().and_then(|status| status.revision).unwrap_or(0) + 1
}

/// Does the next step of the issuance, or finds that it has to wait.
pub(super) async fn advance(room: &Room, certificate: &Certificate) -> Result<Progress, Error> {
    let key = next_key(room, certificate).await?;
    let request = request_for(room, certificate, &key).await?;
    let status = request.status.unwrap_or_default();
    if let (Some(chain), true) = (&status.certificate, condition::is_true(&status.conditions, "Ready")) {
        write_secret(room, certificate, &key, chain, status.ca.as_ref()).await?;
        return Ok(Progress::Issued);
    }
    let ready = condition::get(&status.conditions, "Ready");
    let words = ready.map(|ready| ready.message.clone()).unwrap_or_default();
    let denied = condition::get(&status.conditions, "Denied").filter(|denied| denied.status == "True");
    if let Some(denied) = denied {
        return Ok(Progress::Failed(denied.message.clone()));
    }
    match ready.map(|ready| ready.reason.as_str()) {
        Some("Failed") => {
            retry_later(room, certificate, &status.failure_time.map(|time| time.0)).await?;
            Ok(Progress::Failed(words))
        }
        _ => Ok(Progress::Waiting(words)),
    }
}

/// A failed request makes room for a new one when its time has come.
async fn retry_later(
    room: &Room,
    certificate: &Certificate,
    failed: &Option<k8s_openapi::jiff::Timestamp>,
) -> Result<(), Error> {
    let now = k8s_openapi::jiff::Timestamp::now();
    let due = failed
        .is_some_and(|failed| Duration::try_from(now.duration_since(failed)).is_ok_and(|age| age >= RETRY));
    if due { delete_request(room, certificate).await } else { Ok(()) }
}

/// The key of this issuance: the one that is kept in the Secret if it may be used again, else a new one.
async fn next_key(room: &Room, certificate: &Certificate) -> Result<KeyPair, Error> {
    let kind = KeyKind::of(certificate.spec.private_key.as_ref())?;
    let namespace = certificate.namespace().unwrap_or_default();
    let kept = |name: String| {
        let secret = room.secrets.get(&ObjectKey::namespaced(&namespace, name))?;
        let pem = secret.data.as_ref()?.get("tls.key")?;
        KeyPair::from_pem(&String::from_utf8_lossy(&pem.0)).ok().filter(|key| kind.matches(key))
    };
    if let Some(key) = kept(next_key_secret(certificate)) {
        return Ok(key);
    }
    let policy = certificate.spec.private_key.as_ref().and_then(|key| key.rotation_policy.as_deref());
    let reused = (policy == Some("Never")).then(|| kept(certificate.spec.secret_name.clone())).flatten();
    let key = match reused {
        Some(key) => key,
        None => kind.generate()?,
    };
    keep_next_key(room, certificate, &key).await?;
    Ok(key)
}

async fn keep_next_key(room: &Room, certificate: &Certificate, key: &KeyPair) -> Result<(), Error> {
    let secret = Secret {
        metadata: ObjectMeta {
            namespace: certificate.namespace(),
            name: Some(next_key_secret(certificate)),
            labels: Some([(NEXT_KEY_LABEL.to_owned(), "true".to_owned())].into()),
            owner_references: certificate.controller_owner_ref(&()).map(|owner| vec![owner]),
            ..ObjectMeta::default()
        },
        data: Some([("tls.key".to_owned(), ByteString(key.serialize_pem().into_bytes()))].into()),
        ..Secret::default()
    };
    apply_secret(room, certificate, &secret, "keep the next private key").await
}

/// The request of this revision for this key, made if it is not there; one for another key is deleted first.
async fn request_for(
    room: &Room,
    certificate: &Certificate,
    key: &KeyPair,
) -> Result<CertificateRequest, Error> {
    let wanted = make_request(certificate, key)?;
    let api = requests(room, certificate);
    let failed = |action| {
        let key = ObjectKey::of(certificate);
        move |source| Error::Issue { action, key, source: Box::new(source) }
    };
    let name = wanted.name_any();
    if let Some(found) = api.get_opt(&name).await.map_err(failed("read the CertificateRequest"))? {
        if found.spec.issuer_ref == wanted.spec.issuer_ref && asks_the_same(&found, certificate, key) {
            return Ok(found);
        }
        delete_request(room, certificate).await?;
    }
    let params = PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
    api.create(&params, &wanted).await.map_err(failed("create the CertificateRequest"))
}

/// Whether a request that is there was made for this key and for the names that are asked for now.
fn asks_the_same(found: &CertificateRequest, certificate: &Certificate, key: &KeyPair) -> bool {
    let Ok(pem) = std::str::from_utf8(&found.spec.request.0) else { return false };
    let Ok(parsed) = rcgen::CertificateSigningRequestParams::from_pem(pem) else { return false };
    let wanted = names_of(certificate).unwrap_or_default();
    use rcgen::PublicKeyData as _;
    parsed.public_key.der_bytes() == key.public_key_raw() && parsed.params.subject_alt_names == wanted
}

async fn delete_request(room: &Room, certificate: &Certificate) -> Result<(), Error> {
    let name = format!("{}-{}", certificate.name_any(), next_revision(certificate));
    match requests(room, certificate).delete(&name, &DeleteParams::default()).await {
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        Err(source) => Err(Error::Issue {
            action: "delete the outdated CertificateRequest",
            key: ObjectKey::of(certificate),
            source: Box::new(source),
        }),
        Ok(_) => Ok(()),
    }
}

fn requests(room: &Room, certificate: &Certificate) -> Api<CertificateRequest> {
    Api::namespaced(room.client.clone(), &certificate.namespace().unwrap_or_default())
}

fn make_request(certificate: &Certificate, key: &KeyPair) -> Result<CertificateRequest, Error> {
    let failed = |source| Error::MakeRequest { key: ObjectKey::of(certificate), source };
    let mut params = CertificateParams::default();
    params.subject_alt_names = names_of(certificate).map_err(failed)?;
    params.distinguished_name = DistinguishedName::new();
    if let Some(name) = &certificate.spec.common_name {
        params.distinguished_name.push(DnType::CommonName, name.as_str());
    }
    let pem = params.serialize_request(key).and_then(|request| request.pem()).map_err(failed)?;
    let spec = &certificate.spec;
    let mut request = CertificateRequest::new(
        &format!("{}-{}", certificate.name_any(), next_revision(certificate)),
        CertificateRequestSpec {
            issuer_ref: spec.issuer_ref.clone(),
            request: ByteString(pem.into_bytes()),
            duration: spec.duration,
            is_ca: spec.is_ca,
            usages: spec.usages.clone(),
        },
    );
    request.metadata.namespace = certificate.namespace();
    request.metadata.owner_references = certificate.controller_owner_ref(&()).map(|owner| vec![owner]);
    let annotations = [
        (CERTIFICATE_NAME, certificate.name_any()),
        (REVISION, next_revision(certificate).to_string()),
        (PRIVATE_KEY, next_key_secret(certificate)),
    ];
    request.metadata.annotations = Some(annotations.map(|(name, value)| (name.to_owned(), value)).into());
    Ok(request)
}

fn names_of(certificate: &Certificate) -> Result<Vec<SanType>, rcgen::Error> {
    let spec = &certificate.spec;
    let dns = spec.dns_names.iter().map(|name| Ia5String::try_from(name.as_str()).map(SanType::DnsName));
    let uris = spec.uris.iter().map(|uri| Ia5String::try_from(uri.as_str()).map(SanType::URI));
    let addresses = spec.ip_addresses.iter().filter_map(|address| address.parse().ok());
    dns.chain(uris).chain(addresses.map(|address| Ok(SanType::IpAddress(address)))).collect()
}

async fn write_secret(
    room: &Room,
    certificate: &Certificate,
    key: &KeyPair,
    chain: &ByteString,
    authority: Option<&ByteString>,
) -> Result<(), Error> {
    let spec = &certificate.spec;
    let template = spec.secret_template.clone().unwrap_or_default();
    let mut annotations = template.annotations;
    annotations.insert(CERTIFICATE_NAME.to_owned(), certificate.name_any());
    annotations.insert(ISSUER_NAME.to_owned(), spec.issuer_ref.name.clone());
    annotations
        .insert(ISSUER_KIND.to_owned(), spec.issuer_ref.kind.clone().unwrap_or_else(|| "Issuer".to_owned()));
    let mut data = BTreeMap::from([
        ("tls.crt".to_owned(), chain.clone()),
        ("tls.key".to_owned(), ByteString(key.serialize_pem().into_bytes())),
    ]);
    data.extend(authority.map(|authority| ("ca.crt".to_owned(), authority.clone())));
    let secret = Secret {
        metadata: ObjectMeta {
            namespace: certificate.namespace(),
            name: Some(spec.secret_name.clone()),
            annotations: Some(annotations),
            labels: Some(template.labels),
            ..ObjectMeta::default()
        },
        type_: Some("kubernetes.io/tls".to_owned()),
        data: Some(data),
        ..Secret::default()
    };
    apply_secret(room, certificate, &secret, "write the Secret").await
}

async fn apply_secret(
    room: &Room,
    certificate: &Certificate,
    secret: &Secret,
    action: &'static str,
) -> Result<(), Error> {
    let api = Api::<Secret>::namespaced(room.client.clone(), &certificate.namespace().unwrap_or_default());
    let params = PatchParams::apply(MANAGER).force();
    let applied = api.patch(&secret.name_any(), &params, &Patch::Apply(secret)).await;
    let key = ObjectKey::of(certificate);
    applied.map(drop).map_err(|source| Error::Issue { action, key, source: Box::new(source) })
}

/// Removes the Secret of the next key once the issuance is over.
pub(super) async fn clean_up(room: &Room, certificate: &Certificate) -> Result<(), Error> {
    let namespace = certificate.namespace().unwrap_or_default();
    let name = next_key_secret(certificate);
    if room.secrets.get(&ObjectKey::namespaced(&namespace, &name)).is_none() {
        return Ok(());
    }
    let secrets = Api::<Secret>::namespaced(room.client.clone(), &namespace);
    match secrets.delete(&name, &DeleteParams::default()).await {
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        Err(source) => Err(Error::Issue {
            action: "delete the next private key",
            key: ObjectKey::of(certificate),
            source: Box::new(source),
        }),
        Ok(_) => Ok(()),
    }
}
