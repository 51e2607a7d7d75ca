//! What is signed here is read here, and nothing else is.

use std::os::unix::fs::PermissionsExt as _;
use std::time::{SystemTime, UNIX_EPOCH};

use super::*;

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn bound() -> Bound {
    let reference = |name: &str| Reference { name: name.to_owned(), uid: format!("uid-{name}") };
    Bound {
        namespace: "shop".to_owned(),
        account: reference("robot"),
        pod: Some(reference("web-0")),
        secret: None,
        node: Some(Reference { name: "one".to_owned(), uid: String::new() }),
        warn_after: None,
    }
}

fn claims(from: u64, lifetime_seconds: u64) -> Claims {
    Claims::new("id-1".to_owned(), bound(), vec!["api".to_owned()], from, lifetime_seconds)
}

#[test]
fn a_token_says_whom_it_stands_for() {
    let signer = TokenSigner::ephemeral().unwrap();
    let token = signer.sign(&claims(now(), 600)).unwrap();
    let read = signer.verify(&token, &["other".to_owned(), "api".to_owned()]).unwrap();
    assert_eq!(read, claims(read.issued, 600));
    let user = read.user();
    assert_eq!((user.name.as_str(), user.uid.as_str()), ("system:serviceaccount:shop:robot", "uid-robot"));
    let extra: Vec<(&str, &str)> =
        user.extra.iter().map(|(key, values)| (key.as_str(), values[0].as_str())).collect();
    assert_eq!(
        extra,
        [
            ("authentication.kubernetes.io/credential-id", "JTI=id-1"),
            ("authentication.kubernetes.io/node-name", "one"),
            ("authentication.kubernetes.io/pod-name", "web-0"),
            ("authentication.kubernetes.io/pod-uid", "uid-web-0"),
        ]
    );
}

#[test]
fn a_token_names_its_claims_as_upstream_does() {
    let signer = TokenSigner::ephemeral().unwrap();
    let token = signer.sign(&claims(100, 600)).unwrap();
    let part = |index: usize| -> Value {
        let bytes = URL_SAFE_NO_PAD.decode(token.split('.').nth(index).unwrap()).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    };
    assert_eq!(part(0), json!({ "alg": "ES256", "kid": signer.key_set()["keys"][0]["kid"] }));
    assert_eq!(
        part(1),
        json!({
            "aud": ["api"], "exp": 700, "iat": 100, "nbf": 100, "iss": ISSUER, "jti": "id-1",
            "sub": "system:serviceaccount:shop:robot",
            "kubernetes.io": {
                "namespace": "shop",
                "serviceaccount": {"name": "robot", "uid": "uid-robot"},
                "pod": {"name": "web-0", "uid": "uid-web-0"},
                "node": {"name": "one"},
            },
        })
    );
}

#[track_caller]
fn check_refused(signer: &TokenSigner, token: &str, expected: &str) {
    let error = signer.verify(token, &["api".to_owned()]).unwrap_err();
    assert!(error.to_string().contains(expected), "{error}");
}

#[test]
fn a_token_of_another_time_audience_key_or_issuer_is_refused() {
    let signer = TokenSigner::ephemeral().unwrap();
    let sign = |claims: &Claims| signer.sign(claims).unwrap();
    check_refused(&signer, &sign(&claims(now() - 700, 600)), "has expired");
    check_refused(&signer, &sign(&claims(now() + 700, 600)), "is not valid yet");
    let other = Claims { audiences: vec!["vault".to_owned()], ..claims(now(), 600) };
    check_refused(
        &signer,
        &sign(&other),
        r#"token audiences ["vault"] is invalid for the target audiences ["api"]"#,
    );
    let other = Claims { issuer: "https://elsewhere".to_owned(), ..claims(now(), 600) };
    check_refused(&signer, &sign(&other), "not one of this cluster's");
    let token = sign(&claims(now(), 600));
    check_refused(&TokenSigner::ephemeral().unwrap(), &token, "cannot be verified");
    for garbage in ["", "a", "a.b.c", "....", &token[..token.len() - 9], &token.replace('.', "..")] {
        check_refused(&signer, garbage, "cannot be verified");
    }
    let unsigned =
        format!("{}.{}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#), token.split('.').nth(1).unwrap());
    check_refused(&signer, &unsigned, "cannot be verified");
}

#[test]
fn the_key_is_kept_for_its_owner_alone() {
    let directory = tempfile::tempdir().unwrap();
    let first = TokenSigner::load_or_create(directory.path()).unwrap();
    let token = first.sign(&claims(now(), 600)).unwrap();
    let again = TokenSigner::load_or_create(directory.path()).unwrap();
    again.verify(&token, &["api".to_owned()]).unwrap();
    assert_eq!(first.key_set(), again.key_set());
    let mode = std::fs::metadata(directory.path().join("service-account.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_key_that_cannot_be_read_is_not_replaced() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("service-account.key"), "nonsense").unwrap();
    let error = TokenSigner::load_or_create(directory.path()).unwrap_err();
    assert!(error.to_string().contains("service-account.key"), "{error}");
}
