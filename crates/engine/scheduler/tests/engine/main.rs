//! The scheduler at work on the engine's API in process.

use std::fmt::Debug;

use anyhow::{Context as _, Result};
use bythos_testing::{Engine, eventually};
use k8s_openapi::api::core::v1::{Event, Node, PersistentVolume, PersistentVolumeClaim, Pod};
use k8s_openapi::api::scheduling::v1::PriorityClass;
use k8s_openapi::api::storage::v1::StorageClass;
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
    let unhelpful = "preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.";
    let words = format!("0/1 nodes are available: 1 node(s) were unschedulable. {unhelpful}");
    stage.until_refused("web", &words).await?;
    stage.until_event("FailedScheduling", &words).await?;

    let open = json!({ "spec": { "unschedulable": false } });
    stage.nodes.patch("one", &PatchParams::default(), &Patch::Merge(open)).await?;
    let not_ready =
        "0/1 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/not-ready: }.";
    stage.until_refused("web", &format!("{not_ready} {unhelpful}")).await?;
    let ready = json!({ "status": {
        "allocatable": { "cpu": "500m", "pods": "110" },
        "conditions": [{ "type": "Ready", "status": "True" }],
    }});
    stage.nodes.patch_status("one", &PatchParams::default(), &Patch::Merge(ready)).await?;
    stage.until_refused("web", &format!("0/1 nodes are available: 1 Insufficient cpu. {unhelpful}")).await?;
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
    let refused = "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: \
                   1 No preemption victims found for incoming pod.";
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

#[tokio::test]
async fn a_pod_of_high_priority_makes_others_leave_and_gets_their_room() -> Result<()> {
    let stage = Stage::start().await?;
    stage.add_node("one").await?;
    stage.add_pod("low", "1500m").await?;
    stage.add_pod("small", "500m").await?;
    for name in ["low", "small"] {
        assert_eq!(stage.until_scheduled(name).await?, "one");
    }
    let classes = Api::<PriorityClass>::all(stage.engine.admin.clone());
    create(&classes, json!({ "metadata": { "name": "high" }, "value": 1000 })).await?;
    let at_once = json!({ "spec": { "priorityClassName": "high", "terminationGracePeriodSeconds": 0, "containers": [
        { "name": "c", "image": "i", "resources": { "requests": { "cpu": "1" } } }] } });
    let mut high = at_once;
    high["metadata"] = json!({ "name": "high" });
    create(&stage.pods, high).await?;
    let leaving = eventually("the pod to be asked to leave", || async {
        let low = stage.pods.get_opt("low").await.ok()?;
        let Some(low) = low else { return Some(None) };
        low.metadata.deletion_timestamp.is_some().then_some(Some(low))
    })
    .await?;
    if let Some(low) = leaving {
        let conditions = low.status.and_then(|status| status.conditions).unwrap_or_default();
        let reason = conditions.iter().find(|one| one.type_ == "DisruptionTarget").map(|one| &one.reason);
        assert_eq!(reason, Some(&Some("PreemptionByScheduler".to_owned())), "{conditions:?}");
        let nominated = stage.pods.get("high").await?.status.and_then(|status| status.nominated_node_name);
        assert_eq!(nominated.as_deref(), Some("one"));
        // There is no node that ends it.
        let at_once = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() };
        stage.pods.delete("low", &at_once).await?;
    }
    assert_eq!(stage.until_scheduled("high").await?, "one");
    assert_eq!(stage.node_of("small").await.as_deref(), Some("one"));
    Ok(())
}

#[tokio::test]
async fn a_gated_pod_waits_until_its_gates_are_open() -> Result<()> {
    let stage = Stage::start().await?;
    stage.add_node("one").await?;
    let spec = json!({ "schedulingGates": [{ "name": "example.com/quota" }],
        "containers": [{ "name": "c", "image": "i" }] });
    create(&stage.pods, json!({ "metadata": { "name": "web" }, "spec": spec })).await?;
    eventually("the gate to be named", || async {
        let conditions = stage.pods.get("web").await.ok()?.status?.conditions?;
        conditions.iter().any(|one| one.reason.as_deref() == Some("SchedulingGated")).then_some(())
    })
    .await?;
    let open = json!({ "spec": { "schedulingGates": null } });
    stage.pods.patch("web", &PatchParams::default(), &Patch::Merge(open)).await?;
    assert_eq!(stage.until_scheduled("web").await?, "one");
    Ok(())
}

