use serde_json::{Value, json};

use super::*;
use crate::routes::oldest_first;
use crate::tests::objects::{ingress, self_signed, tls_secret};

fn secret(name: &str, type_: &str, certificate: &str, key: &str) -> Secret {
    let mut secret = tls_secret(name, certificate, key);
    secret.type_ = Some(type_.to_owned());
    secret
}

fn tls(name: &str, created: &str, entries: &Value) -> Ingress {
    ingress(name, created, &json!({ "tls": entries }))
}

fn build(ingresses: &[Ingress], secrets: &[Secret]) -> (Certificates, Vec<String>) {
    let mut ordered: Vec<_> = ingresses.iter().collect();
    oldest_first(&mut ordered);
    let find = |key: &ObjectKey| {
        secrets.iter().find(|secret| ObjectKey::of(*secret) == *key).map(|secret| Arc::new(secret.clone()))
    };
    let (certificates, problems) = Certificates::build(&ordered, &mut Keys::default(), find);
    let said =
        problems.values().flatten().map(|problem| format!("{}: {problem}", problem.reason())).collect();
    (certificates, said)
}

#[test]
fn a_name_gets_its_own_certificate_before_that_of_a_wildcard() {
    let (one, one_key) = self_signed(&["shop.example.org"]);
    let (wild, wild_key) = self_signed(&["*.example.org"]);
    let secrets = [secret("one", TLS_SECRET, &one, &one_key), secret("wild", TLS_SECRET, &wild, &wild_key)];
    let ingresses = [tls(
        "all",
        "2026-01-01T00:00:00Z",
        &json!([
            { "hosts": ["*.example.org"], "secretName": "wild" },
            { "hosts": ["shop.example.org"], "secretName": "one" },
        ]),
    )];
    let (certificates, problems) = build(&ingresses, &secrets);
    assert!(problems.is_empty(), "{problems:?}");
    let pem_of = |name: &str| {
        certificates.choose(name).map(|key| key.cert[0].clone()).map(|der| {
            if der == CertificateDer::from_pem_slice(one.as_bytes()).unwrap() { "one" } else { "wild" }
        })
    };
    for (name, expected) in [
        ("shop.example.org", Some("one")),
        ("SHOP.example.org", Some("one")),
        ("blog.example.org", Some("wild")),
        ("a.blog.example.org", None),
        ("example.org", None),
        ("other.test", None),
    ] {
        assert_eq!(pem_of(name), expected, "{name}");
    }
}

#[test]
fn of_two_certificates_for_a_host_the_older_ingress_s_counts() {
    let (one, one_key) = self_signed(&["shop.test"]);
    let (two, two_key) = self_signed(&["shop.test"]);
    let secrets = [secret("one", TLS_SECRET, &one, &one_key), secret("two", TLS_SECRET, &two, &two_key)];
    let entry = |name: &str| json!([{ "hosts": ["shop.test"], "secretName": name }]);
    let ingresses =
        [tls("a", "2026-02-01T00:00:00Z", &entry("two")), tls("b", "2026-01-01T00:00:00Z", &entry("one"))];
    let (certificates, _) = build(&ingresses, &secrets);
    let chosen = certificates.choose("shop.test").unwrap();
    assert_eq!(chosen.cert[0], CertificateDer::from_pem_slice(one.as_bytes()).unwrap());
}

#[track_caller]
fn check(secrets: &[Secret], expected: &str) {
    let entries = json!([{ "hosts": ["shop.test", "www.shop.test"], "secretName": "s" }]);
    let (_, problems) = build(&[tls("shop", "2026-01-01T00:00:00Z", &entries)], secrets);
    assert_eq!(problems.join("\n"), expected);
}

#[test]
fn a_secret_that_cannot_be_used_is_named_with_the_cause() {
    let (pem, key) = self_signed(&["shop.test", "www.shop.test"]);
    let (_, other_key) = self_signed(&["shop.test"]);
    let hosts = "no HTTPS for shop.test, www.shop.test";
    check(&[], &format!("TLSSecretMissing: {hosts}: there is no Secret default/s"));
    check(&[secret("s", TLS_SECRET, &pem, &key)], "");
    let unusable = |cause: &str| format!("TLSSecretUnusable: {hosts}: Secret default/s {cause}");
    check(&[secret("s", "Opaque", &pem, &key)], &unusable("is of type Opaque, not kubernetes.io/tls"));
    check(&[secret("s", TLS_SECRET, "", &key)], &unusable("has no certificate in tls.crt"));
    check(
        &[secret("s", TLS_SECRET, &pem, &other_key)],
        &unusable("cannot be used: keys may not be consistent: KeyMismatch"),
    );
    check(
        &[secret("s", TLS_SECRET, &pem, "nonsense")],
        &unusable("has no PEM private key in tls.key: no items found"),
    );
}

#[test]
fn a_certificate_for_other_names_is_served_and_said() {
    let (pem, key) = self_signed(&["shop.test"]);
    check(
        &[secret("s", TLS_SECRET, &pem, &key)],
        "TLSCertificateForOthers: the certificate in Secret default/s is not valid for www.shop.test; \
         browsers will refuse it",
    );
}
