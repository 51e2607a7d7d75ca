//! Asking as somebody else.

use serde_json::json;

use crate::*;

const WHO: &str = "/apis/authentication.k8s.io/v1/selfsubjectreviews";

async fn who(client: &Client, headers: &[(&str, &str)]) -> Answer {
    let mut all = vec![("content-type", "application/json")];
    all.extend(headers);
    let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
    send(client, "POST", WHO, &all, &review.to_string()).await
}

#[track_caller]
fn check(answer: &Answer, expected: Value) {
    assert_eq!(answer.ok()["status"]["userInfo"], expected);
}

#[tokio::test]
async fn a_request_is_answered_as_the_user_that_it_names() {
    let Server { admin, .. } = server().await;
    check(
        &who(&admin, &[("impersonate-user", "eve")]).await,
        json!({"username": "eve", "groups": ["system:authenticated"]}),
    );
    let headers = [
        ("impersonate-user", "eve"),
        ("impersonate-uid", "u-1"),
        ("impersonate-group", "a"),
        ("impersonate-group", "b"),
        ("impersonate-extra-acme.com%2Fproject", "x"),
        ("impersonate-extra-acme.com%2Fproject", "y"),
    ];
    check(
        &who(&admin, &headers).await,
        json!({"username": "eve", "uid": "u-1", "groups": ["a", "b", "system:authenticated"],
            "extra": {"acme.com/project": ["x", "y"]}}),
    );
    check(
        &who(&admin, &[("impersonate-user", "system:serviceaccount:default:robot")]).await,
        json!({"username": "system:serviceaccount:default:robot", "groups":
            ["system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated"]}),
    );
    let anonymous = who(&admin, &[("impersonate-user", "system:anonymous")]).await;
    anonymous.fails(403, "Forbidden", "User \"system:anonymous\" cannot create");
    let refused = send(&admin, "GET", CONFIG_MAPS, &[("impersonate-user", "eve")], "").await;
    refused.fails(403, "Forbidden", "User \"eve\" cannot list");
}

#[tokio::test]
async fn a_header_without_a_user_is_refused() {
    let Server { admin, .. } = server().await;
    for header in ["impersonate-group", "impersonate-uid", "impersonate-extra-a"] {
        who(&admin, &[(header, "x")]).await.fails(400, "BadRequest", "without Impersonate-User");
    }
}

#[tokio::test]
async fn each_thing_named_must_be_allowed() {
    let Server { admin, api } = server().await;
    let bob = api.client(User::authenticated("bob", &[]));
    let refused = who(&bob, &[("impersonate-user", "eve")]).await;
    let message = "users \"eve\" is forbidden: User \"bob\" cannot impersonate resource \"users\" in API group \"\" \
                   at the cluster scope";
    refused.fails(403, "Forbidden", message);

    let rbac = "/apis/rbac.authorization.k8s.io/v1";
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "as"},
    "rules": [
        {"apiGroups": [""], "resources": ["users"], "resourceNames": ["eve"], "verbs": ["impersonate"]},
        {"apiGroups": [""], "resources": ["groups"], "resourceNames": ["a"], "verbs": ["impersonate"]},
        {"apiGroups": ["authentication.k8s.io"], "resources": ["userextras/scopes"], "verbs": ["impersonate"]},
    ]});
    post(&admin, &format!("{rbac}/clusterroles"), role).await.ok();
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": {"name": "as"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "as"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "bob"}]});
    post(&admin, &format!("{rbac}/clusterrolebindings"), binding).await.ok();
    let eve = ("impersonate-user", "eve");
    who(&bob, &[eve, ("impersonate-group", "a"), ("impersonate-extra-scopes", "x")]).await.ok();
    let cases = [
        (vec![("impersonate-user", "ada")], "users \"ada\""),
        (vec![eve, ("impersonate-group", "system:masters")], "groups \"system:masters\""),
        (vec![eve, ("impersonate-group", "a"), ("impersonate-group", "b")], "groups \"b\""),
        (vec![eve, ("impersonate-uid", "u")], "uids.authentication.k8s.io \"u\""),
        (vec![eve, ("impersonate-extra-other", "x")], "cannot impersonate resource \"userextras/other\""),
        (vec![("impersonate-user", "system:serviceaccount:default:x")], "in the namespace \"default\""),
    ];
    for (headers, message) in cases {
        who(&bob, &headers).await.fails(403, "Forbidden", message);
    }
}
