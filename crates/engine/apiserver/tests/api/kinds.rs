//! Kinds of upstream that are stored, though nothing here acts on them; and what is special about some.

use base64::Engine as _;
use serde_json::json;

use crate::*;

const REQUESTS: &str = "/apis/certificates.k8s.io/v1/certificatesigningrequests";

fn webhooks() -> Value {
    json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "pods"}, "webhooks": [{"name": "pods.example.com", "sideEffects": "None",
            "admissionReviewVersions": ["v1"], "clientConfig": {"url": "https://127.0.0.1:1/pods"}}]})
}

#[tokio::test]
async fn who_writes_what_nothing_acts_on_is_told_so() {
    let Server { admin, .. } = server().await;
    let path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
    let made = post(&admin, path, webhooks()).await;
    assert_eq!(made.ok()["webhooks"][0]["failurePolicy"], "Fail");
    assert_eq!(made.warnings(), [r#"299 - "admission webhooks are stored, but not called yet""#]);
    assert!(get(&admin, path).await.warnings().is_empty());
    post(&admin, PODS, pod("a")).await.ok();
}

/// Lets a user do something to one object of the cluster.
async fn grant(admin: &Client, user: &str, verb: &str, resource: &str, name: &str) {
    const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";
    let role = format!("{user}-{verb}");
    let of_role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": role},
        "rules": [{"apiGroups": ["certificates.k8s.io"], "resources": [resource], "resourceNames": [name],
            "verbs": [verb]}]});
    post(admin, &format!("{RBAC}/clusterroles"), of_role).await.ok();
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": {"name": role}, "subjects": [{"kind": "User", "name": user}],
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}});
    post(admin, &format!("{RBAC}/clusterrolebindings"), binding).await.ok();
}

#[tokio::test]
async fn a_request_for_a_certificate_says_who_asks_and_is_approved() {
    let Server { admin, api } = server().await;
    let pem = "-----BEGIN CERTIFICATE REQUEST-----\nMA==\n-----END CERTIFICATE REQUEST-----\n";
    let request = base64::engine::general_purpose::STANDARD.encode(pem);
    let object = json!({"apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest",
        "metadata": {"name": "ada"}, "spec": {"request": request, "signerName": "example.com/users",
            "usages": ["client auth"], "username": "somebody else"}});
    let mut made = post(&admin, REQUESTS, object).await.ok();
    assert_eq!(made["spec"]["username"], "admin");
    assert_eq!(made["spec"]["groups"], json!(["system:masters", "system:authenticated"]));
    let condition = |type_: &str| json!({"type": type_, "status": "True", "reason": "Known"});
    let approval = format!("{REQUESTS}/ada/approval");
    let bob = api.client(User::authenticated("bob", &[]));
    grant(&admin, "bob", "update", "certificatesigningrequests/approval", "ada").await;
    made["spec"]["username"] = json!("somebody else");
    made["status"] = json!({"conditions": [condition("Approved")], "certificate": "YQ=="});
    let refused = put(&bob, &approval, made.clone()).await;
    refused.fails(
        403,
        "Forbidden",
        "not permitted to approve requests with signerName \"example.com/users\"",
    );
    grant(&admin, "bob", "approve", "signers", "example.com/*").await;
    let approved = put(&bob, &approval, made.clone()).await.ok();
    assert_eq!(approved["spec"]["username"], "admin");
    assert_eq!(approved["status"]["conditions"][0]["type"], "Approved");
    assert!(approved["status"]["conditions"][0]["lastUpdateTime"].is_string());
    assert!(approved["status"].get("certificate").is_none(), "an approval signs nothing");
    made["metadata"].as_object_mut().unwrap().remove("resourceVersion");
    made["status"]["conditions"] = json!([condition("Denied")]);
    let refused = put(&admin, &approval, made.clone()).await;
    refused.fails(422, "Invalid", "updates may not remove a condition of type \"Approved\"");
    made["status"]["conditions"] = json!([condition("Approved"), condition("Denied")]);
    put(&admin, &approval, made).await.fails(422, "Invalid", "mutually exclusive");
}

#[tokio::test]
async fn a_replication_controller_is_scaled_as_any_other() {
    let Server { admin, .. } = server().await;
    let controllers = "/api/v1/namespaces/default/replicationcontrollers";
    let mut object = deployment("a", 1);
    object["apiVersion"] = json!("v1");
    object["kind"] = json!("ReplicationController");
    object["spec"]["selector"] = json!({"app": "a"});
    post(&admin, controllers, object).await.ok();
    let scale = patch(&admin, "merge", &format!("{controllers}/a/scale"), json!({"spec": {"replicas": 2}}))
        .await
        .ok();
    assert_eq!((&scale["spec"]["replicas"], &scale["status"]["selector"]), (&json!(2), &json!("app=a")));
    let found = get(&admin, &format!("{controllers}?fieldSelector=status.replicas%3D0")).await.ok();
    assert_eq!(found["items"][0]["spec"]["replicas"], 2);
}
