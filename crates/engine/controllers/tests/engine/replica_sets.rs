//! ReplicaSets: as many pods as they say, never more.

use anyhow::Result;
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use serde_json::{Value, json};

use crate::support::{Node, Stage, create, merge};

fn replica_set(replicas: usize) -> Value {
    json!({
        "metadata": { "name": "web" },
        "spec": {
            "replicas": replicas,
            "selector": { "matchLabels": { "app": "web" } },
            "template": {
                "metadata": { "labels": { "app": "web" } },
                "spec": { "containers": [{ "name": "web", "image": "one" }] },
            },
        },
    })
}

fn bare_pod(name: &str) -> Value {
    json!({
        "metadata": { "name": name, "labels": { "app": "web" } },
        "spec": { "containers": [{ "name": "web", "image": "one" }] },
    })
}

#[tokio::test]
async fn orphans_are_adopted_and_strays_released() -> Result<()> {
    let stage = Stage::start().await?;
    let (sets, pods) = (stage.api::<ReplicaSet>(), stage.api::<Pod>());
    create(&pods, bare_pod("early")).await?;
    let set = create(&sets, replica_set(2)).await?;
    let owned = |pod: &Pod| {
        let owner = pod.owner_references().iter().find(|owner| owner.controller == Some(true))?;
        (owner.uid == set.uid()?).then_some(())
    };
    stage.until("the adoption", &pods, "early", owned).await?;
    stage.until_count("one more pod", &pods, 2).await?;

    merge(&pods, "early", json!({ "metadata": { "labels": { "app": "other" } } })).await?;
    let free = |pod: &Pod| pod.owner_references().is_empty().then_some(());
    stage.until("the release", &pods, "early", free).await?;
    stage.until_count("a pod in its place", &pods, 3).await?;
    Ok(())
}

#[tokio::test]
async fn many_pods_are_made_and_deleted_exactly() -> Result<()> {
    let stage = Stage::start().await?;
    let node = Node::start(stage.client());
    let (sets, pods) = (stage.api::<ReplicaSet>(), stage.api::<Pod>());
    create(&sets, replica_set(40)).await?;
    let ready = |count| move |set: &ReplicaSet| (set.status.as_ref()?.ready_replicas? == count).then_some(());
    stage.until("all pods", &sets, "web", ready(40)).await?;
    merge(&sets, "web", json!({ "spec": { "replicas": 7 } })).await?;
    stage.until_count("fewer pods", &pods, 7).await?;
    stage.until("the status", &sets, "web", ready(7)).await?;
    assert_eq!(node.seen().pods.len(), 40, "no pod was made twice or instead of another");
    Ok(())
}

#[tokio::test]
async fn a_deleted_or_failed_pod_is_replaced() -> Result<()> {
    let stage = Stage::start().await?;
    let (sets, pods) = (stage.api::<ReplicaSet>(), stage.api::<Pod>());
    create(&sets, replica_set(1)).await?;
    let first = stage.until_count("the pod", &pods, 1).await?[0].name_any();
    pods.delete(&first, &Default::default()).await?;
    let second = bythos_testing::eventually("another pod", || async {
        let items = pods.list(&Default::default()).await.ok()?.items;
        items.iter().map(|pod| pod.name_any()).find(|name| *name != first)
    })
    .await?;
    let failed = json!({ "status": { "phase": "Failed" } });
    pods.patch_status(&second, &Default::default(), &kube::api::Patch::Merge(failed)).await?;
    stage.until_count("a pod beside the failed one", &pods, 2).await?;
    Ok(())
}
