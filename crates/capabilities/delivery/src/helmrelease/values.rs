//! With which values: those of ConfigMaps and Secrets, one over the other, and those of the spec over all of them.

use bythos_api::helmrelease::{HelmRelease, ValuesReference};
use bythos_helm::set::{Kind, UserValues};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{Api, Client, ResourceExt as _};

use super::report::Failure;
use crate::status::words;

const VALUES_KEY: &str = "values.yaml";

/// The values of a release.
pub(super) async fn composed(client: &Client, object: &HelmRelease) -> Result<UserValues, Failure> {
    let namespace = object.namespace().unwrap_or_default();
    let own = UserValues::from(object.spec.values.clone().unwrap_or_default());
    let mut found = Vec::new();
    for reference in &object.spec.values_from {
        let text = read(client, &namespace, reference).await;
        let text = text.map_err(|reason| failure(&namespace, reference, &reason))?;
        found.extend(text.map(|text| (reference, text)));
    }
    merged(&found, own).map_err(|(reference, reason)| failure(&namespace, reference, &reason))
}

/// In Flux' words.
fn failure(namespace: &str, reference: &ValuesReference, reason: &str) -> Failure {
    let ValuesReference { kind, name, .. } = reference;
    let optional = if reference.optional { " optional" } else { "" };
    let key = reference.values_key.as_deref().unwrap_or(VALUES_KEY);
    let what = format!("could not resolve{optional} {kind} chart values reference '{namespace}/{name}'");
    Failure::Values { message: format!("{what} with key '{key}': {reason}") }
}

/// The text behind a reference; nothing where it may be missing and is.
async fn read(
    client: &Client,
    namespace: &str,
    reference: &ValuesReference,
) -> Result<Option<String>, String> {
    let key = reference.values_key.as_deref().filter(|key| !key.is_empty()).unwrap_or(VALUES_KEY);
    let data = match reference.kind.as_str() {
        "Secret" => {
            let api = Api::<Secret>::namespaced(client.clone(), namespace);
            let found = api.get_opt(&reference.name).await.map_err(|error| words(&error))?;
            let text = |bytes: &k8s_openapi::ByteString| String::from_utf8_lossy(&bytes.0).into_owned();
            found.map(|it| it.data.unwrap_or_default().get(key).map(text))
        }
        "ConfigMap" => {
            let api = Api::<ConfigMap>::namespaced(client.clone(), namespace);
            let found = api.get_opt(&reference.name).await.map_err(|error| words(&error))?;
            found.map(|it| it.data.unwrap_or_default().remove(key))
        }
        _ => return Err("unsupported values reference kind".to_owned()),
    };
    match data {
        Some(Some(text)) => Ok(Some(text)),
        _ if reference.optional => Ok(None),
        Some(None) => Err("key not found".to_owned()),
        None => Err("resource not found".to_owned()),
    }
}

/// As in Flux: a reference without a path lies over what was there, and at the end the spec's own values lie over all of
/// it. One with a path sets its value inside of the spec's own values too, so that it stays; only where the path is a
/// single name, the spec's own value comes back at the end.
fn merged<'r>(
    found: &[(&'r ValuesReference, String)],
    mut own: UserValues,
) -> Result<UserValues, (&'r ValuesReference, String)> {
    let mut values = UserValues::default();
    for (reference, text) in found {
        match reference.target_path.as_deref().filter(|path| !path.is_empty()) {
            Some(path) => {
                values.merge(own.clone());
                let (line, kind) = set_line(path, text, reference.literal);
                let set = values.set(&line, kind).and_then(|()| own.set_inside(&line, kind));
                set.map_err(|error| (*reference, format!("failed to merge value: {error}")))?;
            }
            None => {
                let read = UserValues::read(VALUES_KEY, text);
                let read =
                    read.map_err(|error| (*reference, format!("failed to read values data: {error}")))?;
                values.merge(read);
            }
        }
    }
    values.merge(own);
    Ok(values)
}

/// A value in quotes is text; another one is what `--set` makes of it.
fn set_line(path: &str, value: &str, literal: bool) -> (String, Kind<'static>) {
    if literal {
        return (format!("{path}={}", escaped(value)), Kind::Text);
    }
    let is_in = |quote: char| value.starts_with(quote) && value.ends_with(quote);
    if is_in('\'') || is_in('"') {
        let bare = value.trim_matches(['\'', '"']);
        return (format!("{path}={bare}"), Kind::Text);
    }
    (format!("{path}={value}"), Kind::Typed)
}

/// What means something in the language of `--set` means itself.
fn escaped(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for letter in value.chars() {
        if matches!(letter, '\\' | ',' | '[' | ']' | '{' | '}') {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[track_caller]
    fn check(found: &[(Value, &str)], own: Value, expected: &Value) {
        let references: Vec<(ValuesReference, String)> = found
            .iter()
            .map(|(fields, text)| {
                let mut reference = json!({ "kind": "ConfigMap", "name": "a" });
                reference.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
                (serde_json::from_value(reference).unwrap(), (*text).to_owned())
            })
            .collect();
        let found: Vec<_> = references.iter().map(|(reference, text)| (reference, text.clone())).collect();
        let Value::Object(own) = own else { panic!("values are fields") };
        assert_eq!(Value::Object(merged(&found, own.into()).unwrap().to_json()), *expected);
    }

    #[test]
    fn later_references_lie_over_earlier_ones_and_the_spec_over_all() {
        check(&[], json!({ "a": 1 }), &json!({ "a": 1 }));
        check(
            &[(json!({}), "a: {p: 1, q: 1}\nb: 1\n"), (json!({}), "a: {q: 2, r: 2}\n")],
            json!({ "a": { "r": 3 } }),
            &json!({ "a": { "p": 1, "q": 2, "r": 3 }, "b": 1 }),
        );
    }

    #[test]
    fn a_path_takes_one_value_as_set_does() {
        let at = |path: &str| json!({ "targetPath": path });
        check(&[(at("a.b"), "3")], json!({}), &json!({ "a": { "b": 3 } }));
        check(&[(at("a.b"), "'3'")], json!({}), &json!({ "a": { "b": "3" } }));
        check(&[(at("a[1]"), "x")], json!({ "a": ["p", "q"] }), &json!({ "a": ["p", "x"] }));
        check(&[(at("c"), "one,d=two")], json!({}), &json!({ "c": "one", "d": "two" }));
        let literal = json!({ "targetPath": "c", "literal": true });
        check(&[(literal, "{one,d=[two]\\")], json!({}), &json!({ "c": "{one,d=[two]\\" }));
    }

    #[test]
    fn a_path_wins_over_the_spec_but_for_a_single_name() {
        let at = |path: &str| json!({ "targetPath": path });
        let own = || json!({ "auth": { "user": "me", "password": "placeholder" }, "size": 1 });
        let password = (at("auth.password"), "secret");
        check(
            std::slice::from_ref(&password),
            own(),
            &json!({ "auth": { "user": "me", "password": "secret" }, "size": 1 }),
        );
        let all = [(json!({}), "auth: {host: db}\n"), password, (at("auth.user"), "you"), (at("size"), "2")];
        let expected = json!({ "auth": { "host": "db", "user": "you", "password": "secret" }, "size": 1 });
        check(&all, own(), &expected);
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        let reference = ValuesReference::default();
        let (_, reason) = merged(&[(&reference, "- list".to_owned())], UserValues::default()).unwrap_err();
        assert!(reason.starts_with("failed to read values data: "), "{reason}");
    }
}
