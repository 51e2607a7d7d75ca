//! Who may do what, in upstream's words; and nobody grants what they do not have.

use serde_json::json;

use crate::*;

const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";

fn role(name: &str, verbs: &[&str], resources: &[&str]) -> Value {
    json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": name},
        "rules": [{"apiGroups": [""], "resources": resources, "verbs": verbs}]})
}

fn binding(name: &str, role_kind: &str, role: &str, user: &str) -> Value {
    json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role_kind, "name": role},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}]})
}

async fn grant(admin: &Client, user: &str, verbs: &[&str], resources: &[&str]) {
    let name = format!("{user}-{}", resources.join("-").replace('/', "."));
    post(admin, &format!("{RBAC}/namespaces/default/roles"), role(&name, verbs, resources)).await.ok();
    let bindings = format!("{RBAC}/namespaces/default/rolebindings");
    post(admin, &bindings, binding(&name, "Role", &name, user)).await.ok();
}

#[tokio::test]
async fn a_user_may_what_a_role_grants_from_the_next_request_on() {
    let Server { admin, api } = server().await;
    let bob = api.client(User::authenticated("bob", &[]));
    get(&bob, CONFIG_MAPS).await.fails(
        403,
        "Forbidden",
        "configmaps is forbidden: User \"bob\" cannot list resource \"configmaps\" in API group \"\" in the namespace \
         \"default\"",
    );
    grant(&admin, "bob", &["list"], &["configmaps"]).await;
    get(&bob, CONFIG_MAPS).await.ok();
    get(&bob, "/api/v1/configmaps").await.fails(403, "Forbidden", "at the cluster scope");
    let refused = get(&bob, &format!("{CONFIG_MAPS}/a")).await;
    refused.fails(403, "Forbidden", "configmaps \"a\" is forbidden: User \"bob\" cannot get resource");
    delete(&admin, &format!("{RBAC}/namespaces/default/roles/bob-configmaps")).await.ok();
    get(&bob, CONFIG_MAPS).await.fails(403, "Forbidden", "");
}

#[tokio::test]
async fn a_grant_counts_though_its_client_has_gone_away() {
    let Server { admin, api } = server().await;
    let mut stored = 0;
    for polls in 0..40 {
        let name = format!("user-{polls}");
        let user = api.client(User::authenticated(&name, &[]));
        post(&admin, &format!("{RBAC}/namespaces/default/roles"), role(&name, &["list"], &["configmaps"]))
            .await
            .ok();
        get(&user, CONFIG_MAPS).await.fails(403, "Forbidden", "cannot list");
        let bindings = format!("{RBAC}/namespaces/default/rolebindings");
        {
            let mut grant = Box::pin(post(&admin, &bindings, binding(&name, "Role", &name, &name)));
            for _ in 0..polls {
                // What is complete must not be asked again.
                if futures::poll!(&mut grant).is_ready() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        // What was queued before is carried out before.
        post(&admin, CONFIG_MAPS, config_map(&name, json!({}))).await.ok();
        if get(&admin, &format!("{bindings}/{name}")).await.code.is_success() {
            stored += 1;
            get(&user, CONFIG_MAPS).await.ok();
        }
    }
    assert!(stored > 0, "some grants were under way when their clients left");
}

#[tokio::test]
async fn who_may_only_get_exec_may_not_come_into_a_container() {
    let Server { admin, api } = server().await;
    let mut bound = pod("a");
    bound["spec"]["nodeName"] = json!("node");
    post(&admin, PODS, bound).await.ok();
    let bob = api.client(User::authenticated("bob", &[]));
    let path = format!("{PODS}/a/exec?command=ls");
    grant(&admin, "bob", &["get"], &["pods/exec"]).await;
    get(&bob, &path).await.fails(403, "Forbidden", "cannot create resource \"pods/exec\"");
    grant(&admin, "bob", &["create"], &["pods/exec", "pods/attach"]).await;
    get(&bob, &path).await.fails(400, "BadRequest", "Upgrade request required");
    post(&bob, &format!("{PODS}/a/attach"), json!({})).await.fails(
        400,
        "BadRequest",
        "Upgrade request required",
    );
}

#[tokio::test]
async fn somebody_unknown_sees_version_and_health_and_nothing_else() {
    let Server { api, .. } = server().await;
    let anonymous = api.client(User::anonymous());
    for path in ["/version", "/healthz", "/livez", "/readyz"] {
        assert_eq!(get(&anonymous, path).await.code, 200, "{path}");
    }
    for path in ["/api", "/apis", "/openapi/v2", "/api/v1/namespaces"] {
        get(&anonymous, path).await.fails(403, "Forbidden", "system:anonymous");
    }
    let bob = api.client(User::authenticated("bob", &[]));
    get(&bob, "/apis").await.ok();
}

#[tokio::test]
async fn nobody_grants_what_they_do_not_have() {
    let Server { admin, api } = server().await;
    let bob = api.client(User::authenticated("bob", &[]));
    let everything = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
        "metadata": {"name": "roles"}, "rules": [{"apiGroups": ["rbac.authorization.k8s.io"],
        "resources": ["roles", "rolebindings"], "verbs": ["create", "get", "update", "patch"]}]});
    post(&admin, &format!("{RBAC}/namespaces/default/roles"), everything).await.ok();
    let bindings = format!("{RBAC}/namespaces/default/rolebindings");
    post(&admin, &bindings, binding("roles", "Role", "roles", "bob")).await.ok();
    grant(&admin, "bob", &["get"], &["configmaps"]).await;

    let roles = format!("{RBAC}/namespaces/default/roles");
    post(&bob, &roles, role("mine", &["get"], &["configmaps"])).await.ok();
    let refused = post(&bob, &roles, role("more", &["get", "delete"], &["configmaps"])).await;
    refused.fails(403, "Forbidden", "is attempting to grant RBAC permissions not currently held");
    let wider = json!({"rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]});
    patch(&bob, "merge", &format!("{roles}/mine"), wider).await.fails(403, "Forbidden", "not currently held");

    post(&bob, &bindings, binding("mine", "Role", "mine", "eve")).await.ok();
    let refused = post(&bob, &bindings, binding("admin", "ClusterRole", "cluster-admin", "bob")).await;
    refused.fails(403, "Forbidden", "not currently held");
}

#[tokio::test]
async fn access_reviews_are_answered() {
    let Server { admin, api } = server().await;
    let bob = api.client(User::authenticated("bob", &["team"]));
    grant(&admin, "bob", &["list"], &["configmaps"]).await;
    let reviews = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    let question = |resource: &str| {
        json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": {
            "resourceAttributes": {"verb": "list", "resource": resource, "namespace": "default"}}})
    };
    let answer = post(&bob, reviews, question("configmaps")).await;
    assert_eq!((answer.code.as_u16(), &answer.json()["status"]["allowed"]), (201, &json!(true)));
    assert_eq!(post(&bob, reviews, question("secrets")).await.ok()["status"]["allowed"], false);
    assert_eq!(post(&admin, reviews, question("secrets")).await.ok()["status"]["allowed"], true);

    let mut other = question("configmaps");
    other["kind"] = json!("SubjectAccessReview");
    other["spec"]["user"] = json!("bob");
    let path = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
    assert_eq!(post(&admin, path, other.clone()).await.ok()["status"]["allowed"], true);
    post(&bob, path, other).await.fails(403, "Forbidden", "");

    let rules = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": "default"}});
    let rules = post(&bob, "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", rules).await.ok();
    let granted = rules["status"]["resourceRules"].as_array().unwrap();
    assert!(granted.iter().any(|rule| rule["resources"] == json!(["configmaps"])), "{rules}");
}

