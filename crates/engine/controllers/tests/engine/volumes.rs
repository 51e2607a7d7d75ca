//! Claims and volumes: bound, made, protected and given back.

use anyhow::Result;
use k8s_openapi::api::core::v1::{Event, PersistentVolume, PersistentVolumeClaim, Pod};
use k8s_openapi::api::storage::v1::StorageClass;
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};

use crate::support::{Stage, create, merge};

fn claim(class: &Value) -> Value {
    json!({
        "metadata": { "name": "data" },
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": { "requests": { "storage": "1Gi" } },
            "storageClassName": class,
        },
    })
}

fn volume(policy: &str) -> Value {
    json!({
        "metadata": { "name": "disk" },
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "capacity": { "storage": "5Gi" },
            "hostPath": { "path": "/srv/disk" },
            "persistentVolumeReclaimPolicy": policy,
            "storageClassName": "manual",
        },
    })
}

fn phase_of_claim(phase: &str) -> impl Fn(&PersistentVolumeClaim) -> Option<()> {
    move |claim| (claim.status.as_ref()?.phase.as_deref()? == phase).then_some(())
}

fn phase_of_volume(phase: &str) -> impl Fn(&PersistentVolume) -> Option<()> {
    move |volume| (volume.status.as_ref()?.phase.as_deref()? == phase).then_some(())
}

/// A pod that uses the claim, on a node.
async fn use_claim(stage: &Stage) -> Result<Api<Pod>> {
    let pods = stage.api::<Pod>();
    let pod = json!({
        "metadata": { "name": "user" },
        "spec": {
            "nodeName": "one",
            "containers": [{ "name": "c", "image": "one" }],
            "volumes": [{ "name": "data", "persistentVolumeClaim": { "claimName": "data" } }],
        },
    });
    create(&pods, pod).await?;
    Ok(pods)
}

async fn end(pods: &Api<Pod>) -> Result<()> {
    let now = kube::api::DeleteParams { grace_period_seconds: Some(0), ..Default::default() };
    pods.delete("user", &now).await?;
    Ok(())
}

#[tokio::test]
async fn the_default_class_makes_a_volume_when_the_first_pod_has_a_node() -> Result<()> {
    let stage = Stage::start().await?;
    let classes = Api::<StorageClass>::all(stage.client());
    let local = classes.get("local").await?;
    assert_eq!(local.annotations()["storageclass.kubernetes.io/is-default-class"], "true");
    classes.get("local-path").await?;

    let (claims, volumes) =
        (stage.api::<PersistentVolumeClaim>(), Api::<PersistentVolume>::all(stage.client()));
    create(&claims, claim(&Value::Null)).await?;
    let classified = |claim: &PersistentVolumeClaim| {
        (claim.spec.as_ref()?.storage_class_name.as_deref()? == "local").then_some(())
    };
    stage.until("the class", &claims, "data", classified).await?;
    bythos_testing::eventually("the claim to say what it waits for", || async {
        let events = stage.api::<Event>().list(&ListParams::default()).await.ok()?;
        events.items.into_iter().find(|event| event.reason.as_deref() == Some("WaitForFirstConsumer"))
    })
    .await?;
    let pods = use_claim(&stage).await?;
    stage.until("the bond", &claims, "data", phase_of_claim("Bound")).await?;
    let claim = claims.get("data").await?;
    let name = format!("pvc-{}", claim.uid().unwrap());
    assert_eq!(claim.spec.as_ref().unwrap().volume_name.as_ref(), Some(&name));
    let volume = stage
        .until("the volume", &volumes, &name, |volume| {
            phase_of_volume("Bound")(volume).map(|()| volume.clone())
        })
        .await?;
    let spec = volume.spec.as_ref().unwrap();
    assert_eq!(spec.local.as_ref().unwrap().path, format!("/data/volumes/{name}"));
    assert_eq!(volume.annotations()["pv.kubernetes.io/provisioned-by"], "bythos.dev/local");

    claims.delete("data", &Default::default()).await?;
    let held = |claim: &PersistentVolumeClaim| {
        let is_held = claim.finalizers().iter().any(|finalizer| finalizer == "kubernetes.io/pvc-protection");
        (claim.metadata.deletion_timestamp.is_some() && is_held).then_some(())
    };
    stage.until("the claim to be held by its user", &claims, "data", held).await?;
    end(&pods).await?;
    stage.until_count("no claim", &claims, 0).await?;
    let to_go = |volume: &PersistentVolume| {
        let finalizers = volume.finalizers();
        (volume.metadata.deletion_timestamp.is_some() && finalizers == ["bythos.dev/local-folder"])
            .then_some(())
    };
    stage.until("the volume to wait for the node", &volumes, &name, to_go).await?;
    // The node removed the folder.
    let done = json!({ "metadata": { "finalizers": null } });
    volumes.patch(&name, &PatchParams::default(), &Patch::Merge(done)).await?;
    stage.until_count("no volume", &volumes, 0).await?;
    Ok(())
}

