//! Tokens of service accounts: asked for, reviewed, and ended with what they are bound to.

use serde_json::json;

use crate::*;

const ACCOUNTS: &str = "/api/v1/namespaces/default/serviceaccounts";
const REVIEWS: &str = "/apis/authentication.k8s.io/v1/tokenreviews";

fn account(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}})
}

fn request(spec: Value) -> Value {
    json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec})
}

async fn ask(admin: &Client, spec: Value) -> Answer {
    post(admin, &format!("{ACCOUNTS}/robot/token"), request(spec)).await
}

async fn token(admin: &Client, spec: Value) -> String {
    ask(admin, spec).await.ok()["status"]["token"].as_str().unwrap().to_owned()
}

async fn review(admin: &Client, token: &str, audiences: &[&str]) -> Value {
    let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview",
        "spec": {"token": token, "audiences": audiences}});
    post(admin, REVIEWS, review).await.ok()["status"].clone()
}

/// A server with the account `robot` and its pod `runs` on node `one`.
async fn with_robot() -> Server {
    let server = server().await;
    post(&server.admin, ACCOUNTS, account("robot")).await.ok();
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "one"}});
    post(&server.admin, "/api/v1/nodes", node).await.ok();
    let mut runs = pod("runs");
    runs["spec"]["serviceAccountName"] = json!("robot");
    runs["spec"]["nodeName"] = json!("one");
    post(&server.admin, PODS, runs).await.ok();
    server
}

#[tokio::test]
async fn a_token_is_good_for_the_api_for_an_hour() {
    let Server { admin, .. } = with_robot().await;
    let answer = ask(&admin, json!({})).await;
    assert_eq!(answer.code, 201);
    let answer = answer.ok();
    assert_eq!(answer["spec"]["expirationSeconds"], 3600);
    assert_eq!(answer["spec"]["audiences"], json!(["https://kubernetes.default.svc.cluster.local"]));
    let ends: jiff::Timestamp = answer["status"]["expirationTimestamp"].as_str().unwrap().parse().unwrap();
    let left = ends.duration_since(jiff::Timestamp::now()).as_secs();
    assert!((3590..=3600).contains(&left), "{left}");

    let uid = get(&admin, &format!("{ACCOUNTS}/robot")).await.ok()["metadata"]["uid"].clone();
    let status = review(&admin, answer["status"]["token"].as_str().unwrap(), &[]).await;
    assert_eq!(status["authenticated"], true, "{status}");
    assert_eq!(status["user"]["username"], "system:serviceaccount:default:robot");
    assert_eq!(status["user"]["uid"], uid);
    assert_eq!(
        status["user"]["groups"],
        json!(["system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated"])
    );
}

#[tokio::test]
async fn a_token_is_good_for_the_audiences_that_were_asked_for() {
    let Server { admin, .. } = with_robot().await;
    let token = token(&admin, json!({"audiences": ["vault", "registry"]})).await;
    let status = review(&admin, &token, &["other", "vault"]).await;
    assert_eq!((&status["authenticated"], &status["audiences"]), (&json!(true), &json!(["vault"])));
    let status = review(&admin, &token, &[]).await;
    assert!(status["authenticated"].is_null());
    assert!(status["error"].as_str().unwrap().contains("audiences"), "{status}");
}

#[tokio::test]
async fn what_cannot_be_asked_for_is_refused_with_its_reason() {
    let Server { admin, .. } = with_robot().await;
    post(&admin, PODS, pod("other")).await.ok();
    let bound = |api_version: &str, kind: &str, name: &str, uid: &str| json!({"boundObjectRef": {"apiVersion": api_version, "kind": kind, "name": name, "uid": uid}});
    let cases = [
        (
            json!({"expirationSeconds": 599}),
            422,
            "Invalid",
            "may not specify a duration less than 10 minutes",
        ),
        (
            json!({"expirationSeconds": 4_294_967_297_i64}),
            422,
            "Invalid",
            "may not specify a duration larger than 2^32 seconds",
        ),
        (
            bound("v1", "ConfigMap", "a", ""),
            400,
            "BadRequest",
            "cannot bind token to object of type v1, Kind=ConfigMap",
        ),
        (bound("v1", "Pod", "nothing", ""), 404, "NotFound", "pods \"nothing\" not found"),
        (bound("v1", "Secret", "nothing", ""), 404, "NotFound", "secrets \"nothing\" not found"),
        (
            bound("v1", "Pod", "runs", "another"),
            409,
            "Conflict",
            "the UID in the bound object reference (another)",
        ),
        (
            bound("v1", "Pod", "other", ""),
            400,
            "BadRequest",
            "to pod running with different serviceaccount name",
        ),
    ];
    for (spec, code, reason, message) in cases {
        ask(&admin, spec).await.fails(code, reason, message);
    }
    let nobody = post(&admin, &format!("{ACCOUNTS}/nobody/token"), request(json!({}))).await;
    nobody.fails(404, "NotFound", "serviceaccounts \"nobody\" not found");
}