#[tokio::test]
async fn nobody_binds_a_sum_of_roles_whose_parts_they_do_not_have() {
    let Server { admin, api } = server().await;
    let bob = api.client(User::authenticated("bob", &[]));
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "binds"},
        "rules": [{"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["rolebindings"], "verbs": ["create"]}]});
    post(&admin, &format!("{RBAC}/namespaces/default/roles"), role).await.ok();
    let bindings = format!("{RBAC}/namespaces/default/rolebindings");
    post(&admin, &bindings, binding("binds", "Role", "binds", "bob")).await.ok();
    let refused = post(&bob, &bindings, binding("more", "ClusterRole", "view", "bob")).await;
    refused.fails(403, "Forbidden", "not currently held");
    let unknown = post(&bob, &bindings, binding("more", "ClusterRole", "nothing", "bob")).await;
    unknown.fails(404, "NotFound", "clusterroles.rbac.authorization.k8s.io \"nothing\" not found");
}

#[tokio::test]
async fn what_others_may_in_a_namespace_is_asked_there() {
    let Server { admin, .. } = server().await;
    grant(&admin, "ada", &["list"], &["configmaps"]).await;
    let reviews = "/apis/authorization.k8s.io/v1/namespaces/default/localsubjectaccessreviews";
    let review = |user: &str, verb: &str, namespace: &str| {
        json!({"apiVersion": "authorization.k8s.io/v1", "kind": "LocalSubjectAccessReview",
            "metadata": {"namespace": "default"}, "spec": {"user": user, "resourceAttributes":
                {"namespace": namespace, "verb": verb, "resource": "configmaps"}}})
    };
    for (user, verb, allowed) in [("ada", "list", true), ("ada", "delete", false), ("bob", "list", false)] {
        let answer = post(&admin, reviews, review(user, verb, "default")).await.ok();
        assert_eq!(answer["status"]["allowed"], allowed, "{user} {verb}");
    }
    let elsewhere = post(&admin, reviews, review("ada", "list", "other")).await;
    elsewhere.fails(422, "Invalid", "must match metadata.namespace");
}
