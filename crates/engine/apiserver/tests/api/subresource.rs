//! Doors of an object: status, scale, binding, log.

use bytes::Bytes;
use http_body_util::Full;
use serde_json::json;
use tower::util::BoxCloneSyncService;

use crate::*;

#[tokio::test]
async fn status_and_spec_are_written_through_doors_of_their_own() {
    let Server { admin, .. } = server().await;
    let path = format!("{DEPLOYMENTS}/a");
    let mut object = deployment("a", 1);
    object["status"] = json!({"replicas": 9});
    let mut created = post(&admin, DEPLOYMENTS, object).await.ok();
    assert!(created["status"].get("replicas").is_none());
    created["status"] = json!({"replicas": 1, "observedGeneration": 1});
    created["spec"]["replicas"] = json!(5);
    let updated = put(&admin, &format!("{path}/status"), created).await.ok();
    assert_eq!((&updated["status"]["replicas"], &updated["spec"]["replicas"]), (&json!(1), &json!(1)));
    assert_eq!(updated["metadata"]["generation"], 1);
    let both = json!({"status": {"replicas": 7}, "spec": {"replicas": 3}});
    let patched = patch(&admin, "merge", &path, both.clone()).await.ok();
    assert_eq!((&patched["status"]["replicas"], &patched["spec"]["replicas"]), (&json!(1), &json!(3)));
    let patched = patch(&admin, "merge", &format!("{path}/status"), both).await.ok();
    assert_eq!((&patched["status"]["replicas"], &patched["spec"]["replicas"]), (&json!(7), &json!(3)));
    assert_eq!(get(&admin, &format!("{path}/status")).await.ok(), patched);
}

#[tokio::test]
async fn a_status_is_applied_under_its_own_manager() {
    let Server { admin, .. } = server().await;
    let path = format!("{DEPLOYMENTS}/a");
    post(&admin, DEPLOYMENTS, deployment("a", 1)).await.ok();
    let status = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"},
        "spec": {"replicas": 4}, "status": {"readyReplicas": 1}});
    let applied =
        patch(&admin, "apply", &format!("{path}/status?fieldManager=x&force=true"), status).await.ok();
    assert_eq!((&applied["status"]["readyReplicas"], &applied["spec"]["replicas"]), (&json!(1), &json!(1)));
    let owners = applied["metadata"]["managedFields"].as_array().unwrap();
    assert!(
        owners.iter().any(|owner| owner["manager"] == "x" && owner["subresource"] == "status"),
        "{owners:?}"
    );
}

#[tokio::test]
async fn replicas_are_read_and_written_as_a_scale() {
    let Server { admin, .. } = server().await;
    let path = format!("{DEPLOYMENTS}/a/scale");
    post(&admin, DEPLOYMENTS, deployment("a", 1)).await.ok();
    let mut scale = get(&admin, &path).await.ok();
    assert_eq!((&scale["kind"], &scale["apiVersion"]), (&json!("Scale"), &json!("autoscaling/v1")));
    assert_eq!((&scale["spec"]["replicas"], &scale["status"]["selector"]), (&json!(1), &json!("app=a")));
    scale["spec"]["replicas"] = json!(3);
    assert_eq!(put(&admin, &path, scale.clone()).await.ok()["spec"]["replicas"], 3);
    put(&admin, &path, scale).await.fails(409, "Conflict", "");
    patch(&admin, "merge", &path, json!({"spec": {"replicas": 0}})).await.ok();
    let object = get(&admin, &format!("{DEPLOYMENTS}/a")).await.ok();
    assert_eq!((&object["spec"]["replicas"], &object["metadata"]["generation"]), (&json!(0), &json!(3)));
    let below = json!({"spec": {"replicas": -1}});
    patch(&admin, "merge", &path, below).await.fails(422, "Invalid", "must be greater than or equal to 0");
}

#[tokio::test]
async fn a_pod_is_bound_once() {
    let Server { admin, .. } = server().await;
    post(&admin, PODS, pod("a")).await.ok();
    let path = format!("{PODS}/a/binding");
    let binding = json!({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "a"},
        "target": {"apiVersion": "v1", "kind": "Node", "name": "node"}});
    assert_eq!(post(&admin, &path, binding.clone()).await.code, 201);
    let bound = get(&admin, &format!("{PODS}/a")).await.ok();
    assert_eq!(bound["spec"]["nodeName"], "node");
    let conditions = bound["status"]["conditions"].as_array().unwrap();
    assert!(
        conditions
            .iter()
            .any(|condition| condition["type"] == "PodScheduled" && condition["status"] == "True")
    );
    post(&admin, &path, binding).await.fails(409, "Conflict", "already assigned");
}

/// A node that answers with what it was asked.
fn echoing_node() -> NodePort {
    let node = NodePort::default();
    node.plug(BoxCloneSyncService::new(tower::service_fn(|request: http::Request<_>| async move {
        let _: &bythos_operator::kubelet::NodeBody = request.body();
        let body = Full::new(Bytes::from(request.uri().to_string()));
        Ok(http::Response::new(body.map_err(|never| match never {}).boxed_unsync()))
    })));
    node
}

#[tokio::test]
async fn logs_are_asked_of_the_node() {
    let options = Options { directory: None, history_events: 100 };
    let Server { admin, .. } = server_on(options.clone(), echoing_node()).await;
    let mut one = pod("one");
    one["spec"]["nodeName"] = json!("node");
    post(&admin, PODS, one.clone()).await.ok();
    let log = get(&admin, &format!("{PODS}/one/log?tailLines=5&follow=true")).await;
    assert_eq!(log.text, "/containerLogs/default/one/main?follow=true&tailLines=5");
    let wrong = get(&admin, &format!("{PODS}/one/log?tailLines=-1&sinceSeconds=0")).await;
    wrong.fails(422, "Invalid", "sinceSeconds: Invalid value: 0: must be greater than or equal to 1");
    get(&admin, &format!("{PODS}/one/log?container=x")).await.fails(
        400,
        "BadRequest",
        "container x is not valid",
    );
    let mut two = one.clone();
    two["metadata"]["name"] = json!("two");
    two["spec"]["containers"] = json!([{"name": "a", "image": "i:1"}, {"name": "b", "image": "i:1"}]);
    post(&admin, PODS, two).await.ok();
    get(&admin, &format!("{PODS}/two/log")).await.fails(
        400,
        "BadRequest",
        "a container name must be specified for pod two, choose one of: [a b]",
    );
    assert_eq!(
        get(&admin, &format!("{PODS}/two/log?container=b")).await.text,
        "/containerLogs/default/two/b"
    );

    let Server { admin, .. } = server_on(options, NodePort::default()).await;
    post(&admin, PODS, one).await.ok();
    get(&admin, &format!("{PODS}/one/log")).await.fails(
        503,
        "ServiceUnavailable",
        "the node is not running yet",
    );
}

#[tokio::test]
async fn a_pod_that_was_bound_can_still_be_changed() {
    let Server { admin, .. } = server().await;
    post(&admin, PODS, pod("a")).await.ok();
    let binding = json!({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "a"},
        "target": {"apiVersion": "v1", "kind": "Node", "name": "one"}});
    post(&admin, &format!("{PODS}/a/binding"), binding).await.ok();
    let labels = json!({"metadata": {"labels": {"a": "b"}}});
    let changed = patch(&admin, "merge", &format!("{PODS}/a"), labels).await.ok();
    assert_eq!(changed["metadata"]["labels"]["a"], "b");
    assert_eq!(changed["status"]["conditions"][0]["type"], "PodScheduled");
}
