//! cert-manager's ingress-shim: an annotated Ingress gets a Certificate for each of its TLS Secrets.

use bythos_api::certificate::{Certificate, CertificateSpec, IssuerReference, PrivateKeySpec};
use bythos_operator::apply::{self, ApplyError};
use bythos_operator::cache::CacheError;
use bythos_operator::{Cache, Controller, Next, ObjectKey, PartContext};
use k8s_openapi::api::networking::v1::Ingress;
use kube::api::{Api, DeleteParams};
use kube::{Client, Resource as _, ResourceExt as _};

use crate::MANAGER;

const CLUSTER_ISSUER: &str = "cert-manager.io/cluster-issuer";
const ISSUER: &str = "cert-manager.io/issuer";
const KEY_ALGORITHM: &str = "cert-manager.io/private-key-algorithm";
const COMMON_NAME: &str = "cert-manager.io/common-name";

/// A reconciliation that has to be tried again.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("failed to write a Certificate for Ingress {key}")]
    Apply {
        key: ObjectKey,
        #[source]
        source: ApplyError,
    },
    #[error("failed to delete Certificate {certificate:?}, which Ingress {key} does not ask for any more")]
    Delete {
        key: ObjectKey,
        certificate: String,
        #[source]
        source: Box<kube::Error>,
    },
}

pub(crate) async fn controller(
    context: &PartContext,
) -> Result<impl Future<Output = ()> + use<>, CacheError> {
    let ingresses: Cache<Ingress> = context.caches.of().await?;
    let certificates: Cache<Certificate> = context.caches.of().await?;
    let controller = Controller::new("ingress-shim")
        .reconciles(&ingresses)
        .watches(&certificates, |one| ObjectKey::of_controller(one, "Ingress").into_iter().collect());
    let client = context.client.clone();
    Ok(controller.run(1, context.shutdown.clone(), move |key| {
        let (ingresses, certificates, client) = (ingresses.clone(), certificates.clone(), client.clone());
        async move {
            let Some(ingress) = ingresses.get(&key) else { return Ok(Next::Wait) };
            reconcile(&client, &certificates, &ingress, &key).await
        }
    }))
}

async fn reconcile(
    client: &Client,
    certificates: &Cache<Certificate>,
    ingress: &Ingress,
    key: &ObjectKey,
) -> Result<Next, Error> {
    if ingress.metadata.deletion_timestamp.is_some() {
        return Ok(Next::Wait);
    }
    let wanted = wanted(ingress);
    for certificate in &wanted {
        let is_ours = |found: &Certificate| ObjectKey::of_controller(found, "Ingress").as_ref() == Some(key);
        let found = certificates.get(&ObjectKey::of(certificate));
        let unchanged = found.as_ref().is_some_and(|found| is_ours(found) && found.spec == certificate.spec);
        let foreign = found.as_ref().is_some_and(|found| !is_ours(found));
        if unchanged || foreign {
            continue;
        }
        let applied = apply::namespaced(client, MANAGER, certificate).await;
        applied.map_err(|source| Error::Apply { key: key.clone(), source })?;
    }
    for found in certificates.list_in(&key.namespace) {
        let ours = ObjectKey::of_controller(found.as_ref(), "Ingress").as_ref() == Some(key);
        if ours && !wanted.iter().any(|certificate| certificate.name_any() == found.name_any()) {
            delete(client, &found, key).await?;
        }
    }
    Ok(Next::Wait)
}

async fn delete(client: &Client, certificate: &Certificate, key: &ObjectKey) -> Result<(), Error> {
    let api = Api::<Certificate>::namespaced(client.clone(), &key.namespace);
    match api.delete(&certificate.name_any(), &DeleteParams::default()).await {
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        Err(source) => Err(Error::Delete {
            key: key.clone(),
            certificate: certificate.name_any(),
            source: Box::new(source),
        }),
        Ok(_) => Ok(()),
    }
}

/// The Certificates that an Ingress asks for, named after their Secrets.
fn wanted(ingress: &Ingress) -> Vec<Certificate> {
    let Some(issuer_ref) = issuer_of(ingress) else { return Vec::new() };
    let blocks = ingress.spec.iter().flat_map(|spec| spec.tls.iter().flatten());
    let certificates = blocks.filter_map(|block| {
        let secret_name = block.secret_name.clone().filter(|name| !name.is_empty())?;
        let dns_names = block.hosts.clone().filter(|hosts| !hosts.is_empty())?;
        let spec = CertificateSpec {
            secret_name: secret_name.clone(),
            issuer_ref: issuer_ref.clone(),
            dns_names,
            common_name: ingress.annotations().get(COMMON_NAME).cloned(),
            usages: vec!["digital signature".to_owned(), "key encipherment".to_owned()],
            private_key: ingress.annotations().get(KEY_ALGORITHM).map(|algorithm| PrivateKeySpec {
                algorithm: Some(algorithm.clone()),
                ..PrivateKeySpec::default()
            }),
            ..CertificateSpec::default()
        };
        let mut certificate = Certificate::new(&secret_name, spec);
        certificate.metadata.namespace = ingress.namespace();
        certificate.metadata.owner_references = ingress.controller_owner_ref(&()).map(|owner| vec![owner]);
        Some(certificate)
    });
    certificates.collect()
}

fn issuer_of(ingress: &Ingress) -> Option<IssuerReference> {
    let named = |annotation, kind: &str| {
        let name = ingress.annotations().get(annotation)?.clone();
        Some(IssuerReference { name, kind: Some(kind.to_owned()), group: Some("cert-manager.io".to_owned()) })
    };
    named(CLUSTER_ISSUER, "ClusterIssuer").or_else(|| named(ISSUER, "Issuer"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ingress(annotations: &serde_json::Value) -> Ingress {
        serde_json::from_value(json!({
            "metadata": { "namespace": "hello", "name": "hello", "uid": "1", "annotations": annotations },
            "spec": { "tls": [
                { "secretName": "hello-tls", "hosts": ["hello.bythos.localhost"] },
                { "hosts": ["nobody.bythos.localhost"] },
            ] },
        }))
        .unwrap()
    }

    #[test]
    fn an_annotated_ingress_asks_for_one_certificate_per_secret() {
        let wanted = wanted(&ingress(&json!({ "cert-manager.io/cluster-issuer": "platform" })));
        let [certificate] = wanted.as_slice() else { panic!("{wanted:?}") };
        assert_eq!(certificate.name_any(), "hello-tls");
        assert_eq!(certificate.spec.dns_names, ["hello.bythos.localhost"]);
        assert_eq!(certificate.spec.issuer_ref.kind.as_deref(), Some("ClusterIssuer"));
        assert_eq!(
            ObjectKey::of_controller(certificate, "Ingress"),
            Some(ObjectKey::namespaced("hello", "hello"))
        );
    }

    #[test]
    fn an_ingress_without_the_annotation_asks_for_nothing() {
        assert_eq!(wanted(&ingress(&json!({}))), []);
    }
}
