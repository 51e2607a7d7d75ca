//! Each policy finds what it is for, and a good certificate passes them all.

use std::collections::BTreeMap;

use bythos_api::certificate::{CertificateSpec, IssuerReference};
use k8s_openapi::ByteString;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use rcgen::CertificateParams;

use super::*;
use crate::authority::set_validity;

const DAY: Duration = Duration::from_secs(24 * 3600);

fn certificate() -> Certificate {
    let issuer_ref =
        IssuerReference { name: "platform".to_owned(), kind: Some("ClusterIssuer".to_owned()), group: None };
    let spec = CertificateSpec {
        secret_name: "web-tls".to_owned(),
        issuer_ref,
        dns_names: vec!["web.bythos.localhost".to_owned()],
        ..CertificateSpec::default()
    };
    Certificate::new("web", spec)
}

fn secret(names: &[&str]) -> Secret {
    let key = KeyPair::generate().unwrap();
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    set_validity(&mut params, 90 * DAY);
    let certificate = params.self_signed(&key).unwrap();
    let annotations = [(ISSUER_NAME, "platform"), (ISSUER_KIND, "ClusterIssuer")];
    let data = [("tls.crt", certificate.pem()), ("tls.key", key.serialize_pem())];
    Secret {
        metadata: ObjectMeta {
            annotations: Some(annotations.map(|(name, value)| (name.to_owned(), value.to_owned())).into()),
            ..ObjectMeta::default()
        },
        data: Some(
            data.into_iter().map(|(name, pem)| (name.to_owned(), ByteString(pem.into_bytes()))).collect(),
        ),
        ..Secret::default()
    }
}

#[track_caller]
fn reason(certificate: &Certificate, secret: Option<&Secret>, after: Duration) -> &'static str {
    match judge(certificate, secret, Timestamp::now() + after) {
        Verdict::Good { .. } => "good",
        Verdict::Issue { reason, .. } => reason,
    }
}

#[test]
fn each_policy_finds_what_it_is_for() {
    let good = secret(&["web.bythos.localhost"]);
    let without_key = Secret {
        data: good.data.clone().map(|mut data| {
            data.remove("tls.key");
            data
        }),
        ..good.clone()
    };
    let other_key = Secret {
        data: Some(BTreeMap::from([
            ("tls.crt".to_owned(), good.data.as_ref().unwrap()["tls.crt"].clone()),
            ("tls.key".to_owned(), secret(&["x.example"]).data.unwrap()["tls.key"].clone()),
        ])),
        ..good.clone()
    };
    let mut other_issuer = good.clone();
    other_issuer.annotations_mut().insert(ISSUER_NAME.to_owned(), "letsencrypt".to_owned());
    let other_names = secret(&["old.bythos.localhost"]);
    let none = Duration::ZERO;
    let cases = [
        ("nothing is there", None, none, "DoesNotExist"),
        ("the key is missing", Some(&without_key), none, "MissingData"),
        ("the key is another's", Some(&other_key), none, "InvalidKeyPair"),
        ("another issuer is named", Some(&other_issuer), none, "IncorrectIssuer"),
        ("the names changed", Some(&other_names), none, "RequestChanged"),
        ("two thirds of its life are over", Some(&good), 61 * DAY, "Renewing"),
        ("its life is over", Some(&good), 91 * DAY, "Expired"),
        ("it is good", Some(&good), none, "good"),
    ];
    for (case, secret, after, expected) in cases {
        assert_eq!(reason(&certificate(), secret, after), expected, "{case}");
    }
}

#[test]
fn a_spec_that_nobody_could_satisfy_is_refused_with_its_field() {
    let mut nameless = certificate();
    nameless.spec.dns_names.clear();
    assert!(validate(&nameless).unwrap_err().contains("dnsNames"));
    let mut address = certificate();
    address.spec.ip_addresses.push("ten".to_owned());
    assert_eq!(validate(&address).unwrap_err(), "spec.ipAddresses[0]: \"ten\" is not an IP address");
    assert!(validate(&certificate()).is_ok());
}
