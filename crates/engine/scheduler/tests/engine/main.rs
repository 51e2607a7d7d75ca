//! The scheduler at work on the engine's API in process.

use std::fmt::Debug;

use anyhow::{Context as _, Result};
use bythos_testing::{Engine, eventually};
use k8s_openapi::api::core::v1::{Event, Node, Pod};
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::{Api, ResourceExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

struct Stage {
    engine: Engine,
    pods: Api<Pod>,
    nodes: Api<Node>,
}

impl Stage {
    async fn start() -> Result<Stage> {
        let engine = Engine::start().await?;
        engine.run(&bythos_scheduler::part()).await?;
        let (pods, nodes) =
            (Api::namespaced(engine.admin.clone(), "default"), Api::all(engine.admin.clone()));
        Ok(Stage { engine, pods, nodes })
    }

    /// A ready node with two processors.
    async fn add_node(&self, name: &str) -> Result<()> {
        create(&self.nodes, json!({ "metadata": { "name": name } })).await?;
        let status = json!({ "status": {
            "allocatable": { "cpu": "2", "memory": "4Gi", "pods": "110" },
            "conditions": [{ "type": "Ready", "status": "True" }],
        }});
        self.nodes.patch_status(name, &PatchParams::default(), &Patch::Merge(status)).await?;
        Ok(())
    }

    async fn add_pod(&self, name: &str, cpu: &str) -> Result<()> {
        let containers = json!([{ "name": "c", "image": "i", "resources": { "requests": { "cpu": cpu } } }]);
        create(&self.pods, json!({ "metadata": { "name": name }, "spec": { "containers": containers } }))
            .await
    }

    async fn node_of(&self, pod: &str) -> Option<String> {
        self.pods.get(pod).await.ok()?.spec?.node_name
    }

    async fn until_scheduled(&self, pod: &str) -> Result<String> {
        eventually(&format!("{pod} to get a node"), || self.node_of(pod)).await
    }

    async fn until_refused(&self, pod: &str, message: &str) -> Result<()> {
        eventually(&format!("{pod} to be told: {message}"), || async {
            let conditions = self.pods.get(pod).await.ok()?.status?.conditions?;
            let condition =
                conditions.into_iter().find(|one| one.type_ == "PodScheduled" && one.status == "False")?;
            (condition.reason? == "Unschedulable" && condition.message? == message).then_some(())
        })
        .await
    }

    async fn until_event(&self, reason: &str, message: &str) -> Result<()> {
        let events = Api::<Event>::namespaced(self.engine.admin.clone(), "default");
        eventually(&format!("the event {message:?}"), || async {
            let events = events.list(&Default::default()).await.ok()?.items;
            let is_it = |event: &Event| {
                event.reason.as_deref() == Some(reason) && event.message.as_deref() == Some(message)
            };
            events.iter().any(is_it).then_some(())
        })
        .await
    }
}

async fn create<K>(api: &Api<K>, object: Value) -> Result<()>
where
    K: Clone + Serialize + DeserializeOwned + Debug,
{
    let typed: K = serde_json::from_value(object).context("the test's object is wrong")?;
    api.create(&Default::default(), &typed).await?;
    Ok(())
}

#[tokio::test]
async fn a_pod_gets_the_node_that_has_most_left() -> Result<()> {
    let stage = Stage::start().await?;
    stage.add_node("one").await?;
    stage.add_pod("first", "1").await?;
    assert_eq!(stage.until_scheduled("first").await?, "one");
    stage.until_event("Scheduled", "Successfully assigned default/first to one").await?;
    stage.add_node("two").await?;
    // Nobody tells when the scheduler has seen the second node; a pod that only fits there does.
    stage.add_pod("large", "1500m").await?;
    assert_eq!(stage.until_scheduled("large").await?, "two");
    stage.add_pod("small", "100m").await?;
    assert_eq!(stage.until_scheduled("small").await?, "one");
    Ok(())
}

#[tokio::test]
async fn a_pod_that_fits_nowhere_is_told_why_and_tried_again_when_something_changes() -> Result<()> {
    let stage = Stage::start().await?;
    stage.add_pod("web", "1").await?;
    stage.until_refused("web", "no nodes available to schedule pods").await?;
    let cordoned = json!({ "metadata": { "name": "one" }, "spec": { "unschedulable": true } });
    create(&stage.nodes, cordoned).await?;
    stage.until_refused("web", "0/1 nodes are available: 1 node(s) were unschedulable.").await?;
    stage.until_event("FailedScheduling", "0/1 nodes are available: 1 node(s) were unschedulable.").await?;

    let open = json!({ "spec": { "unschedulable": false } });
    stage.nodes.patch("one", &PatchParams::default(), &Patch::Merge(open)).await?;
    let not_ready =
        "0/1 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/not-ready: }.";
    stage.until_refused("web", not_ready).await?;
    let ready = json!({ "status": {
        "allocatable": { "cpu": "500m", "pods": "110" },
        "conditions": [{ "type": "Ready", "status": "True" }],
    }});
    stage.nodes.patch_status("one", &PatchParams::default(), &Patch::Merge(ready)).await?;
    stage.until_refused("web", "0/1 nodes are available: 1 Insufficient cpu.").await?;
    let larger = json!({ "status": { "allocatable": { "cpu": "1" } } });
    stage.nodes.patch_status("one", &PatchParams::default(), &Patch::Merge(larger)).await?;
    assert_eq!(stage.until_scheduled("web").await?, "one");
    Ok(())
}

#[tokio::test]
async fn a_node_is_never_given_more_than_it_has() -> Result<()> {
    let stage = Stage::start().await?;
    stage.add_node("one").await?;
    let names: Vec<_> = (0..12).map(|number| format!("web-{number:02}")).collect();
    for name in &names {
        stage.add_pod(name, "250m").await?;
    }
    let refused = "0/1 nodes are available: 1 Insufficient cpu.";
    let bound = eventually("every pod to be decided on", || async {
        let pods = stage.pods.list(&Default::default()).await.ok()?.items;
        let is_decided = |pod: &Pod| {
            let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
            let has_node = pod.spec.as_ref().is_some_and(|spec| spec.node_name.is_some());
            has_node || conditions.into_iter().any(|one| one.message.as_deref() == Some(refused))
        };
        let bound = pods.iter().filter(|pod| pod.spec.as_ref().is_some_and(|spec| spec.node_name.is_some()));
        pods.iter().all(is_decided).then(|| bound.map(|pod| pod.name_any()).collect::<Vec<_>>())
    })
    .await?;
    assert_eq!(bound.len(), 8, "two processors are eight quarters: {bound:?}");

    let at_once = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() };
    stage.pods.delete(&bound[0], &at_once).await?;
    eventually("another pod to take the free place", || async {
        let pods = stage.pods.list(&Default::default()).await.ok()?.items;
        let bound = pods.iter().filter(|pod| pod.spec.as_ref().is_some_and(|spec| spec.node_name.is_some()));
        (bound.count() == 8).then_some(())
    })
    .await
}
