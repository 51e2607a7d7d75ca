//! What every active namespace has: the ServiceAccount `default`, and the ConfigMap `kube-root-ca.crt` by which
//! pods verify the API.

use std::collections::BTreeMap;
use std::sync::Arc;

use bythos_operator::apply::{self, ApplyError};
use bythos_operator::{Cache, Controller, Next, ObjectKey};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, ServiceAccount};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::PostParams;
use kube::{Api, Client};
use tokio_util::sync::CancellationToken;

use crate::call::{self, CallError};
use crate::namespace;

const DEFAULT_ACCOUNT: &str = "default";
/// Name of the ConfigMap with the API's certificate.
pub(crate) const ROOT_CA: &str = "kube-root-ca.crt";
const ROOT_CA_KEY: &str = "ca.crt";
/// Field manager of the ConfigMap, as upstream's publisher is called.
const MANAGER: &str = "root-ca-cert-publisher";

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("failed to furnish namespace {namespace:?} with its default service account")]
    Account {
        namespace: String,
        #[source]
        source: CallError,
    },
    #[error("failed to furnish namespace {namespace:?} with the certificate of the API")]
    RootCertificate {
        namespace: String,
        #[source]
        source: ApplyError,
    },
}

/// Furnishes namespaces.
pub(crate) struct Furnishing {
    pub(crate) client: Client,
    pub(crate) namespaces: Cache<Namespace>,
    pub(crate) accounts: Cache<ServiceAccount>,
    /// Those of the name [`ROOT_CA`].
    pub(crate) root_certificates: Cache<ConfigMap>,
    pub(crate) authority_pem: String,
}

impl Furnishing {
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let controller = Controller::new("serviceaccount")
            .reconciles(&self.namespaces)
            .watches(&self.accounts, |account| namespace_where_named(&account.metadata, DEFAULT_ACCOUNT))
            .watches(&self.root_certificates, |map| namespace_where_named(&map.metadata, ROOT_CA));
        let this = Arc::new(self);
        controller
            .run(1, shutdown, move |key| {
                let this = this.clone();
                async move { this.reconcile(key).await }
            })
            .await;
    }

    async fn reconcile(&self, key: ObjectKey) -> Result<Next, Error> {
        let is_active = self.namespaces.get(&key).is_some_and(|namespace| namespace::is_active(&namespace));
        if is_active {
            self.keep_account(&key.name).await?;
            self.keep_root_certificate(&key.name).await?;
        }
        Ok(Next::Wait)
    }

    async fn keep_account(&self, namespace: &str) -> Result<(), Error> {
        let key = ObjectKey::namespaced(namespace, DEFAULT_ACCOUNT);
        if self.accounts.get(&key).is_some() {
            return Ok(());
        }
        let account = ServiceAccount { metadata: named(&key), ..ServiceAccount::default() };
        let api = Api::<ServiceAccount>::namespaced(self.client.clone(), namespace);
        let made = api.create(&PostParams::default(), &account).await;
        match made.map_err(CallError::on::<ServiceAccount>("create", &key)) {
            Err(error) if is_settled(&error) => Ok(()),
            other => {
                other.map(drop).map_err(|source| Error::Account { namespace: namespace.to_owned(), source })
            }
        }
    }

    async fn keep_root_certificate(&self, namespace: &str) -> Result<(), Error> {
        let key = ObjectKey::namespaced(namespace, ROOT_CA);
        let data = BTreeMap::from([(ROOT_CA_KEY.to_owned(), self.authority_pem.clone())]);
        if self.root_certificates.get(&key).is_some_and(|map| map.data.as_ref() == Some(&data)) {
            return Ok(());
        }
        let map = ConfigMap { metadata: named(&key), data: Some(data), ..ConfigMap::default() };
        let applied = apply::namespaced(&self.client, MANAGER, &map).await;
        match applied {
            Err(source) if !call::is_namespace_going_by(&source) => {
                Err(Error::RootCertificate { namespace: namespace.to_owned(), source })
            }
            _ => Ok(()),
        }
    }
}

/// Somebody was faster, or the namespace ends.
fn is_settled(error: &CallError) -> bool {
    error.is_already_exists() || error.is_outrun() || error.is_namespace_going()
}

fn named(key: &ObjectKey) -> ObjectMeta {
    ObjectMeta {
        name: Some(key.name.clone()),
        namespace: Some(key.namespace.clone()),
        ..ObjectMeta::default()
    }
}

fn namespace_where_named(meta: &ObjectMeta, name: &str) -> Vec<ObjectKey> {
    let namespace = meta.namespace.iter().filter(|_| meta.name.as_deref() == Some(name));
    namespace.cloned().map(ObjectKey::cluster).collect()
}
