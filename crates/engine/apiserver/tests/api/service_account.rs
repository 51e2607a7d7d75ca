//! Pods run under service accounts, and find them.

use serde_json::json;

use crate::*;

const ACCOUNTS: &str = "/api/v1/namespaces/default/serviceaccounts";

fn account(name: &str, fields: Value) -> Value {
    let mut account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}});
    for (field, value) in fields.as_object().unwrap() {
        account[field] = value.clone();
    }
    account
}

fn pod_of(name: &str, account: &str) -> Value {
    let mut pod = pod(name);
    pod["spec"]["serviceAccountName"] = json!(account);
    pod
}

#[tokio::test]
async fn a_pod_runs_under_the_default_account_or_the_one_that_it_names() {
    let Server { admin, .. } = server().await;
    post(&admin, ACCOUNTS, account("robot", json!({}))).await.ok();
    assert_eq!(post(&admin, PODS, pod("a")).await.ok()["spec"]["serviceAccountName"], "default");
    let named = post(&admin, PODS, pod_of("b", "robot")).await.ok();
    assert_eq!(
        (&named["spec"]["serviceAccountName"], &named["spec"]["serviceAccount"]),
        (&json!("robot"), &json!("robot"))
    );
    let message = "pods \"c\" is forbidden: error looking up service account default/nobody: serviceaccount \"nobody\" \
                   not found";
    post(&admin, PODS, pod_of("c", "nobody")).await.fails(403, "Forbidden", message);
}

#[tokio::test]
async fn a_pod_pulls_its_images_as_its_account_says() {
    let Server { admin, .. } = server().await;
    let puller = account("puller", json!({"imagePullSecrets": [{"name": "registry"}]}));
    post(&admin, ACCOUNTS, puller).await.ok();
    let created = post(&admin, PODS, pod_of("a", "puller")).await.ok();
    assert_eq!(created["spec"]["imagePullSecrets"], json!([{"name": "registry"}]));
    let mut own = pod_of("b", "puller");
    own["spec"]["imagePullSecrets"] = json!([{"name": "mine"}]);
    assert_eq!(post(&admin, PODS, own).await.ok()["spec"]["imagePullSecrets"], json!([{"name": "mine"}]));
}

#[tokio::test]
async fn a_pod_finds_token_certificate_and_namespace_where_programs_look_for_them() {
    let Server { admin, .. } = server().await;
    let created = post(&admin, PODS, pod("a")).await.ok();
    let mount = &created["spec"]["containers"][0]["volumeMounts"][0];
    assert_eq!(mount["mountPath"], "/var/run/secrets/kubernetes.io/serviceaccount");
    let volume = &created["spec"]["volumes"][0];
    assert_eq!(volume["name"], mount["name"]);
    let sources = volume["projected"]["sources"].as_array().unwrap();
    assert_eq!(sources[0]["serviceAccountToken"], json!({"expirationSeconds": 3607, "path": "token"}));
    assert_eq!(sources[1]["configMap"]["name"], "kube-root-ca.crt");
    assert_eq!(sources[2]["downwardAPI"]["items"][0]["path"], "namespace");
    // The token that the node then asks for outlives programs that read it once.
    let request = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {
        "expirationSeconds": 3607,
        "boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": "a", "uid": created["metadata"]["uid"]}}});
    let asked = post(&admin, &format!("{ACCOUNTS}/default/token"), request).await.ok();
    assert_eq!(asked["spec"]["expirationSeconds"], 3607);

    post(&admin, ACCOUNTS, account("quiet", json!({"automountServiceAccountToken": false}))).await.ok();
    let quiet = post(&admin, PODS, pod_of("b", "quiet")).await.ok();
    assert!(quiet["spec"].get("volumes").is_none(), "{quiet}");
}