#[tokio::test]
async fn a_volume_made_by_hand_is_bound_and_retained() -> Result<()> {
    let stage = Stage::start().await?;
    let (claims, volumes) =
        (stage.api::<PersistentVolumeClaim>(), Api::<PersistentVolume>::all(stage.client()));
    create(&claims, claim(&json!("manual"))).await?;
    create(&volumes, volume("Retain")).await?;
    stage.until("the bond", &claims, "data", phase_of_claim("Bound")).await?;
    let claim = claims.get("data").await?;
    let capacity = claim.status.as_ref().unwrap().capacity.clone().unwrap();
    assert_eq!(capacity["storage"].0, "5Gi");
    stage.until("the volume", &volumes, "disk", phase_of_volume("Bound")).await?;

    volumes.delete("disk", &Default::default()).await?;
    let held = |volume: &PersistentVolume| {
        (volume.metadata.deletion_timestamp.is_some()
            && volume.finalizers() == ["kubernetes.io/pv-protection"])
        .then_some(())
    };
    stage.until("the volume to be held by its claim", &volumes, "disk", held).await?;
    claims.delete("data", &Default::default()).await?;
    stage.until_count("no volume", &volumes, 0).await?;
    Ok(())
}

#[tokio::test]
async fn a_retained_volume_is_released_and_can_be_offered_again() -> Result<()> {
    let stage = Stage::start().await?;
    let (claims, volumes) =
        (stage.api::<PersistentVolumeClaim>(), Api::<PersistentVolume>::all(stage.client()));
    create(&volumes, volume("Retain")).await?;
    stage.until("the volume", &volumes, "disk", phase_of_volume("Available")).await?;
    create(&claims, claim(&json!("manual"))).await?;
    stage.until("the bond", &claims, "data", phase_of_claim("Bound")).await?;
    claims.delete("data", &Default::default()).await?;
    stage.until("the release", &volumes, "disk", phase_of_volume("Released")).await?;
    merge(&volumes, "disk", json!({ "spec": { "claimRef": null } })).await?;
    stage.until("the volume", &volumes, "disk", phase_of_volume("Available")).await?;
    create(&claims, claim(&json!("manual"))).await?;
    stage.until("the bond", &claims, "data", phase_of_claim("Bound")).await
}

#[tokio::test]
async fn a_claim_that_lost_its_volume_says_so() -> Result<()> {
    let stage = Stage::start().await?;
    let (claims, volumes) =
        (stage.api::<PersistentVolumeClaim>(), Api::<PersistentVolume>::all(stage.client()));
    create(&volumes, volume("Retain")).await?;
    create(&claims, claim(&json!("manual"))).await?;
    stage.until("the bond", &claims, "data", phase_of_claim("Bound")).await?;
    stage.until("the volume", &volumes, "disk", phase_of_volume("Bound")).await?;
    volumes.delete("disk", &Default::default()).await?;
    let done = json!({ "metadata": { "finalizers": null } });
    volumes.patch("disk", &PatchParams::default(), &Patch::Merge(done)).await?;
    stage.until("the loss", &claims, "data", phase_of_claim("Lost")).await
}

fn pod_with_scratch() -> Value {
    let template = json!({
        "metadata": { "labels": { "app": "web" }, "annotations": { "example.com/a": "b" } },
        "spec": { "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1Gi" } } },
    });
    json!({
        "metadata": { "name": "web" },
        "spec": {
            "containers": [{ "name": "c", "image": "one" }],
            "volumes": [{ "name": "scratch", "ephemeral": { "volumeClaimTemplate": template } }],
        },
    })
}

#[tokio::test]
async fn an_ephemeral_volume_is_a_claim_that_goes_with_its_pod() -> Result<()> {
    let stage = Stage::start().await?;
    let (pods, claims) = (stage.api::<Pod>(), stage.api::<PersistentVolumeClaim>());
    let pod = create(&pods, pod_with_scratch()).await?;
    let made = stage.until("the claim", &claims, "web-scratch", |claim| Some(claim.clone())).await?;
    assert_eq!(made.labels()["app"], "web");
    assert_eq!(made.annotations()["example.com/a"], "b");
    let owner = &made.owner_references()[0];
    assert_eq!(
        (owner.kind.as_str(), Some(&owner.uid), owner.controller),
        ("Pod", pod.metadata.uid.as_ref(), Some(true))
    );
    assert_eq!(made.spec.unwrap().resources.unwrap().requests.unwrap()["storage"].0, "1Gi");
    pods.delete("web", &Default::default()).await?;
    stage.until_count("no claim", &claims, 0).await?;
    Ok(())
}

#[tokio::test]
async fn a_claim_of_somebody_else_in_the_place_of_an_ephemeral_one_is_told_and_left_alone() -> Result<()> {
    let stage = Stage::start().await?;
    let (pods, claims) = (stage.api::<Pod>(), stage.api::<PersistentVolumeClaim>());
    let mut foreign = claim(&json!("manual"));
    foreign["metadata"]["name"] = json!("web-scratch");
    create(&claims, foreign).await?;
    create(&pods, pod_with_scratch()).await?;
    let words = "ephemeral volume scratch: PVC default/web-scratch was not created for pod default/web (pod is not owner)";
    bythos_testing::eventually("the conflict to be told", || async {
        let events = stage.api::<Event>().list(&ListParams::default()).await.ok()?;
        let is_it = |event: &Event| {
            event.reason.as_deref() == Some("FailedBinding") && event.message.as_deref() == Some(words)
        };
        events.items.into_iter().find(is_it)
    })
    .await?;
    claims.delete("web-scratch", &Default::default()).await?;
    let is_owned = |claim: &PersistentVolumeClaim| claim.owner_references().first().map(drop);
    stage.until("the claim of the pod's own", &claims, "web-scratch", is_owned).await
}
