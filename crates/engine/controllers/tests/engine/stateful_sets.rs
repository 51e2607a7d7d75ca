//! StatefulSets: pods with names, an order and storage of their own.

#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]

use anyhow::Result;
use k8s_openapi::api::apps::v1::{ControllerRevision, StatefulSet, StatefulSetStatus};
use k8s_openapi::api::core::v1::{Event, PersistentVolumeClaim, Pod};
use kube::ResourceExt as _;
use kube::api::{DeleteParams, ListParams};
use serde_json::{Value, json};

use crate::support::{Node, Stage, create, merge};

fn stateful_set(image: &str, spec: &Value) -> Value {
    let mut set = json!({
        "metadata": { "name": "db" },
        "spec": {
            "replicas": 3,
            "serviceName": "db",
            "selector": { "matchLabels": { "app": "db" } },
            "template": {
                "metadata": { "labels": { "app": "db" } },
                "spec": { "containers": [{ "name": "db", "image": image }] },
            },
        },
    });
    for (key, value) in spec.as_object().unwrap() {
        set["spec"][key] = value.clone();
    }
    set
}

fn claims() -> Value {
    json!([{
        "metadata": { "name": "data" },
        "spec": { "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1Gi" } } },
    }])
}

/// The status, once all replicas are of the present template and available.
fn complete(set: &StatefulSet) -> Option<StatefulSetStatus> {
    let status = set.status.clone()?;
    let wanted = set.spec.replicas;
    let is_done = [status.updated_replicas, status.available_replicas, Some(status.replicas)]
        .iter()
        .all(|count| *count == wanted);
    let is_current = status.observed_generation == set.metadata.generation
        && status.current_revision == status.update_revision;
    (is_done && is_current).then_some(status)
}

fn image(pod: &Pod) -> String {
    pod.spec.as_ref().unwrap().containers[0].image.clone().unwrap()
}

#[tokio::test]
async fn pods_come_in_order_with_a_name_and_claims_of_their_own() -> Result<()> {
    let stage = Stage::start().await?;
    let node = Node::start(stage.client());
    let sets = stage.api::<StatefulSet>();
    create(&sets, stateful_set("one", &json!({ "volumeClaimTemplates": claims() }))).await?;
    let status = stage.until("the set", &sets, "db", complete).await?;
    assert_eq!((status.ready_replicas, status.current_replicas), (Some(3), Some(3)));

    let pod = stage.api::<Pod>().get("db-1").await?;
    assert_eq!(pod.labels()["statefulset.kubernetes.io/pod-name"], "db-1");
    assert_eq!(pod.labels()["apps.kubernetes.io/pod-index"], "1");
    assert_eq!(Some(&pod.labels()["controller-revision-hash"]), status.update_revision.as_ref());
    let spec = pod.spec.as_ref().unwrap();
    assert_eq!((spec.hostname.as_deref(), spec.subdomain.as_deref()), (Some("db-1"), Some("db")));
    let volume = spec.volumes.iter().flatten().find(|volume| volume.name == "data").unwrap();
    assert_eq!(volume.persistent_volume_claim.as_ref().unwrap().claim_name, "data-db-1");
    let claim = stage.api::<PersistentVolumeClaim>().get("data-db-1").await?;
    assert_eq!((claim.labels()["app"].as_str(), claim.owner_references().len()), ("db", 0));
    assert_eq!(node.seen().pods.len(), 3);

    for message in [
        "create Pod db-0 in StatefulSet db successful",
        "create Claim data-db-0 Pod db-0 in StatefulSet db success",
    ] {
        bythos_testing::eventually(message, || async {
            let events = stage.api::<Event>().list(&ListParams::default()).await.ok()?;
            events.items.into_iter().find(|event| event.message.as_deref() == Some(message))
        })
        .await?;
    }
    Ok(())
}

