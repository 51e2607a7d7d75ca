//! Deletion: finalizers, propagation, preconditions, a pod's grace, a namespace's end.

use serde_json::json;

use crate::*;

async fn delete_with(client: &Client, path: &str, options: Value) -> Answer {
    let options = options.to_string();
    send(client, "DELETE", path, &[("content-type", "application/json")], &options).await
}

#[tokio::test]
async fn an_object_with_finalizers_goes_with_the_last_of_them() {
    let Server { admin, .. } = server().await;
    let path = format!("{CONFIG_MAPS}/a");
    let mut object = config_map("a", json!({}));
    object["metadata"]["finalizers"] = json!(["example.org/hold"]);
    post(&admin, CONFIG_MAPS, object).await.ok();
    let ending = delete(&admin, &path).await.ok();
    assert!(ending["metadata"]["deletionTimestamp"].is_string());
    let again = delete(&admin, &path).await.ok();
    assert_eq!(ending["metadata"]["resourceVersion"], again["metadata"]["resourceVersion"]);
    patch(&admin, "merge", &path, json!({"data": {"k": "v"}})).await.ok();
    patch(&admin, "merge", &path, json!({"metadata": {"finalizers": null}})).await.ok();
    get(&admin, &path).await.fails(404, "NotFound", "");
}

#[tokio::test]
async fn propagation_is_left_to_the_garbage_collector_as_a_finalizer() {
    let Server { admin, .. } = server().await;
    for (policy, finalizer) in [("Foreground", "foregroundDeletion"), ("Orphan", "orphan")] {
        let path = format!("{DEPLOYMENTS}/{}", policy.to_lowercase());
        post(&admin, DEPLOYMENTS, deployment(&policy.to_lowercase(), 1)).await.ok();
        delete_with(&admin, &path, json!({"propagationPolicy": policy})).await.ok();
        let ending = get(&admin, &path).await.ok();
        assert_eq!(ending["metadata"]["finalizers"], json!([finalizer]));
        assert!(ending["metadata"]["deletionTimestamp"].is_string());
    }
    let path = format!("{DEPLOYMENTS}/background");
    post(&admin, DEPLOYMENTS, deployment("background", 1)).await.ok();
    delete(&admin, &format!("{path}?propagationPolicy=Background")).await.ok();
    get(&admin, &path).await.fails(404, "NotFound", "");
}

#[tokio::test]
async fn preconditions_protect_another_object_of_the_name() {
    let Server { admin, .. } = server().await;
    let path = format!("{CONFIG_MAPS}/a");
    let created = post(&admin, CONFIG_MAPS, config_map("a", json!({}))).await.ok();
    for wrong in [json!({"uid": "other"}), json!({"resourceVersion": "1"})] {
        delete_with(&admin, &path, json!({"preconditions": wrong})).await.fails(
            409,
            "Conflict",
            "Precondition failed",
        );
    }
    let right = json!({"preconditions": {"uid": created["metadata"]["uid"]}});
    delete_with(&admin, &path, right).await.ok();
}

#[tokio::test]
async fn a_pod_that_no_node_runs_goes_at_once() {
    let Server { admin, .. } = server().await;
    post(&admin, PODS, pod("a")).await.ok();
    assert_eq!(delete(&admin, &format!("{PODS}/a")).await.ok()["status"], "Success");
    get(&admin, &format!("{PODS}/a")).await.fails(404, "NotFound", "");
}

#[tokio::test]
async fn a_running_pod_gets_its_grace_until_the_node_says_that_it_is_gone() {
    let Server { admin, .. } = server().await;
    let path = format!("{PODS}/a");
    let mut running = pod("a");
    running["spec"]["nodeName"] = json!("node");
    post(&admin, PODS, running).await.ok();
    let ending = delete(&admin, &path).await.ok();
    assert_eq!(ending["metadata"]["deletionGracePeriodSeconds"], 30);
    let shorter = delete(&admin, &format!("{path}?gracePeriodSeconds=5")).await.ok();
    assert_eq!(shorter["metadata"]["deletionGracePeriodSeconds"], 5);
    // Still there, and written to by the node.
    let status = json!({"status": {"phase": "Running"}});
    patch(&admin, "merge", &format!("{path}/status"), status).await.ok();
    delete(&admin, &format!("{path}?gracePeriodSeconds=0")).await.ok();
    get(&admin, &path).await.fails(404, "NotFound", "");
}

#[tokio::test]
async fn a_namespace_ends_when_it_is_finalized_and_takes_nothing_new_until_then() {
    let Server { admin, .. } = server().await;
    let path = "/api/v1/namespaces/team";
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}});
    let maps = format!("{path}/configmaps");
    post(&admin, &maps, config_map("a", json!({}))).await.fails(
        404,
        "NotFound",
        "namespaces \"team\" not found",
    );
    let created = post(&admin, "/api/v1/namespaces", namespace).await.ok();
    assert_eq!(created["spec"]["finalizers"], json!(["kubernetes"]));
    assert_eq!(created["status"]["phase"], "Active");
    post(&admin, &maps, config_map("a", json!({}))).await.ok();
    let mut ending = delete(&admin, path).await.ok();
    assert_eq!(ending["status"]["phase"], "Terminating");
    let refused = post(&admin, &maps, config_map("b", json!({}))).await;
    refused.fails(403, "Forbidden", "because it is being terminated");
    ending["spec"]["finalizers"] = json!([]);
    put(&admin, &format!("{path}/finalize"), ending).await.ok();
    get(&admin, path).await.fails(404, "NotFound", "");
}
