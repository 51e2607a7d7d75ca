//! Budgets, and what goes by itself.

use anyhow::Result;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Node as KubeNode, Pod};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use crate::support::{Node, Stage, create, deployment, merge};

#[tokio::test]
async fn a_budget_counts_what_may_go() -> Result<()> {
    let stage = Stage::start().await?;
    let _node = Node::start(stage.client());
    let budgets = stage.api::<PodDisruptionBudget>();
    let spec = json!({ "minAvailable": "50%", "selector": { "matchLabels": { "app": "web" } } });
    create(&budgets, json!({ "metadata": { "name": "web" }, "spec": spec })).await?;
    create(&stage.api::<Deployment>(), deployment("one")).await?;
    let counts = |expected: [i32; 4]| {
        move |budget: &PodDisruptionBudget| {
            let status = budget.status.clone()?;
            let found = [
                status.expected_pods?,
                status.desired_healthy?,
                status.current_healthy?,
                status.disruptions_allowed?,
            ];
            (found == expected).then_some(())
        }
    };
    stage.until("the counts", &budgets, "web", counts([3, 2, 3, 1])).await?;
    merge(&stage.api::<Deployment>(), "web", json!({ "spec": { "replicas": 5 } })).await?;
    stage.until("the counts", &budgets, "web", counts([5, 3, 5, 2])).await?;
    merge(&budgets, "web", json!({ "spec": { "minAvailable": null, "maxUnavailable": 0 } })).await?;
    stage.until("the counts", &budgets, "web", counts([5, 5, 5, 0])).await
}

#[tokio::test]
async fn what_a_gone_node_leaves_behind_goes() -> Result<()> {
    let stage = Stage::start().await?;
    let nodes = Api::<KubeNode>::all(stage.client());
    create(&nodes, json!({ "metadata": { "name": "one" } })).await?;
    let leases = stage.api_in::<Lease>("kube-node-lease");
    create(&leases, json!({ "metadata": { "name": "one" }, "spec": { "holderIdentity": "one" } })).await?;
    let pods = stage.api::<Pod>();
    for name in ["ended", "running"] {
        let spec = json!({ "nodeName": "one", "containers": [{ "name": "c", "image": "one" }] });
        create(&pods, json!({ "metadata": { "name": name }, "spec": spec })).await?;
    }
    let failed = json!({ "status": { "phase": "Failed" } });
    pods.patch_status("ended", &PatchParams::default(), &Patch::Merge(failed)).await?;
    nodes.delete("one", &Default::default()).await?;
    stage.until_count("no lease", &leases, 0).await?;
    // The node may come back to it; its quarantine is tested beside the code.
    let left = stage.until_count("the pod that may still run", &pods, 1).await?;
    assert_eq!(left[0].metadata.name.as_deref(), Some("running"));
    Ok(())
}