#[tokio::test]
async fn an_ordered_set_waits_for_the_pod_before() -> Result<()> {
    let stage = Stage::start().await?;
    let _node = Node::start(stage.client());
    let (sets, pods) = (stage.api::<StatefulSet>(), stage.api::<Pod>());
    create(&sets, stateful_set("broken", &json!({}))).await?;
    stage.until_count("the first pod", &pods, 1).await?;
    let stuck = |set: &StatefulSet| {
        let status = set.status.as_ref()?;
        (status.replicas == 1 && status.ready_replicas.is_none()).then_some(())
    };
    stage.until("the status", &sets, "db", stuck).await?;
    assert_eq!(pods.list(&ListParams::default()).await?.items.len(), 1);
    sets.delete("db", &DeleteParams::default()).await?;
    stage.until_count("no pods", &pods, 0).await?;
    create(&sets, stateful_set("broken", &json!({ "podManagementPolicy": "Parallel" }))).await?;
    stage.until_count("all pods at once", &pods, 3).await?;
    Ok(())
}

#[tokio::test]
async fn a_rollout_goes_from_the_last_pod_down_to_the_partition_and_back() -> Result<()> {
    let stage = Stage::start().await?;
    let node = Node::start(stage.client());
    let (sets, pods) = (stage.api::<StatefulSet>(), stage.api::<Pod>());
    create(&sets, stateful_set("one", &json!({}))).await?;
    stage.until("the set", &sets, "db", complete).await?;
    node.watch_availability();
    let rolling =
        json!({ "updateStrategy": { "type": "RollingUpdate", "rollingUpdate": { "partition": 2 } } });
    merge(&sets, "db", stateful_set("two", &rolling)).await?;
    let halted = |set: &StatefulSet| {
        let status = set.status.as_ref()?;
        let is_there = status.updated_replicas == Some(1) && status.ready_replicas == Some(3);
        (is_there && status.current_replicas == Some(2)).then_some(())
    };
    stage.until("the first step", &sets, "db", halted).await?;
    assert_eq!(image(&pods.get("db-2").await?), "two");
    assert_eq!(image(&pods.get("db-1").await?), "one");
    pods.delete("db-0", &DeleteParams::default()).await?;
    let returned =
        |pod: &Pod| (pod.metadata.deletion_timestamp.is_none() && image(pod) == "one").then_some(());
    stage.until("the pod below the partition as it was", &pods, "db-0", returned).await?;

    let rolling =
        json!({ "updateStrategy": { "type": "RollingUpdate", "rollingUpdate": { "partition": 0 } } });
    merge(&sets, "db", json!({ "spec": rolling })).await?;
    stage.until("the rollout", &sets, "db", complete).await?;
    assert_eq!(image(&pods.get("db-0").await?), "two");
    assert!(node.seen().fewest_ready >= Some(1), "{:?}", node.seen().fewest_ready);

    merge(&sets, "db", stateful_set("one", &json!({}))).await?;
    stage
        .until("the way back", &sets, "db", |set| {
            complete(set).filter(|_| set.metadata.generation == Some(4))
        })
        .await?;
    let revisions = stage.until_count("both revisions", &stage.api::<ControllerRevision>(), 2).await?;
    let mut numbers: Vec<_> = revisions.iter().filter_map(|revision| revision.revision).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [2, 3]);
    Ok(())
}

#[tokio::test]
async fn pods_that_are_not_wanted_go_and_take_their_claims_along_where_the_set_says_so() -> Result<()> {
    let stage = Stage::start().await?;
    let _node = Node::start(stage.client());
    let (sets, claim_api) = (stage.api::<StatefulSet>(), stage.api::<PersistentVolumeClaim>());
    let retention = json!({ "whenScaled": "Delete", "whenDeleted": "Retain" });
    let spec = json!({ "volumeClaimTemplates": claims(), "persistentVolumeClaimRetentionPolicy": retention });
    create(&sets, stateful_set("one", &spec)).await?;
    stage.until("the set", &sets, "db", complete).await?;
    merge(&sets, "db", json!({ "spec": { "replicas": 1 } })).await?;
    stage.until_count("one pod", &stage.api::<Pod>(), 1).await?;
    stage.until_count("one claim", &claim_api, 1).await?;
    claim_api.get("data-db-0").await?;
    sets.delete("db", &DeleteParams::default()).await?;
    stage.until_count("no pods", &stage.api::<Pod>(), 0).await?;
    claim_api.get("data-db-0").await?;
    Ok(())
}

