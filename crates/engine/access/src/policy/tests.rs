//! The policy decides as upstream's authorizer does, in its words.

use serde_json::{Value, json};

use super::Policy;
use crate::{Request, User};

fn role(name: &str, rules: Value) -> Value {
    json!({"metadata": {"name": name, "namespace": "shop"}, "rules": rules})
}

fn binding(name: &str, role_kind: &str, role: &str, subject: Value) -> Value {
    json!({
        "metadata": {"name": name, "namespace": "shop"},
        "roleRef": {"kind": role_kind, "name": role},
        "subjects": [subject],
    })
}

fn cluster(mut object: Value) -> Value {
    object["metadata"].as_object_mut().unwrap().remove("namespace");
    object
}

/// `verb group/resource[/subresource] namespace/name`, each of the last two possibly empty.
fn ask<'a>(words: &'a str) -> Request<'a> {
    let parts: Vec<&str> = words.split(' ').collect();
    if let [verb, path] = parts[..] {
        return Request::Path { verb, path };
    }
    let [verb, resource, object] = parts[..] else { panic!("{words}") };
    let (group, resource) = resource.split_once('/').unwrap();
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let (namespace, name) = object.split_once('/').unwrap();
    Request::Resource { verb, group, resource, subresource, namespace, name }
}

/// One rule, granted to `ada` everywhere.
#[track_caller]
fn check_rule(rule: Value, allowed: &[&str], refused: &[&str]) {
    let roles = [cluster(role("r", json!([rule])))];
    let bindings = [cluster(binding("b", "ClusterRole", "r", json!({"kind": "User", "name": "ada"})))];
    let (policy, problems) = Policy::compile(&[], &[], &roles, &bindings);
    assert!(problems.is_empty(), "{problems:?}");
    let ada = User::authenticated("ada", &[]);
    for words in allowed {
        assert!(policy.authorize(&ada, &ask(words)).allowed, "{words} is refused");
    }
    for words in refused {
        assert!(!policy.authorize(&ada, &ask(words)).allowed, "{words} is allowed");
    }
}

#[test]
fn rules_match_as_upstream() {
    check_rule(
        json!({"verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods"]}),
        &["get /pods shop/a", "list /pods /"],
        &[
            "delete /pods shop/a",
            "get apps/pods shop/a",
            "get /pods/log shop/a",
            "get /secrets shop/a",
            "get /pods",
        ],
    );
    check_rule(
        json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}),
        &["get /pods shop/a", "patch apps/deployments/scale shop/a", "deletecollection x.io/things shop/"],
        &["get /version"],
    );
    check_rule(
        json!({"verbs": ["get"], "apiGroups": ["", "apps"], "resources": ["pods/log", "*/scale"]}),
        &["get /pods/log shop/a", "get apps/deployments/scale shop/a"],
        &["get /pods shop/a", "get apps/deployments shop/a", "get /pods/exec shop/a"],
    );
    check_rule(
        json!({"verbs": ["*"], "apiGroups": [""], "resources": ["secrets"], "resourceNames": ["mine"]}),
        &["get /secrets shop/mine", "delete /secrets shop/mine"],
        &[
            "get /secrets shop/other",
            "list /secrets shop/",
            "create /secrets shop/",
            "deletecollection /secrets shop/",
        ],
    );
    check_rule(
        json!({"verbs": ["get"], "nonResourceURLs": ["/healthz", "/api/*"]}),
        &["get /healthz", "get /api/v1"],
        &["get /healthz/etcd", "post /healthz", "get /apis", "get /api"],
    );
}

