//! ConfigMaps and Secrets.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bythos_schema::{FieldError, Refusal};
use serde_json::{Map, Value};

use super::check_immutable;
use crate::names;
use crate::spot::Spot;

const BYTES_MAX: usize = 1024 * 1024;

pub(crate) fn config_map(map: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(map), Vec::new());
    let (data, binary) = (root.field("data"), root.field("binaryData"));
    let bytes =
        check_entries(&data, str::len, &mut errors) + check_entries(&binary, decoded_bytes, &mut errors);
    for (key, _) in data.entries().filter(|(key, _)| binary.value().get(*key).is_some()) {
        errors.push(data.invalid_value(key, "duplicate of key present in binaryData"));
    }
    if bytes > BYTES_MAX {
        errors.push(data.too_long(BYTES_MAX));
    }
    errors
}

pub(crate) fn secret(secret: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(secret), Vec::new());
    let data = root.field("data");
    if check_entries(&data, decoded_bytes, &mut errors) > BYTES_MAX {
        errors.push(data.too_long(BYTES_MAX));
    }
    check_secret_type(&root, &mut errors);
    errors
}

/// Checks that a secret holds what its type promises.
fn check_secret_type(secret: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let data = secret.field("data");
    match secret.field("type").text() {
        "kubernetes.io/service-account-token" => check_account(&secret.field("metadata"), errors),
        "kubernetes.io/dockercfg" => check_json(&data, ".dockercfg", errors),
        "kubernetes.io/dockerconfigjson" => check_json(&data, ".dockerconfigjson", errors),
        "kubernetes.io/basic-auth" => check_basic_auth(&data, errors),
        "kubernetes.io/ssh-auth" => check_ssh_key(&data, errors),
        "kubernetes.io/tls" => {
            check_key(&data, "tls.crt", errors);
            check_key(&data, "tls.key", errors);
        }
        _ => {}
    }
}

/// The token belongs to the account that an annotation names.
fn check_account(metadata: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    const ACCOUNT: &str = "kubernetes.io/service-account.name";
    let annotations = metadata.field("annotations");
    if annotations.value()[ACCOUNT].as_str().is_none_or(str::is_empty) {
        errors.push(FieldError::required(annotations.path().key(ACCOUNT), ""));
    }
}

fn check_json(data: &Spot<'_, '_>, key: &str, errors: &mut Vec<FieldError>) {
    let Some(encoded) = data.value()[key].as_str() else {
        errors.push(FieldError::required(data.path().key(key), ""));
        return;
    };
    let decoded = STANDARD.decode(encoded).unwrap_or_default();
    if let Err(error) = serde_json::from_slice::<Map<String, Value>>(&decoded) {
        // What is secret is not printed.
        let value = Value::from("<secret contents redacted>");
        errors.push(FieldError::of(data.path().key(key), Refusal::Invalid, &value, error.to_string()));
    }
}

/// Either is enough.
fn check_basic_auth(data: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let keys = ["username", "password"];
    if !keys.iter().any(|key| has_key(data, key)) {
        keys.iter().for_each(|key| check_key(data, key, errors));
    }
}

fn check_ssh_key(data: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    const KEY: &str = "ssh-privatekey";
    if data.value()[KEY].as_str().is_none_or(str::is_empty) {
        errors.push(FieldError::required(data.path().key(KEY), ""));
    }
}

fn check_key(data: &Spot<'_, '_>, key: &str, errors: &mut Vec<FieldError>) {
    if !has_key(data, key) {
        errors.push(FieldError::required(data.path().key(key), ""));
    }
}

fn has_key(data: &Spot<'_, '_>, key: &str) -> bool {
    data.value().get(key).is_some()
}

/// Checks the keys and returns the bytes of all values.
fn check_entries(data: &Spot<'_, '_>, bytes_of: fn(&str) -> usize, errors: &mut Vec<FieldError>) -> usize {
    let mut bytes = 0;
    for (key, value) in data.entries() {
        errors.extend(names::config_key(key).into_iter().map(|words| value.invalid_value(key, words)));
        bytes += bytes_of(value.text());
    }
    bytes
}

