//! The four patch types, and who owns what after an apply.

use serde_json::json;

use crate::*;

#[tokio::test]
async fn json_merge_and_strategic_patches_change_what_they_say() {
    let Server { admin, .. } = server().await;
    let path = format!("{DEPLOYMENTS}/a");
    post(&admin, DEPLOYMENTS, deployment("a", 1)).await.ok();
    let json = json!([{"op": "test", "path": "/spec/replicas", "value": 1},
        {"op": "replace", "path": "/spec/replicas", "value": 2}]);
    assert_eq!(patch(&admin, "json", &path, json.clone()).await.ok()["spec"]["replicas"], 2);
    patch(&admin, "json", &path, json).await.fails(422, "Invalid", "");
    let merge = json!({"metadata": {"labels": {"x": "y"}}});
    assert_eq!(patch(&admin, "merge", &path, merge).await.ok()["metadata"]["labels"]["x"], "y");
    let strategic = json!({"spec": {"template": {"spec": {"containers": [
        {"name": "side", "image": "example.org/side:1"}]}}}});
    let patched = patch(&admin, "strategic-merge", &path, strategic).await.ok();
    assert_eq!(patched["spec"]["template"]["spec"]["containers"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_patch_of_what_is_not_there_or_of_an_old_revision_is_refused() {
    let Server { admin, .. } = server().await;
    let path = format!("{CONFIG_MAPS}/a");
    patch(&admin, "merge", &path, json!({})).await.fails(404, "NotFound", "configmaps \"a\" not found");
    post(&admin, CONFIG_MAPS, config_map("a", json!({}))).await.ok();
    let stale = json!({"metadata": {"resourceVersion": "1"}, "data": {"k": "v"}});
    patch(&admin, "merge", &path, stale).await.fails(409, "Conflict", "the object has been modified");
    let headers = [("content-type", "application/json")];
    send(&admin, "PATCH", &path, &headers, "{}").await.fails(415, "UnsupportedMediaType", "");
}

#[tokio::test]
async fn patches_at_once_are_all_carried_out() {
    let Server { admin, .. } = server().await;
    post(&admin, CONFIG_MAPS, config_map("a", json!({}))).await.ok();
    let patches = (0..8).map(|index| {
        let admin = admin.clone();
        async move {
            let data = json!({"data": {(format!("k{index}")): "v"}});
            patch(&admin, "merge", &format!("{CONFIG_MAPS}/a"), data).await.ok()
        }
    });
    futures::future::join_all(patches).await;
    let data = get(&admin, &format!("{CONFIG_MAPS}/a")).await.ok()["data"].clone();
    assert_eq!(data.as_object().unwrap().len(), 8);
}

#[tokio::test]
async fn an_apply_creates_owns_conflicts_and_takes_over() {
    let Server { admin, .. } = server().await;
    let path = |manager: &str| format!("{CONFIG_MAPS}/a?fieldManager={manager}");
    let created = patch(&admin, "apply", &path("one"), config_map("a", json!({"k": "1", "l": "1"}))).await;
    assert_eq!(created.code, 201);
    let owner = &created.ok()["metadata"]["managedFields"][0];
    assert_eq!((&owner["manager"], &owner["operation"]), (&json!("one"), &json!("Apply")));

    let again = patch(&admin, "apply", &path("one"), config_map("a", json!({"k": "1", "l": "1"}))).await;
    assert_eq!(again.code, 200);
    assert_eq!(again.json()["metadata"]["resourceVersion"], created.json()["metadata"]["resourceVersion"]);

    let theirs = config_map("a", json!({"k": "2"}));
    let refused = patch(&admin, "apply", &path("two"), theirs.clone()).await;
    let status =
        refused.fails(409, "Conflict", "Apply failed with 1 conflict: conflict with \"one\": .data.k");
    assert_eq!(status["details"]["causes"][0]["reason"], "FieldManagerConflict");
    let taken = patch(&admin, "apply", &format!("{}&force=true", path("two")), theirs).await.ok();
    assert_eq!(taken["data"], json!({"k": "2", "l": "1"}));

    // What a manager does not apply any more and nobody else owns, goes.
    let less = patch(&admin, "apply", &path("one"), config_map("a", json!({}))).await.ok();
    assert_eq!(less["data"], json!({"k": "2"}));
}

#[tokio::test]
async fn an_apply_names_its_manager_and_only_known_fields() {
    let Server { admin, .. } = server().await;
    let path = format!("{DEPLOYMENTS}/a");
    let refused = patch(&admin, "apply", &path, deployment("a", 1)).await;
    refused.fails(422, "Invalid", "fieldManager: Required value: is required for apply patch");
    let mut unknown = deployment("a", 1);
    unknown["spec"]["foo"] = json!(1);
    let strict = format!("{path}?fieldManager=one&fieldValidation=Strict");
    patch(&admin, "apply", &strict, unknown).await.fails(400, "BadRequest", "unknown field \"spec.foo\"");
}

#[tokio::test]
async fn an_apply_of_a_deployment_is_the_same_the_second_time() {
    let Server { admin, .. } = server().await;
    let path = format!("{DEPLOYMENTS}/a?fieldManager=one");
    let first = patch(&admin, "apply", &path, deployment("a", 2)).await.ok();
    let second = patch(&admin, "apply", &path, deployment("a", 2)).await.ok();
    assert_eq!(first, second);
    assert_eq!(first["spec"]["strategy"]["type"], "RollingUpdate");
}
