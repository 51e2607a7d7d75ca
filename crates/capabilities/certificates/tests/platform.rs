//! The part on the engine in process: from an annotated Ingress to a Secret that verifies.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use bythos_api::certificate::{Certificate, CertificateSpec, IssuerReference};
use bythos_api::certificaterequest::CertificateRequest;
use bythos_operator::condition;
use bythos_testing::{Engine, eventually};
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::api::networking::v1::Ingress;
use kube::api::{Api, ListParams, PostParams};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use serde_json::json;

async fn engine() -> Result<Engine> {
    let engine = Engine::start().await?;
    engine.run(&bythos_certificates::part()).await?;
    Ok(engine)
}

/// Verifies a server certificate as any client would.
fn verify(certificate: &[u8], root: &[u8], name: &str) -> Result<()> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(root)?)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build()?;
    let certificate = CertificateDer::from_pem_slice(certificate)?;
    let name = ServerName::try_from(name.to_owned())?;
    verifier.verify_server_cert(&certificate, &[], &name, &[], UnixTime::now())?;
    Ok(())
}

async fn secret(engine: &Engine, namespace: &str, name: &str) -> Result<Secret> {
    let api = Api::<Secret>::namespaced(engine.admin.clone(), namespace);
    eventually(&format!("Secret {namespace}/{name}"), || async { api.get_opt(name).await.ok().flatten() })
        .await
}

fn field(secret: &Secret, name: &str) -> Result<Vec<u8>> {
    let data = secret.data.as_ref().context("the Secret has data")?;
    Ok(data.get(name).with_context(|| format!("the Secret has {name}"))?.0.clone())
}

#[tokio::test]
async fn an_annotated_ingress_gets_a_certificate_that_verifies_against_the_platforms_root() -> Result<()> {
    let engine = engine().await?;
    let ingress: Ingress = serde_json::from_value(json!({
        "metadata": {
            "name": "hello",
            "annotations": { "cert-manager.io/cluster-issuer": "platform" },
        },
        "spec": {
            "tls": [{ "secretName": "hello-tls", "hosts": ["hello.bythos.localhost"] }],
            "rules": [{ "host": "hello.bythos.localhost", "http": { "paths": [{
                "path": "/", "pathType": "Prefix",
                "backend": { "service": { "name": "hello", "port": { "number": 80 } } },
            }] } }],
        },
    }))?;
    let ingresses = Api::<Ingress>::namespaced(engine.admin.clone(), "default");
    ingresses.create(&PostParams::default(), &ingress).await?;

    let issued = secret(&engine, "default", "hello-tls").await?;
    let root = secret(&engine, "cert-manager", "platform-root").await?;
    verify(&field(&issued, "tls.crt")?, &field(&root, "tls.crt")?, "hello.bythos.localhost")?;
    ensure!(verify(&field(&issued, "tls.crt")?, &field(&root, "tls.crt")?, "bank.example").is_err());

    let certificates = Api::<Certificate>::namespaced(engine.admin.clone(), "default");
    let ready = eventually("a ready Certificate", || async {
        let certificate = certificates.get("hello-tls").await.ok()?;
        let status = certificate.status.clone()?;
        (condition::is_true(&status.conditions, "Ready") && status.revision == Some(1)).then_some(certificate)
    })
    .await?;
    ensure!(ready.status.context("it has a status")?.renewal_time.is_some());

    let secrets = Api::<Secret>::namespaced(engine.admin.clone(), "default");
    eventually("the next key's Secret to be gone", || async {
        secrets.list(&ListParams::default()).await.ok().filter(|listed| listed.items.len() == 1)
    })
    .await?;
    Ok(())
}

fn certificate(name: &str, issuer: &str, dns_name: &str) -> Certificate {
    let issuer_ref =
        IssuerReference { name: issuer.to_owned(), kind: Some("ClusterIssuer".to_owned()), group: None };
    let spec = CertificateSpec {
        secret_name: format!("{name}-tls"),
        issuer_ref,
        dns_names: vec![dns_name.to_owned()],
        ..CertificateSpec::default()
    };
    Certificate::new(name, spec)
}

/// Waits until the condition `Ready` of a Certificate says all of `words`.
async fn is_not_ready_because(engine: &Engine, name: &str, words: &[&str]) -> Result<()> {
    let api = Api::<Certificate>::namespaced(engine.admin.clone(), "default");
    eventually(&format!("{name} not to be ready because of {words:?}"), || async {
        let status = api.get(name).await.ok()?.status?;
        let ready = condition::get(&status.conditions, "Ready")?.clone();
        (ready.status == "False" && words.iter().all(|word| ready.message.contains(word))).then_some(())
    })
    .await
}

#[tokio::test]
async fn a_certificate_says_why_it_is_not_ready() -> Result<()> {
    let engine = engine().await?;
    let api = Api::<Certificate>::namespaced(engine.admin.clone(), "default");
    api.create(&PostParams::default(), &certificate("lost", "nobody", "a.bythos.localhost")).await?;
    is_not_ready_because(&engine, "lost", &["there is no ClusterIssuer \"nobody\""]).await?;
    api.create(&PostParams::default(), &certificate("foreign", "platform", "bank.example")).await?;
    is_not_ready_because(&engine, "foreign", &["bank.example", "constrained to bythos.localhost"]).await
}

#[tokio::test]
async fn a_lost_secret_is_issued_again() -> Result<()> {
    let engine = engine().await?;
    let api = Api::<Certificate>::namespaced(engine.admin.clone(), "default");
    api.create(&PostParams::default(), &certificate("web", "platform", "web.bythos.localhost")).await?;
    let first = secret(&engine, "default", "web-tls").await?;
    let secrets = Api::<Secret>::namespaced(engine.admin.clone(), "default");
    secrets.delete("web-tls", &Default::default()).await?;
    let uid = first.metadata.uid.clone();
    eventually("another Secret", || async {
        secrets.get_opt("web-tls").await.ok().flatten().filter(|second| second.metadata.uid != uid)
    })
    .await?;
    let requests = Api::<CertificateRequest>::namespaced(engine.admin.clone(), "default");
    eventually("a second request", || async {
        let listed = requests.list(&ListParams::default()).await.ok()?;
        listed.items.iter().any(|request| request.metadata.name.as_deref() == Some("web-2")).then_some(())
    })
    .await
}
