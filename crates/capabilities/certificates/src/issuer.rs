//! Issuers and ClusterIssuers: whether they can sign, and with what.

use std::sync::Arc;

use bythos_api::issuer::{ClusterIssuer, Issuer, IssuerConfig, IssuerStatus};
use bythos_api::names::CERT_MANAGER_NAMESPACE;
use bythos_operator::cache::CacheError;
use bythos_operator::{Cache, Controller, Next, ObjectKey, PartContext, condition};
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::{Api, Patch, PatchParams};
use kube::{Client, Resource, ResourceExt as _};
use rcgen::KeyPair;
use serde_json::json;

use crate::MANAGER;
use crate::facts::Facts;

/// With what an issuer signs.
pub(crate) enum Signer {
    /// With this authority.
    Authority(Box<SigningAuthority>),
    /// With the certificate's own key.
    SelfSigned,
}

/// An authority's key pair.
pub(crate) struct SigningAuthority {
    pub(crate) certificate_pem: String,
    pub(crate) facts: Facts,
    pub(crate) key: KeyPair,
}

/// Why an issuer cannot sign: a reason and a message of its condition, in cert-manager's words where it has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CannotSign {
    pub(crate) reason: &'static str,
    pub(crate) message: String,
}

/// A status that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("failed to write the status of issuer {key}")]
pub(crate) struct WriteStatus {
    key: ObjectKey,
    #[source]
    source: Box<kube::Error>,
}

/// All issuers, and the Secrets with which they sign.
#[derive(Clone)]
pub(crate) struct Issuers {
    issuers: Cache<Issuer>,
    cluster_issuers: Cache<ClusterIssuer>,
    secrets: Cache<Secret>,
}

impl Issuers {
    pub(crate) async fn watch(context: &PartContext) -> Result<Issuers, CacheError> {
        Ok(Issuers {
            issuers: context.caches.of().await?,
            cluster_issuers: context.caches.of().await?,
            secrets: context.caches.of().await?,
        })
    }

    pub(crate) fn issuers(&self) -> &Cache<Issuer> {
        &self.issuers
    }

    pub(crate) fn cluster_issuers(&self) -> &Cache<ClusterIssuer> {
        &self.cluster_issuers
    }

    pub(crate) fn secrets(&self) -> &Cache<Secret> {
        &self.secrets
    }

    /// The configuration of the issuer that `kind` and `key` name, and the namespace of its Secrets.
    pub(crate) fn find(&self, kind: &str, key: &ObjectKey) -> Option<(IssuerConfig, String)> {
        if kind == "ClusterIssuer" {
            let issuer = self.cluster_issuers.get(&ObjectKey::cluster(&key.name))?;
            Some((issuer.spec.config.clone(), CERT_MANAGER_NAMESPACE.to_owned()))
        } else {
            Some((self.issuers.get(key)?.spec.config.clone(), key.namespace.clone()))
        }
    }

    /// With what an issuer of this configuration signs.
    pub(crate) fn signer(&self, config: &IssuerConfig, namespace: &str) -> Result<Signer, CannotSign> {
        match (&config.ca, &config.self_signed) {
            (Some(ca), None) => {
                let secret = self.secrets.get(&ObjectKey::namespaced(namespace, &ca.secret_name));
                let authority = authority_of(secret.as_deref(), namespace, &ca.secret_name)?;
                Ok(Signer::Authority(Box::new(authority)))
            }
            (None, Some(_)) => Ok(Signer::SelfSigned),
            (Some(_), Some(_)) => Err(CannotSign {
                reason: "InvalidConfig",
                message: "spec has both ca and selfSigned; expected one of them".to_owned(),
            }),
            (None, None) => Err(CannotSign {
                reason: "NotSupported",
                message: "spec has neither ca nor selfSigned, which are the types that Bythos signs with so far; use one of \
                          them, or bring cert-manager itself"
                    .to_owned(),
            }),
        }
    }

    /// Keeps the condition `Ready` of every issuer true to what it can do, until the part ends.
    pub(crate) async fn run(&self, context: &PartContext) {
        let namespaced = Controller::new("issuer").reconciles(&self.issuers).watches(&self.secrets, {
            let issuers = self.issuers.clone();
            move |secret| signing_with(&issuers.list_in(&secret.namespace().unwrap_or_default()), secret)
        });
        let cluster =
            Controller::new("clusterissuer").reconciles(&self.cluster_issuers).watches(&self.secrets, {
                let issuers = self.cluster_issuers.clone();
                move |secret| match secret.namespace().as_deref() {
                    Some(CERT_MANAGER_NAMESPACE) => signing_with(&issuers.list(), secret),
                    _ => Vec::new(),
                }
            });
        let (here, client) = (self.clone(), context.client.clone());
        let namespaced = namespaced.run(1, context.shutdown.clone(), move |key| {
            let (here, client) = (here.clone(), client.clone());
            async move { here.reconcile_issuer(&client, &key).await }
        });
        let (here, client) = (self.clone(), context.client.clone());
        let cluster = cluster.run(1, context.shutdown.clone(), move |key| {
            let (here, client) = (here.clone(), client.clone());
            async move { here.reconcile_cluster_issuer(&client, &key).await }
        });
        tokio::join!(namespaced, cluster);
    }

