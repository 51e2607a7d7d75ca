//! DaemonSets: one pod on each node that fits.

#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]

use std::collections::BTreeMap;

use anyhow::Result;
use k8s_openapi::api::apps::v1::{DaemonSet, DaemonSetStatus};
use k8s_openapi::api::core::v1::{Node as KubeNode, Pod};
use kube::api::ListParams;
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};

use crate::support::{Node, Stage, create, merge};

fn daemon_set(image: &str, spec: &Value) -> Value {
    let mut set = json!({
        "metadata": { "name": "log" },
        "spec": {
            "selector": { "matchLabels": { "app": "log" } },
            "template": {
                "metadata": { "labels": { "app": "log" } },
                "spec": { "containers": [{ "name": "log", "image": image }] },
            },
        },
    });
    for (key, value) in spec.as_object().unwrap() {
        set["spec"][key] = value.clone();
    }
    set
}

async fn add_node(stage: &Stage, name: &str, labels: Value) -> Result<()> {
    let nodes = Api::<KubeNode>::all(stage.client());
    create(&nodes, json!({ "metadata": { "name": name, "labels": labels } })).await?;
    Ok(())
}

/// The nodes that pods are for.
async fn nodes_of_pods(pods: &Api<Pod>) -> Option<Vec<String>> {
    let items = pods.list(&ListParams::default()).await.ok()?.items;
    let staying = items.into_iter().filter(|pod| pod.metadata.deletion_timestamp.is_none());
    let mut nodes: Vec<String> = staying.filter_map(|pod| Some(node_of(&pod)?.to_owned())).collect();
    nodes.sort();
    Some(nodes)
}

fn node_of(pod: &Pod) -> Option<&str> {
    let affinity = pod.spec.as_ref()?.affinity.as_ref()?.node_affinity.as_ref()?;
    let required = affinity.required_during_scheduling_ignored_during_execution.as_ref()?;
    let field = required.node_selector_terms.first()?.match_fields.as_ref()?.first()?;
    Some(field.values.as_ref()?.first()?.as_str())
}

async fn until_nodes(pods: &Api<Pod>, expected: &[&str]) -> Result<()> {
    bythos_testing::eventually(&format!("pods for {expected:?}"), || async {
        nodes_of_pods(pods).await.filter(|nodes| nodes == expected).map(drop)
    })
    .await
}

/// The status, once every node has an available pod of the present template.
fn complete(set: &DaemonSet) -> Option<DaemonSetStatus> {
    let status = set.status.clone()?;
    let desired = Some(status.desired_number_scheduled);
    let is_done = status.updated_number_scheduled == desired && status.number_available == desired;
    (is_done && status.observed_generation == set.metadata.generation).then_some(status)
}

#[tokio::test]
async fn each_node_that_fits_has_a_pod_and_a_new_one_gets_one() -> Result<()> {
    let stage = Stage::start().await?;
    let _node = Node::start(stage.client());
    let (sets, pods) = (stage.api::<DaemonSet>(), stage.api::<Pod>());
    add_node(&stage, "a", json!({ "log": "yes" })).await?;
    add_node(&stage, "b", json!({})).await?;
    let mut set = daemon_set("one", &json!({}));
    set["spec"]["template"]["spec"]["nodeSelector"] = json!({ "log": "yes" });
    create(&sets, set).await?;
    until_nodes(&pods, &["a"]).await?;
    add_node(&stage, "c", json!({ "log": "yes" })).await?;
    until_nodes(&pods, &["a", "c"]).await?;
    let status = stage
        .until("the set", &sets, "log", |set| {
            complete(set).filter(|status| status.desired_number_scheduled == 2)
        })
        .await?;
    assert_eq!((status.current_number_scheduled, status.number_ready, status.number_misscheduled), (2, 2, 0));

    let nodes = Api::<KubeNode>::all(stage.client());
    merge(&nodes, "a", json!({ "metadata": { "labels": { "log": null } } })).await?;
    until_nodes(&pods, &["c"]).await?;
    nodes.delete("c", &Default::default()).await?;
    until_nodes(&pods, &[]).await?;
    Ok(())
}

#[tokio::test]
async fn a_daemon_tolerates_what_it_is_there_to_see() -> Result<()> {
    let stage = Stage::start().await?;
    add_node(&stage, "a", json!({})).await?;
    create(&stage.api::<DaemonSet>(), daemon_set("one", &json!({}))).await?;
    let pod = stage.until_count("the pod", &stage.api::<Pod>(), 1).await?.remove(0);
    let tolerations = pod.spec.as_ref().unwrap().tolerations.clone().unwrap();
    let keys: BTreeMap<_, _> =
        tolerations.iter().map(|one| (one.key.clone().unwrap(), one.effect.clone().unwrap())).collect();
    assert_eq!(keys["node.kubernetes.io/not-ready"], "NoExecute");
    assert_eq!(keys["node.kubernetes.io/unschedulable"], "NoSchedule");
    assert_eq!(pod.labels()["pod-template-generation"], "1");
    assert!(pod.name_any().ends_with(|last: char| last.is_ascii_alphanumeric()));
    Ok(())
}

#[tokio::test]
async fn a_rollout_replaces_one_pod_after_the_other() -> Result<()> {
    let stage = Stage::start().await?;
    let node = Node::start(stage.client());
    let sets = stage.api::<DaemonSet>();
    for name in ["a", "b", "c"] {
        add_node(&stage, name, json!({})).await?;
    }
    create(&sets, daemon_set("one", &json!({}))).await?;
    stage.until("the set", &sets, "log", complete).await?;
    node.watch_availability();
    merge(&sets, "log", daemon_set("two", &json!({}))).await?;
    stage
        .until("the rollout", &sets, "log", |set| {
            complete(set).filter(|_| set.metadata.generation == Some(2))
        })
        .await?;
    assert!(node.seen().fewest_ready >= Some(2), "{:?}", node.seen().fewest_ready);
    assert_eq!(node.seen().pods.len(), 6);

    node.watch_availability();
    let surge = json!({ "updateStrategy": { "type": "RollingUpdate", "rollingUpdate": { "maxSurge": 1, "maxUnavailable": 0 } } });
    merge(&sets, "log", daemon_set("three", &surge)).await?;
    stage
        .until("the rollout by surge", &sets, "log", |set| {
            complete(set).filter(|_| set.metadata.generation == Some(3))
        })
        .await?;
    until_nodes(&stage.api::<Pod>(), &["a", "b", "c"]).await?;
    assert_eq!(node.seen().fewest_ready, Some(3));
    Ok(())
}