#[test]
fn each_kind_of_subject_is_found_and_named_in_the_reason() {
    let read = json!([{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}]);
    let roles = [role("local", read.clone())];
    let cluster_roles = [cluster(role("wide", read))];
    let role_bindings = [
        binding("one", "Role", "local", json!({"kind": "User", "name": "ada"})),
        binding("two", "ClusterRole", "wide", json!({"kind": "ServiceAccount", "name": "robot"})),
        binding("three", "Role", "gone", json!({"kind": "User", "name": "bob"})),
    ];
    let cluster_bindings =
        [cluster(binding("four", "ClusterRole", "wide", json!({"kind": "Group", "name": "staff"})))];
    let (policy, problems) = Policy::compile(&roles, &role_bindings, &cluster_roles, &cluster_bindings);
    assert_eq!(problems, [r#"RoleBinding "shop/three": role.rbac.authorization.k8s.io "gone" not found"#]);
    let cases = [
        (
            "ada",
            "",
            "get /pods shop/x",
            true,
            r#"RBAC: allowed by RoleBinding "shop/one" of Role "local" to User "ada""#,
        ),
        ("ada", "", "get /pods other/x", false, ""),
        ("ada", "", "get /pods /", false, ""),
        (
            "system:serviceaccount:shop:robot",
            "",
            "get /pods shop/x",
            true,
            r#"RBAC: allowed by RoleBinding "shop/two" of ClusterRole "wide" to ServiceAccount "robot/shop""#,
        ),
        (
            "eve",
            "staff",
            "get /pods other/x",
            true,
            r#"RBAC: allowed by ClusterRoleBinding "four" of ClusterRole "wide" to Group "staff""#,
        ),
        ("bob", "", "get /pods shop/x", false, r#"RBAC: role.rbac.authorization.k8s.io "gone" not found"#),
        ("root", "system:masters", "delete /nodes /x", true, ""),
    ];
    for (user, group, words, allowed, reason) in cases {
        let decision = policy.authorize(&User::authenticated(user, &[group]), &ask(words));
        assert_eq!((decision.allowed, decision.reason.as_str()), (allowed, reason), "{user}: {words}");
    }
}

#[test]
fn aggregated_roles_hold_the_rules_of_all_that_they_select() {
    let rule = |resource: &str| json!([{"verbs": ["get"], "apiGroups": [""], "resources": [resource]}]);
    let labelled = |mut role: Value, label: &str, value: &str| {
        role["metadata"]["labels"] = json!({label: value});
        cluster(role)
    };
    let mut top = cluster(role("top", rule("ownrulesdonotcount")));
    top["aggregationRule"] = json!({"clusterRoleSelectors": [{"matchLabels": {"to-top": "true"}}]});
    let mut middle = labelled(role("middle", json!([])), "to-top", "true");
    middle["aggregationRule"] = json!({"clusterRoleSelectors": [
        {"matchExpressions": [{"key": "level", "operator": "In", "values": ["low", "lower"]}]},
        {"matchLabels": {"to-top": "true"}},
    ]});
    let roles = [
        top,
        middle,
        labelled(role("a", rule("pods")), "to-top", "true"),
        labelled(role("b", rule("services")), "level", "low"),
        labelled(role("c", rule("secrets")), "level", "high"),
    ];
    let bindings = [cluster(binding("b", "ClusterRole", "top", json!({"kind": "User", "name": "ada"})))];
    let (policy, problems) = Policy::compile(&[], &[], &roles, &bindings);
    assert!(problems.is_empty(), "{problems:?}");
    let ada = User::authenticated("ada", &[]);
    let cases = [("pods", true), ("services", true), ("secrets", false), ("ownrulesdonotcount", false)];
    for (resource, allowed) in cases {
        let request =
            Request::Resource { verb: "get", group: "", resource, subresource: "", namespace: "", name: "x" };
        assert_eq!(policy.authorize(&ada, &request).allowed, allowed, "{resource}");
    }
    assert_eq!(policy.rules_of(&ada, "shop").len(), 2);
}

#[test]
fn objects_that_make_no_sense_grant_nothing_and_are_named() {
    let cases = [
        (binding("b", "Role", "r", json!({"kind": "User", "name": "ada"})), "cannot refer to a Role"),
        (binding("b", "Thing", "r", json!({"kind": "User", "name": "ada"})), r#"roleRef is of kind "Thing""#),
        (
            binding("b", "ClusterRole", "r", json!({"kind": "ServiceAccount", "name": "x"})),
            "has no namespace",
        ),
        (binding("b", "ClusterRole", "r", json!({"kind": "Robot", "name": "x"})), r#"kind "Robot""#),
    ];
    let roles = [cluster(role("r", json!([{"verbs": "get"}])))];
    for (broken, words) in cases {
        let (_, problems) = Policy::compile(&[], &[], &roles, &[cluster(broken)]);
        assert_eq!(problems[0], r#"ClusterRole "r": verbs is "get", which is no list of strings"#);
        assert!(problems[1].starts_with(r#"ClusterRoleBinding "b": "#), "{problems:?}");
        assert!(problems[1].contains(words), "{problems:?}");
    }
}