#[tokio::test]
async fn a_claim_that_goes_with_its_pod_names_it_before_the_pod_is_asked_to_go() -> Result<()> {
    let stage = Stage::start().await?;
    let node = Node::start(stage.client());
    let (sets, pods) = (stage.api::<StatefulSet>(), stage.api::<Pod>());
    let retention = json!({ "whenScaled": "Delete", "whenDeleted": "Retain" });
    let spec = json!({ "volumeClaimTemplates": claims(), "persistentVolumeClaimRetentionPolicy": retention });
    let mut set = stateful_set("one", &spec);
    set["spec"]["template"]["spec"]["nodeName"] = json!("one");
    create(&sets, set).await?;
    stage.until("the set", &sets, "db", complete).await?;
    // Nobody ends it now: a pod stays as it was when it was asked to go.
    drop(node);
    merge(&sets, "db", json!({ "spec": { "replicas": 2 } })).await?;
    let asked = |pod: &Pod| pod.metadata.deletion_timestamp.as_ref().and(pod.resource_version());
    let asked = stage.until("the pod to be asked to go", &pods, "db-2", asked).await?;
    let claim = stage.api::<PersistentVolumeClaim>().get("data-db-2").await?;
    assert_eq!(claim.owner_references().first().map(|owner| owner.kind.as_str()), Some("Pod"));
    // One revision counts all writes.
    let owned = claim.resource_version().unwrap();
    assert!(
        owned.parse::<u64>()? < asked.parse::<u64>()?,
        "the claim was changed at {owned}, the pod at {asked}"
    );
    Ok(())
}

#[tokio::test]
async fn claims_go_with_the_set_where_it_says_so() -> Result<()> {
    let stage = Stage::start().await?;
    let _node = Node::start(stage.client());
    let (sets, claim_api) = (stage.api::<StatefulSet>(), stage.api::<PersistentVolumeClaim>());
    let retention = json!({ "whenScaled": "Retain", "whenDeleted": "Delete" });
    let spec = json!({ "volumeClaimTemplates": claims(), "persistentVolumeClaimRetentionPolicy": retention });
    create(&sets, stateful_set("one", &spec)).await?;
    stage.until("the set", &sets, "db", complete).await?;
    merge(&sets, "db", json!({ "spec": { "replicas": 1 } })).await?;
    stage.until_count("one pod", &stage.api::<Pod>(), 1).await?;
    stage.until_count("the claims of all that ever were", &claim_api, 3).await?;
    sets.delete("db", &DeleteParams::default()).await?;
    stage.until_count("no claims", &claim_api, 0).await?;
    Ok(())
}

#[tokio::test]
async fn a_set_goes_on_where_a_crash_left_it() -> Result<()> {
    let mut stage = Stage::start().await?;
    let node = Node::start(stage.client());
    let sets = stage.api::<StatefulSet>();
    create(&sets, stateful_set("one", &json!({}))).await?;
    for pods in [1, 2] {
        bythos_testing::eventually("some pods", || async { (node.seen().pods.len() >= pods).then_some(()) })
            .await?;
        stage.kill_controllers().await;
        stage.start_controllers().await?;
    }
    stage.until("the set", &sets, "db", complete).await?;
    stage.until_count("one revision", &stage.api::<ControllerRevision>(), 1).await?;
    Ok(())
}