#[tokio::test]
async fn a_bound_token_names_its_pod_and_ends_with_it() {
    let Server { admin, .. } = with_robot().await;
    let runs = get(&admin, &format!("{PODS}/runs")).await.ok();
    let spec = json!({"expirationSeconds": 3607, "boundObjectRef": {"apiVersion": "v1", "kind": "Pod",
        "name": "runs", "uid": runs["metadata"]["uid"]}});
    let token = token(&admin, spec).await;
    let status = review(&admin, &token, &[]).await;
    let extra = &status["user"]["extra"];
    assert_eq!(extra["authentication.kubernetes.io/pod-name"], json!(["runs"]), "{status}");
    assert_eq!(extra["authentication.kubernetes.io/pod-uid"], json!([runs["metadata"]["uid"]]));
    assert_eq!(extra["authentication.kubernetes.io/node-name"], json!(["one"]));
    assert!(extra["authentication.kubernetes.io/node-uid"].is_array());
    assert!(extra["authentication.kubernetes.io/credential-id"][0].as_str().unwrap().starts_with("JTI="));

    delete(&admin, &format!("{PODS}/runs?gracePeriodSeconds=0")).await.ok();
    let status = review(&admin, &token, &[]).await;
    assert!(status["authenticated"].is_null());
    assert!(status["error"].as_str().unwrap().contains("has been invalidated"), "{status}");
}

#[tokio::test]
async fn a_token_ends_with_its_account_even_if_another_takes_its_name() {
    let Server { admin, .. } = with_robot().await;
    let token = token(&admin, json!({})).await;
    delete(&admin, &format!("{ACCOUNTS}/robot")).await.ok();
    assert!(review(&admin, &token, &[]).await["authenticated"].is_null());
    post(&admin, ACCOUNTS, account("robot")).await.ok();
    assert!(review(&admin, &token, &[]).await["authenticated"].is_null());
}

#[tokio::test]
async fn tokens_are_given_to_who_may_create_them() {
    let Server { admin, api } = with_robot().await;
    let bob = api.client(User::authenticated("bob", &[]));
    let refused = ask(&bob, json!({})).await;
    refused.fails(403, "Forbidden", "cannot create resource \"serviceaccounts/token\"");
    ask(&admin, json!({})).await.ok();
}

#[tokio::test]
async fn others_find_the_key_by_which_they_verify_tokens() {
    let Server { admin, api } = with_robot().await;
    let robot = api.client(User::service_account("default", "robot", ""));
    let discovery = get(&robot, "/.well-known/openid-configuration").await.ok();
    assert_eq!(discovery["issuer"], "https://kubernetes.default.svc.cluster.local");
    assert_eq!(discovery["jwks_uri"], "https://kubernetes.default.svc.cluster.local/openid/v1/jwks");
    let keys = get(&robot, "/openid/v1/jwks").await;
    assert_eq!(keys.headers["content-type"], "application/jwk-set+json");
    let key = &keys.ok()["keys"][0];
    assert_eq!((&key["kty"], &key["crv"], &key["alg"]), (&json!("EC"), &json!("P-256"), &json!("ES256")));
    let anonymous = api.client(User::anonymous());
    get(&anonymous, "/openid/v1/jwks").await.fails(403, "Forbidden", "system:anonymous");
    get(&admin, "/openid/v1/other").await.fails(404, "NotFound", "");
}

#[tokio::test]
async fn who_asks_is_told_who_they_are() {
    let Server { api, .. } = server().await;
    let bob = api.client(User::authenticated("bob", &["team"]));
    let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
    let answer = post(&bob, "/apis/authentication.k8s.io/v1/selfsubjectreviews", review).await.ok();
    let expected = json!({"username": "bob", "groups": ["team", "system:authenticated"]});
    assert_eq!(answer["status"]["userInfo"], expected);
}

#[tokio::test]
async fn reviews_that_contradict_themselves_are_refused() {
    let Server { admin, .. } = server().await;
    let attributes = json!({"verb": "get", "resource": "pods", "namespace": "default"});
    let cases = [
        ("selfsubjectaccessreviews", "SelfSubjectAccessReview", json!({}), "exactly one of"),
        (
            "subjectaccessreviews",
            "SubjectAccessReview",
            json!({"resourceAttributes": attributes}),
            "at least one of user or group must be specified",
        ),
        (
            "selfsubjectaccessreviews",
            "SelfSubjectAccessReview",
            json!({"resourceAttributes": attributes, "nonResourceAttributes": {"path": "/", "verb": "get"}}),
            "cannot be specified in combination with resourceAttributes",
        ),
        (
            "namespaces/kube-system/localsubjectaccessreviews",
            "LocalSubjectAccessReview",
            json!({"user": "bob", "resourceAttributes": attributes}),
            "must match metadata.namespace",
        ),
    ];
    for (path, kind, spec, message) in cases {
        let review = json!({"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec});
        let answer = post(&admin, &format!("/apis/authorization.k8s.io/v1/{path}"), review).await;
        answer.fails(422, "Invalid", message);
    }
}