fn decoded_bytes(base64: &str) -> usize {
    base64.trim_end_matches('=').len() * 3 / 4
}

pub(crate) fn config_map_update(old: &Value, new: &Value) -> Vec<FieldError> {
    immutable_update(old, new, &["data", "binaryData"])
}

pub(crate) fn secret_update(old: &Value, new: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    check_immutable(&Spot::root(new).field("type"), &old["type"], &mut errors);
    errors.extend(immutable_update(old, new, &["data"]));
    errors
}

/// Once `immutable` is set, it stays so, and the data stays.
fn immutable_update(old: &Value, new: &Value, fields: &[&str]) -> Vec<FieldError> {
    if !old["immutable"].as_bool().unwrap_or_default() {
        return Vec::new();
    }
    let (root, words) = (Spot::root(new), "field is immutable when `immutable` is set");
    let mut errors = Vec::new();
    if !root.field("immutable").is_true() {
        errors.push(root.field("immutable").forbidden(words));
    }
    for field in fields.iter().filter(|field| old[**field] != new[**field]) {
        errors.push(root.field(field).forbidden(words));
    }
    errors
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(errors: Vec<FieldError>, expected: &[&str]) {
        let found: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), expected.len(), "{found:#?}");
        for (found, start) in found.iter().zip(expected) {
            assert!(found.starts_with(start), "{found}");
        }
    }

    #[test]
    fn keys_are_file_names_and_the_whole_is_bounded() {
        check(config_map(&json!({"data": {"a.txt": "x", ".b": "y"}})), &[]);
        check(
            config_map(&json!({"data": {"a/b": "x", "c": ""}, "binaryData": {"c": ""}})),
            &[
                r#"data[a/b]: Invalid value: "a/b": a valid config key must consist"#,
                r#"data: Invalid value: "c": duplicate of key present in binaryData"#,
            ],
        );
        let big = "x".repeat(BYTES_MAX + 1);
        check(
            config_map(&json!({"data": {"a": big}})),
            &["data: Too long: may not be more than 1048576 bytes"],
        );
        check(secret(&json!({"data": {"a": big}})), &[]);
    }

    #[test]
    fn secrets_hold_what_their_type_promises() {
        check(
            secret(&json!({"type": "kubernetes.io/tls", "data": {"tls.crt": ""}})),
            &["data[tls.key]: Required value"],
        );
        let typed =
            |type_: &str, data: Value| json!({"type": format!("kubernetes.io/{type_}"), "data": data});
        let (empty, not_json) = ("e30=", "eHg=");
        check(secret(&typed("dockercfg", json!({".dockercfg": empty}))), &[]);
        check(secret(&typed("dockercfg", json!({}))), &["data[.dockercfg]: Required value"]);
        check(
            secret(&typed("dockerconfigjson", json!({".dockerconfigjson": not_json}))),
            &[r#"data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": expected value"#],
        );
        check(secret(&typed("basic-auth", json!({"password": ""}))), &[]);
        check(
            secret(&typed("basic-auth", json!({"user": ""}))),
            &["data[username]: Required value", "data[password]: Required value"],
        );
        check(
            secret(&typed("ssh-auth", json!({"ssh-privatekey": ""}))),
            &["data[ssh-privatekey]: Required value"],
        );
        check(
            secret(&typed("service-account-token", json!({}))),
            &["metadata.annotations[kubernetes.io/service-account.name]: Required value"],
        );
        check(
            secret_update(&json!({"type": "Opaque"}), &json!({"type": "x"})),
            &[r#"type: Invalid value: "x": field is immutable"#],
        );
    }

    #[test]
    fn what_is_immutable_stays() {
        let old = json!({"immutable": true, "data": {"a": "1"}});
        check(config_map_update(&old, &old), &[]);
        check(
            config_map_update(&old, &json!({"data": {"a": "2"}})),
            &[
                "immutable: Forbidden: field is immutable when `immutable` is set",
                "data: Forbidden: field is immutable when `immutable` is set",
            ],
        );
        check(config_map_update(&json!({"data": {}}), &json!({"data": {"a": "2"}, "immutable": true})), &[]);
    }
}
