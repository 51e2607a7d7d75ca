//! Every pod runs under a service account: its images are pulled as the account says, and its containers find a token of
//! the account, the certificate of the API and the namespace where programs look for them.

use serde_json::{Value, json};

use crate::object;
use crate::stamp;
use crate::status::Failure;
use crate::write::Writing;

const DEFAULT: &str = "default";
/// Where programs look for their account.
const MOUNT_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
const VOLUME_PREFIX: &str = "kube-api-access-";
/// An hour, and a little: by this the API knows the token that it injected itself, see `subresource::token`.
const LIFETIME_SECONDS: i64 = 60 * 60 + 7;
/// Files are readable for everybody and written by their owner: 0644.
const FILE_MODE: i64 = 0o644;

pub(crate) fn admit(writing: &Writing<'_>, pod: &mut Value) -> Result<(), Failure> {
    if is_mirror(pod) {
        return match object::text_at(pod, "/spec/serviceAccountName") {
            Some(_) => Err(writing.forbidden(pod, "a mirror pod may not reference service accounts")),
            None => Ok(()),
        };
    }
    let spec = object::field_mut(pod, "spec");
    let is_named =
        spec.get("serviceAccountName").and_then(Value::as_str).is_some_and(|name| !name.is_empty());
    if !is_named {
        spec.insert("serviceAccountName".to_owned(), json!(DEFAULT));
        spec.insert("serviceAccount".to_owned(), json!(DEFAULT));
    }
    let name = object::text_at(pod, "/spec/serviceAccountName").unwrap_or(DEFAULT);
    let Some(account) = writing.state.object("serviceaccounts", writing.namespace, name) else {
        let message = format!(
            "error looking up service account {}/{name}: serviceaccount {name:?} not found",
            writing.namespace
        );
        return Err(writing.forbidden(pod, &message));
    };
    if wants_token(&account, pod) {
        mount_token(pod);
    }
    add_pull_secrets(&account, pod);
    Ok(())
}

/// Whether it only shows a pod that the node runs by itself, from a file.
fn is_mirror(pod: &Value) -> bool {
    pod.pointer("/metadata/annotations/kubernetes.io~1config.mirror").is_some()
}

/// The pod has the last word.
fn wants_token(account: &Value, pod: &Value) -> bool {
    let of_pod = pod.pointer("/spec/automountServiceAccountToken").and_then(Value::as_bool);
    let of_account = account.get("automountServiceAccountToken").and_then(Value::as_bool);
    of_pod.or(of_account).unwrap_or(true)
}

/// Mounts the token into each container that has nothing else at its place.
fn mount_token(pod: &mut Value) {
    let spec = object::field_mut(pod, "spec");
    let known = spec.get("volumes").and_then(Value::as_array).into_iter().flatten();
    let mut known = known.filter_map(|volume| volume.get("name")?.as_str());
    let known = known.find(|name| name.starts_with(VOLUME_PREFIX)).map(str::to_owned);
    let name = known.clone().unwrap_or_else(|| format!("{VOLUME_PREFIX}{}", stamp::random_suffix()));
    let mut is_mounted = false;
    for list in ["initContainers", "containers"] {
        for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            let mounts = object::fields_mut(container).entry("volumeMounts").or_insert_with(|| json!([]));
            let Some(mounts) = mounts.as_array_mut() else { continue };
            if mounts.iter().any(|mount| object::text_at(mount, "/mountPath") == Some(MOUNT_PATH)) {
                continue;
            }
            mounts.push(json!({ "name": name, "readOnly": true, "mountPath": MOUNT_PATH }));
            is_mounted = true;
        }
    }
    if is_mounted && known.is_none() {
        let volumes = spec.entry("volumes").or_insert_with(|| json!([]));
        if let Some(volumes) = volumes.as_array_mut() {
            volumes.push(token_volume(&name));
        }
    }
}

fn token_volume(name: &str) -> Value {
    let namespace =
        json!({ "path": "namespace", "fieldRef": { "apiVersion": "v1", "fieldPath": "metadata.namespace" } });
    json!({
        "name": name,
        "projected": {
            "defaultMode": FILE_MODE,
            "sources": [
                { "serviceAccountToken": { "expirationSeconds": LIFETIME_SECONDS, "path": "token" } },
                { "configMap": { "name": "kube-root-ca.crt", "items": [{ "key": "ca.crt", "path": "ca.crt" }] } },
                { "downwardAPI": { "items": [namespace] } },
            ],
        },
    })
}

/// A pod that names no pull secrets has those of its account.
fn add_pull_secrets(account: &Value, pod: &mut Value) {
    let list =
        |value: Option<&Value>| value.and_then(Value::as_array).filter(|list| !list.is_empty()).cloned();
    let own = list(pod.pointer("/spec/imagePullSecrets"));
    if let (None, Some(secrets)) = (own, list(account.get("imagePullSecrets"))) {
        object::field_mut(pod, "spec").insert("imagePullSecrets".to_owned(), Value::Array(secrets));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_wants(of_account: Value, of_pod: Value, expected: bool) {
        let account = json!({"automountServiceAccountToken": of_account});
        let pod = json!({"spec": {"automountServiceAccountToken": of_pod}});
        assert_eq!(wants_token(&account, &pod), expected, "{account} {pod}");
    }

    #[test]
    fn a_token_is_mounted_unless_the_pod_or_else_the_account_says_no() {
        check_wants(Value::Null, Value::Null, true);
        check_wants(json!(false), Value::Null, false);
        check_wants(json!(false), json!(true), true);
        check_wants(json!(true), json!(false), false);
    }

    #[test]
    fn each_container_finds_the_token_unless_it_has_something_else_there() {
        let mut pod = json!({"spec": {
            "initContainers": [{"name": "a"}],
            "containers": [{"name": "b", "volumeMounts": [{"name": "own", "mountPath": MOUNT_PATH}]}, {"name": "c"}],
            "volumes": [{"name": "own", "emptyDir": {}}],
        }});
        mount_token(&mut pod);
        let volume = pod["spec"]["volumes"][1]["name"].as_str().unwrap().to_owned();
        assert!(volume.starts_with(VOLUME_PREFIX) && volume.len() == VOLUME_PREFIX.len() + 5, "{volume}");
        let mount = json!([{"name": volume, "readOnly": true, "mountPath": MOUNT_PATH}]);
        assert_eq!(pod["spec"]["initContainers"][0]["volumeMounts"], mount);
        assert_eq!(pod["spec"]["containers"][1]["volumeMounts"], mount);
        assert_eq!(pod["spec"]["containers"][0]["volumeMounts"].as_array().unwrap().len(), 1);
        // One that was injected already is used again.
        let before = pod.clone();
        mount_token(&mut pod);
        assert_eq!(pod, before);
    }
}
