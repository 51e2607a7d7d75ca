//! Certificates have the form that Go gives them: the order and encoding of names, and what is left out.

use serde_json::json;
use x509_parser::der_parser::asn1_rs::Tag;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::{FromDer as _, X509Certificate, parse_x509_pem};

use super::world::{chart, texts_of};

/// What a template gives of one certificate.
fn check(template: &str, inspect: impl FnOnce(&X509Certificate<'_>)) {
    let text = format!("{{{{ $key := genPrivateKey \"ecdsa\" }}}}{{{{ ({template}).Cert }}}}");
    let chart =
        chart(&[("Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n"), ("templates/a.txt", &text)]);
    let texts = texts_of(&chart, json!({})).unwrap();
    let (_, pem) = parse_x509_pem(texts["c/templates/a.txt"].as_bytes()).unwrap();
    inspect(&X509Certificate::from_der(&pem.contents).unwrap().1);
}

fn names_key(certificate: &X509Certificate<'_>) -> bool {
    let is_one = |one: &ParsedExtension<'_>| matches!(one, ParsedExtension::SubjectKeyIdentifier(_));
    certificate.extensions().iter().any(|extension| is_one(extension.parsed_extension()))
}

fn common_name_tag(certificate: &X509Certificate<'_>) -> Tag {
    certificate.subject().iter_common_name().next().unwrap().attr_value().tag()
}

#[test]
fn names_of_hosts_stand_before_addresses() {
    let template = r#"genSelfSignedCertWithKey "h" (list "10.0.0.1") (list "a.b" "c.d") 1 $key"#;
    check(template, |certificate| {
        let names = certificate.subject_alternative_name().unwrap().unwrap();
        assert_eq!(
            names.value.general_names,
            [
                GeneralName::DNSName("a.b"),
                GeneralName::DNSName("c.d"),
                GeneralName::IPAddress(&[10, 0, 0, 1])
            ]
        );
    });
}

#[test]
fn authorities_alone_name_their_key() {
    check(r#"genCAWithKey "h" 1 $key"#, |certificate| {
        assert!(names_key(certificate) && certificate.is_ca());
    });
    for template in [
        r#"genSelfSignedCertWithKey "h" nil nil 1 $key"#,
        r#"genSignedCertWithKey "h" nil nil 1 (genCAWithKey "ca" 1 $key) $key"#,
    ] {
        check(template, |certificate| {
            let constraints = certificate.basic_constraints().unwrap().unwrap();
            assert!(constraints.critical && !constraints.value.ca, "{template}");
            assert!(!names_key(certificate), "{template}");
        });
    }
}

#[test]
fn a_plain_name_is_a_printable_string() {
    check(r#"genCAWithKey "harbor.example.org" 1 $key"#, |certificate| {
        assert_eq!(common_name_tag(certificate), Tag::PrintableString);
    });
    check(r#"genCAWithKey "*.example.org" 1 $key"#, |certificate| {
        assert_eq!(common_name_tag(certificate), Tag::Utf8String);
    });
}
