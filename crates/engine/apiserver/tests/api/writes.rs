//! What bodies say that they should not, and what an update or a deletion does besides.

use bythos_access::User;
use serde_json::json;

use crate::*;

const JOBS: &str = "/apis/batch/v1/namespaces/default/jobs";
const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/default/leases";
const ROLES: &str = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles";

#[tokio::test]
async fn fields_that_are_there_twice_are_told_or_refused_as_the_client_wants() {
    let Server { admin, .. } = server().await;
    let json = r#"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": "1", "k": "2"}, "x": 1}"#;
    let yaml = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  k: \"1\"\n  k: \"2\"\n";
    for (content_type, body, words) in [
        ("application/json", json, r#"duplicate field "data.k""#),
        ("application/yaml", yaml, r#"line 7: key "k" already set in map"#),
    ] {
        let headers = [("content-type", content_type)];
        let create = async |mode: &str| {
            let path = format!("{CONFIG_MAPS}?dryRun=All&fieldValidation={mode}");
            send(&admin, "POST", &path, &headers, body).await
        };
        create("Strict").await.fails(400, "BadRequest", &format!("strict decoding error: {words}"));
        let warned = create("Warn").await;
        assert!(warned.warnings()[0].contains(&words.replace('"', "\\\"")), "{:?}", warned.warnings());
        assert_eq!(warned.ok()["data"]["k"], "2");
        assert_eq!(create("Ignore").await.warnings(), [""; 0]);
    }
    post(&admin, CONFIG_MAPS, config_map("a", json!({}))).await.ok();
    let merge = [("content-type", "application/merge-patch+json")];
    let path = format!("{CONFIG_MAPS}/a?fieldValidation=Strict");
    let refused = send(&admin, "PATCH", &path, &merge, r#"{"data": {"k": "1", "k": "2"}}"#).await;
    refused.fails(400, "BadRequest", r#"duplicate field "data.k""#);
}

#[tokio::test]
async fn a_body_of_wrong_types_is_not_understood() {
    let Server { admin, .. } = server().await;
    let mut wrong = deployment("a", 1);
    wrong["spec"]["replicas"] = json!("one");
    let words = r#"Deployment in version "v1" cannot be handled as a Deployment: spec.replicas"#;
    post(&admin, DEPLOYMENTS, wrong.clone()).await.fails(400, "BadRequest", words);
    post(&admin, DEPLOYMENTS, deployment("a", 1)).await.ok();
    let path = format!("{DEPLOYMENTS}/a");
    put(&admin, &path, wrong).await.fails(400, "BadRequest", words);
    // The body of a patch is understood; what it makes of the object is not.
    let patched = patch(&admin, "merge", &path, json!({"spec": {"replicas": "one"}})).await;
    patched.fails(422, "Invalid", "spec.replicas");
}

#[tokio::test]
async fn what_is_no_json_patch_is_not_understood() {
    let Server { admin, .. } = server().await;
    post(&admin, CONFIG_MAPS, config_map("a", json!({}))).await.ok();
    let path = format!("{CONFIG_MAPS}/a");
    for no_patch in
        [json!({"op": "add"}), json!([{"op": "put", "path": "/data"}]), json!([{"path": "/data"}])]
    {
        patch(&admin, "json", &path, no_patch).await.fails(400, "BadRequest", "is not a JSON patch");
    }
    let nowhere = json!([{"op": "remove", "path": "/data/k"}]);
    patch(&admin, "json", &path, nowhere).await.fails(422, "Invalid", "operation 0 (remove) failed");
}

#[tokio::test]
async fn an_update_makes_objects_of_some_kinds() {
    let Server { api, admin } = server().await;
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
        "metadata": {"name": "a"}, "rules": []});
    let path = format!("{ROLES}/a");
    let editor = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
        "metadata": {"name": "editor"}, "rules": [
            {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles"], "verbs": ["update"]}]});
    post(&admin, ROLES, editor).await.ok();
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"name": "editor"}, "subjects": [{"kind": "User", "name": "jane"}],
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "editor"}});
    post(&admin, &ROLES.replace("/roles", "/rolebindings"), binding).await.ok();
    let jane = api.client(User::authenticated("jane", &[]));
    put(&jane, &path, role.clone()).await.fails(403, "Forbidden", "cannot create resource \"roles\"");

    let made = put(&admin, &path, role.clone()).await;
    assert_eq!(made.code, 201);
    assert_eq!(put(&admin, &path, role).await.code, 200);
    // One that was computed from an object means that one.
    let mut gone = made.ok();
    gone["metadata"]["name"] = json!("b");
    put(&admin, &format!("{ROLES}/b"), gone).await.fails(404, "NotFound", "");
    let absent = put(&admin, &format!("{CONFIG_MAPS}/a"), config_map("a", json!({}))).await;
    absent.fails(404, "NotFound", "configmaps \"a\" not found");
}

#[tokio::test]
async fn an_update_of_some_kinds_says_its_revision() {
    let Server { admin, .. } = server().await;
    let lease = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "a"},
        "spec": {"leaseDurationSeconds": 15}});
    let path = format!("{LEASES}/a");
    let made = put(&admin, &path, lease.clone()).await;
    assert_eq!(made.code, 201);
    put(&admin, &path, lease).await.fails(422, "Invalid", "must be specified for an update");
    put(&admin, &path, made.ok()).await.ok();
}

#[tokio::test]
async fn the_pods_of_a_job_stay_unless_its_deletion_says_otherwise() {
    let Server { admin, .. } = server().await;
    let job = |name: &str| {
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": {"template": {"spec": {
            "restartPolicy": "Never", "containers": [{"name": "a", "image": "a:1"}]}}}})
    };
    post(&admin, JOBS, job("a")).await.ok();
    let left = delete(&admin, &format!("{JOBS}/a")).await;
    assert!(left.warnings()[0].contains("child pods are preserved by default when jobs are deleted"));
    assert_eq!(left.ok()["metadata"]["finalizers"], json!(["orphan"]));
    post(&admin, JOBS, job("b")).await.ok();
    let gone = delete(&admin, &format!("{JOBS}/b?propagationPolicy=Background")).await;
    assert_eq!((gone.warnings().len(), &gone.ok()["status"]), (0, &json!("Success")));
}