    async fn reconcile_issuer(&self, client: &Client, key: &ObjectKey) -> Result<Next, WriteStatus> {
        let Some(issuer) = self.issuers.get(key) else { return Ok(Next::Wait) };
        let state = self.signer(&issuer.spec.config, &key.namespace).map(drop);
        let api = Api::namespaced(client.clone(), &key.namespace);
        write_ready(&api, issuer.as_ref(), issuer.status.as_ref(), key, state).await
    }

    async fn reconcile_cluster_issuer(&self, client: &Client, key: &ObjectKey) -> Result<Next, WriteStatus> {
        let Some(issuer) = self.cluster_issuers.get(key) else { return Ok(Next::Wait) };
        let state = self.signer(&issuer.spec.config, CERT_MANAGER_NAMESPACE).map(drop);
        let api = Api::all(client.clone());
        write_ready(&api, issuer.as_ref(), issuer.status.as_ref(), key, state).await
    }
}

/// Those of `issuers` that sign with `secret`.
fn signing_with<K: Resource + SignsWith>(issuers: &[Arc<K>], secret: &Secret) -> Vec<ObjectKey> {
    let name = secret.name_any();
    let signing = issuers.iter().filter(|issuer| issuer.secret() == Some(&name));
    signing.map(|issuer| ObjectKey::of(issuer.as_ref())).collect()
}

/// The Secret with which an issuer signs.
trait SignsWith {
    fn secret(&self) -> Option<&String>;
}

impl SignsWith for Issuer {
    fn secret(&self) -> Option<&String> {
        self.spec.config.ca.as_ref().map(|ca| &ca.secret_name)
    }
}

impl SignsWith for ClusterIssuer {
    fn secret(&self) -> Option<&String> {
        self.spec.config.ca.as_ref().map(|ca| &ca.secret_name)
    }
}

async fn write_ready<K>(
    api: &Api<K>,
    issuer: &K,
    status: Option<&IssuerStatus>,
    key: &ObjectKey,
    state: Result<(), CannotSign>,
) -> Result<Next, WriteStatus>
where
    K: Resource<DynamicType = ()> + Clone + serde::de::DeserializeOwned + std::fmt::Debug,
{
    let before: &[Condition] = status.map(|status| status.conditions.as_slice()).unwrap_or_default();
    let mut conditions = before.to_vec();
    let generation = issuer.meta().generation;
    match state {
        Ok(()) => condition::set(
            &mut conditions,
            "Ready",
            true,
            "KeyPairVerified",
            "Signing CA verified",
            generation,
        ),
        Err(cannot) => {
            condition::set(&mut conditions, "Ready", false, cannot.reason, cannot.message, generation);
        }
    }
    if conditions != before {
        let patch = Patch::Merge(json!({ "status": { "conditions": conditions } }));
        let written = api
            .patch_status(
                &key.name,
                &PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() },
                &patch,
            )
            .await;
        written.map_err(|source| WriteStatus { key: key.clone(), source: Box::new(source) })?;
    }
    Ok(Next::Wait)
}

fn authority_of(
    secret: Option<&Secret>,
    namespace: &str,
    name: &str,
) -> Result<SigningAuthority, CannotSign> {
    let cannot =
        |reason, what: String| CannotSign { reason, message: format!("Secret {namespace}/{name}: {what}") };
    let secret = secret.ok_or_else(|| cannot("ErrGetKeyPair", "it does not exist".to_owned()))?;
    let text = |field: &str| {
        let bytes = secret.data.as_ref().and_then(|data| data.get(field));
        let bytes = bytes.ok_or_else(|| cannot("ErrGetKeyPair", format!("data[{field}] is missing")))?;
        String::from_utf8(bytes.0.clone())
            .map_err(|_| cannot("ErrInvalidKeyPair", format!("data[{field}] is not PEM")))
    };
    let certificate_pem = text("tls.crt")?;
    let facts = Facts::of_pem(certificate_pem.as_bytes())
        .map_err(|error| cannot("ErrInvalidKeyPair", format!("data[tls.crt]: {error}")))?;
    let key = KeyPair::from_pem(&text("tls.key")?)
        .map_err(|error| cannot("ErrInvalidKeyPair", format!("data[tls.key]: {error}")))?;
    if !facts.is_ca {
        return Err(cannot("ErrInvalidKeyPair", "the certificate is not a CA".to_owned()));
    }
    if facts.public_key != key.public_key_raw() {
        return Err(cannot("ErrInvalidKeyPair", "tls.key is not the key of tls.crt".to_owned()));
    }
    Ok(SigningAuthority { certificate_pem, facts, key })
}