#[tokio::test]
async fn a_claim_that_waits_for_a_consumer_is_told_the_node_and_the_pod_bound_once_it_has_its_volume()
-> Result<()> {
    let stage = Stage::start().await?;
    stage.add_node("one").await?;
    let admin = stage.engine.admin.clone();
    let spec = json!({ "containers": [{ "name": "c", "image": "i" }],
        "volumes": [{ "name": "data", "persistentVolumeClaim": { "claimName": "data" } }] });
    create(&stage.pods, json!({ "metadata": { "name": "db" }, "spec": spec })).await?;
    stage.until_refused("db", "0/1 nodes are available: persistentvolumeclaim \"data\" not found.").await?;

    let class = json!({ "metadata": { "name": "local" }, "provisioner": "example.com/local",
        "volumeBindingMode": "WaitForFirstConsumer" });
    create(&Api::<StorageClass>::all(admin.clone()), class).await?;
    let claims = Api::<PersistentVolumeClaim>::namespaced(admin.clone(), "default");
    let spec = json!({ "storageClassName": "local", "accessModes": ["ReadWriteOnce"],
        "resources": { "requests": { "storage": "1Gi" } } });
    create(&claims, json!({ "metadata": { "name": "data" }, "spec": spec })).await?;
    eventually("the claim to be told the node", || async {
        let annotations = claims.get("data").await.ok()?.metadata.annotations?;
        (annotations.get("volume.kubernetes.io/selected-node")? == "one").then_some(())
    })
    .await?;
    assert_eq!(stage.node_of("db").await, None);

    let terms = json!([{ "matchFields": [{ "key": "metadata.name", "operator": "In", "values": ["one"] }] }]);
    let volume = json!({ "capacity": { "storage": "1Gi" }, "accessModes": ["ReadWriteOnce"],
        "storageClassName": "local", "hostPath": { "path": "/data" },
        "nodeAffinity": { "required": { "nodeSelectorTerms": terms } } });
    let volumes = Api::<PersistentVolume>::all(admin);
    create(&volumes, json!({ "metadata": { "name": "volume" }, "spec": volume })).await?;
    let bound = json!({ "spec": { "volumeName": "volume" } });
    claims.patch("data", &PatchParams::default(), &Patch::Merge(bound)).await?;
    let bound = json!({ "status": { "phase": "Bound" } });
    claims.patch_status("data", &PatchParams::default(), &Patch::Merge(bound)).await?;
    assert_eq!(stage.until_scheduled("db").await?, "one");
    Ok(())
}

#[tokio::test]
async fn a_claim_of_a_class_that_makes_no_volumes_gets_one_that_lies_ready_where_the_pod_fits() -> Result<()>
{
    let stage = Stage::start().await?;
    stage.add_node("one").await?;
    let admin = stage.engine.admin.clone();
    let class = json!({ "metadata": { "name": "disks" }, "provisioner": "kubernetes.io/no-provisioner",
        "volumeBindingMode": "WaitForFirstConsumer" });
    create(&Api::<StorageClass>::all(admin.clone()), class).await?;
    let claims = Api::<PersistentVolumeClaim>::namespaced(admin.clone(), "default");
    let spec = json!({ "storageClassName": "disks", "accessModes": ["ReadWriteOnce"],
        "resources": { "requests": { "storage": "1Gi" } } });
    create(&claims, json!({ "metadata": { "name": "data" }, "spec": spec })).await?;
    let spec = json!({ "containers": [{ "name": "c", "image": "i" }],
        "volumes": [{ "name": "data", "persistentVolumeClaim": { "claimName": "data" } }] });
    create(&stage.pods, json!({ "metadata": { "name": "db" }, "spec": spec })).await?;
    let nothing = "0/1 nodes are available: 1 node(s) didn't find available persistent volumes to bind. \
                   preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.";
    stage.until_refused("db", nothing).await?;

    let volumes = Api::<PersistentVolume>::all(admin);
    for (name, node) in [("far", "two"), ("near", "one")] {
        let terms =
            json!([{ "matchFields": [{ "key": "metadata.name", "operator": "In", "values": [node] }] }]);
        let spec = json!({ "capacity": { "storage": "1Gi" }, "accessModes": ["ReadWriteOnce"],
            "storageClassName": "disks", "local": { "path": "/mnt/disk" },
            "nodeAffinity": { "required": { "nodeSelectorTerms": terms } } });
        create(&volumes, json!({ "metadata": { "name": name }, "spec": spec })).await?;
    }
    let uid = claims.get("data").await?.metadata.uid;
    eventually("the volume to be kept for the claim", || async {
        let owner = volumes.get("near").await.ok()?.spec?.claim_ref?;
        (owner.uid == uid && owner.name.as_deref() == Some("data")).then_some(())
    })
    .await?;
    assert!(volumes.get("far").await?.spec.is_some_and(|spec| spec.claim_ref.is_none()));
    assert_eq!(stage.node_of("db").await, None, "the claim is not bound yet");
    Ok(())
}
