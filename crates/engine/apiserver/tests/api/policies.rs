//! ValidatingAdmissionPolicies: what the cluster's owner demands is held against every request that matches.

use serde_json::json;

use crate::*;

const POLICIES: &str = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies";
const BINDINGS: &str = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings";

fn policy(name: &str, spec: Value) -> Value {
    let mut policy = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name}, "spec": {"matchConstraints": {"resourceRules": [
            {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE", "DELETE"], "resources": ["configmaps"]}]}}});
    policy["spec"].as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    policy
}

fn binding(policy: &str, spec: Value) -> Value {
    let mut binding = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": format!("{policy}-everywhere")},
        "spec": {"policyName": policy, "validationActions": ["Deny"]}});
    binding["spec"].as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    binding
}

#[tokio::test]
async fn a_policy_holds_once_it_is_bound_and_until_it_is_not() {
    let Server { admin, .. } = server().await;
    let spec = json!({"validations": [{
        "expression": "object == null || object.data.all(k, k != 'secret')",
        "messageExpression": "'no secrets in ' + request.namespace", "reason": "Forbidden"}]});
    let made = post(&admin, POLICIES, policy("no-secrets", spec)).await.ok();
    assert_eq!(made["spec"]["failurePolicy"], "Fail");
    assert_eq!(made["spec"]["matchConstraints"]["matchPolicy"], "Equivalent");
    let secret = || config_map("a", json!({"secret": "x"}));
    post(&admin, CONFIG_MAPS, secret()).await.ok();
    post(&admin, BINDINGS, binding("no-secrets", json!({}))).await.ok();
    let refused = post(&admin, CONFIG_MAPS, config_map("b", json!({"secret": "x"}))).await;
    let words = "configmaps \"b\" is forbidden: ValidatingAdmissionPolicy 'no-secrets' with binding \
                 'no-secrets-everywhere' denied request: no secrets in default";
    let status = refused.fails(403, "Forbidden", words);
    assert_eq!(status["details"]["kind"], "configmaps");
    let path = format!("{CONFIG_MAPS}/a");
    let patched = patch(&admin, "merge", &path, json!({"data": {"other": "y"}})).await;
    patched.fails(403, "Forbidden", "no secrets");
    post(&admin, &format!("{CONFIG_MAPS}?dryRun=All"), config_map("b", json!({"secret": "x"}))).await.fails(
        403,
        "Forbidden",
        "",
    );
    post(&admin, CONFIG_MAPS, config_map("c", json!({"public": "x"}))).await.ok();
    delete(&admin, &path).await.ok();
    delete(&admin, &format!("{BINDINGS}/no-secrets-everywhere")).await.ok();
    post(&admin, CONFIG_MAPS, secret()).await.ok();
}

#[tokio::test]
async fn a_binding_chooses_namespaces_parameters_and_what_follows() {
    let Server { admin, .. } = server().await;
    for (name, env) in [("test", "test"), ("prod", "prod")] {
        let namespace = json!({"metadata": {"name": name, "labels": {"env": env}}});
        post(&admin, "/api/v1/namespaces", namespace).await.ok();
    }
    let spec = json!({
        "paramKind": {"apiVersion": "v1", "kind": "ConfigMap"},
        "matchConditions": [{"name": "no-limits-themselves", "expression": "request.name != 'limits'"}],
        "variables": [{"name": "max", "expression": "int(params.data.max)"}],
        "validations": [{"expression": "object == null || object.data.size() <= variables.max",
            "messageExpression": "'at most %d in %s'.format([variables.max, namespaceObject.metadata.name])"}]});
    post(&admin, POLICIES, policy("small", spec)).await.ok();
    let bound = json!({
        "matchResources": {"namespaceSelector": {"matchLabels": {"env": "prod"}}},
        "paramRef": {"name": "limits", "parameterNotFoundAction": "Deny"}});
    post(&admin, BINDINGS, binding("small", bound)).await.ok();
    let maps = |namespace: &str| format!("/api/v1/namespaces/{namespace}/configmaps");
    let large = || config_map("a", json!({"a": "1", "b": "2"}));
    post(&admin, &maps("test"), large()).await.ok();
    let refused = post(&admin, &maps("prod"), large()).await;
    refused.fails(422, "Invalid", "no params found for policy binding with `Deny` parameterNotFoundAction");
    // The parameters themselves match the policy, too; without them it cannot be asked. They come from elsewhere.
    let bound = json!({"spec": {"paramRef": {"namespace": "test"}}});
    patch(&admin, "merge", &format!("{BINDINGS}/small-everywhere"), bound).await.ok();
    post(&admin, &maps("test"), config_map("limits", json!({"max": "1"}))).await.ok();
    post(&admin, &maps("prod"), large()).await.fails(422, "Invalid", "at most 1 in prod");
    let warning = json!({"spec": {"validationActions": ["Warn", "Audit"]}});
    patch(&admin, "merge", &format!("{BINDINGS}/small-everywhere"), warning).await.ok();
    let answer = post(&admin, &maps("prod"), large()).await;
    assert_eq!(answer.code, 201);
    assert_eq!(
        answer.warnings(),
        [
            "299 - \"Validation failed for ValidatingAdmissionPolicy 'small' with binding 'small-everywhere': at most 1 in prod\"",
        ]
    );
}

#[tokio::test]
async fn a_policy_may_keep_objects_from_being_deleted_and_looks_at_who_asks() {
    let Server { api, admin } = server().await;
    let spec = json!({"validations": [{
        "expression": "request.operation != 'DELETE' || 'system:masters' in request.userInfo.groups || !has(oldObject.metadata.labels.keep)",
        "message": "it is to be kept"}]});
    post(&admin, POLICIES, policy("keep", spec)).await.ok();
    post(&admin, BINDINGS, binding("keep", json!({}))).await.ok();
    let mut kept = config_map("a", json!({}));
    kept["metadata"]["labels"] = json!({"keep": "yes"});
    post(&admin, CONFIG_MAPS, kept).await.ok();
    let role = json!({"metadata": {"name": "edit"}, "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["*"]}]});
    post(&admin, "/apis/rbac.authorization.k8s.io/v1/clusterroles", role).await;
    let grant = json!({"metadata": {"name": "bob"}, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"},
        "subjects": [{"kind": "User", "name": "bob", "apiGroup": "rbac.authorization.k8s.io"}]});
    post(&admin, "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", grant).await.ok();
    let bob = api.client(User::authenticated("bob", &[]));
    let path = format!("{CONFIG_MAPS}/a");
    delete(&bob, &path).await.fails(422, "Invalid", "it is to be kept");
    delete(&admin, &path).await.ok();
}

#[tokio::test]
async fn a_policy_that_makes_no_sense_is_refused_and_none_is_about_policies() {
    let Server { admin, .. } = server().await;
    let wrong = policy("wrong", json!({"validations": [{"expression": "object.x +"}]}));
    let status = post(&admin, POLICIES, wrong).await.fails(
        422,
        "Invalid",
        "spec.validations[0].expression: Invalid value",
    );
    assert!(status["message"].as_str().unwrap().contains("ERROR: <input>:1:11"), "{status}");
    post(&admin, POLICIES, policy("empty", json!({}))).await.fails(
        422,
        "Invalid",
        "spec.validations: Required value",
    );
    let unbound = json!({"metadata": {"name": "b"}, "spec": {"policyName": "p"}});
    post(&admin, BINDINGS, unbound).await.fails(422, "Invalid", "spec.validationActions: Required value");
    let everything = json!({"matchConstraints": {"resourceRules": [
        {"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*"]}]},
        "validations": [{"expression": "false", "message": "never"}]});
    post(&admin, POLICIES, policy("never", everything)).await.ok();
    post(&admin, BINDINGS, binding("never", json!({}))).await.ok();
    post(&admin, CONFIG_MAPS, config_map("a", json!({}))).await.fails(422, "Invalid", "never");
    delete(&admin, &format!("{BINDINGS}/never-everywhere")).await.ok();
    post(&admin, CONFIG_MAPS, config_map("a", json!({}))).await.ok();
}
