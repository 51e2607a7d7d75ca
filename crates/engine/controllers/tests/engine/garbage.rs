//! Garbage: what lost its owners goes, in each of the three ways.

use anyhow::Result;
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::{ConfigMap, Event, Pod};
use k8s_openapi::api::rbac::v1::ClusterRole;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, DynamicObject};
use kube::core::discovery::ApiResource;
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};

use crate::support::{Node, Stage, create, deployment, merge, settle};

async fn gone<K>(what: &str, api: &Api<K>, name: &str) -> Result<()>
where
    K: Clone + serde::de::DeserializeOwned + std::fmt::Debug,
{
    bythos_testing::eventually(what, || async { api.get_opt(name).await.ok()?.is_none().then_some(()) }).await
}

fn owned_map(name: &str, owners: &[(&str, &str, &str, &str)]) -> Value {
    let owners: Vec<_> = owners
        .iter()
        .map(|(api_version, kind, name, uid)| {
            json!({ "apiVersion": api_version, "kind": kind, "name": name, "uid": uid, "blockOwnerDeletion": true })
        })
        .collect();
    json!({ "metadata": { "name": name, "ownerReferences": owners } })
}

#[tokio::test]
async fn what_a_deployment_made_goes_with_it() -> Result<()> {
    let stage = Stage::start().await?;
    let _node = Node::start(stage.client());
    let deployments = stage.api::<Deployment>();
    for how in [DeleteParams::background(), DeleteParams::foreground()] {
        create(&deployments, deployment("one")).await?;
        stage.until_count("the pods", &stage.api::<Pod>(), 3).await?;
        deployments.delete("web", &how).await?;
        gone("the Deployment to go", &deployments, "web").await?;
        stage.until_count("no ReplicaSet", &stage.api::<ReplicaSet>(), 0).await?;
        stage.until_count("no pod", &stage.api::<Pod>(), 0).await?;
    }
    Ok(())
}

#[tokio::test]
async fn in_the_foreground_the_owner_goes_last() -> Result<()> {
    let stage = Stage::start().await?;
    let maps = stage.api::<ConfigMap>();
    let owner = create(&maps, owned_map("owner", &[])).await?.uid().unwrap();
    let mut child = owned_map("child", &[("v1", "ConfigMap", "owner", &owner)]);
    child["metadata"]["finalizers"] = json!(["example.com/hold"]);
    create(&maps, child).await?;
    maps.delete("owner", &DeleteParams::foreground()).await?;
    let is_ending = |map: &ConfigMap| map.metadata.deletion_timestamp.as_ref().map(drop);
    stage.until("the child's deletion", &maps, "child", is_ending).await?;
    settle(|| async { assert!(maps.get_opt("owner").await.unwrap().is_some(), "the owner waits") }).await;
    merge(&maps, "child", json!({ "metadata": { "finalizers": [] } })).await?;
    gone("the child to go", &maps, "child").await?;
    gone("the owner to go", &maps, "owner").await
}

#[tokio::test]
async fn orphans_stay_and_forget_their_owner() -> Result<()> {
    let stage = Stage::start().await?;
    let maps = stage.api::<ConfigMap>();
    let owner = create(&maps, owned_map("owner", &[])).await?.uid().unwrap();
    create(&maps, owned_map("child", &[("v1", "ConfigMap", "owner", &owner)])).await?;
    // The graph has to know the child: only what was seen can be orphaned.
    settle(|| async { assert!(maps.get_opt("child").await.unwrap().is_some()) }).await;
    maps.delete("owner", &DeleteParams::orphan()).await?;
    gone("the owner to go", &maps, "owner").await?;
    let child = maps.get("child").await?;
    assert_eq!(child.owner_references(), []);
    Ok(())
}

#[tokio::test]
async fn an_object_goes_with_its_last_owner_only() -> Result<()> {
    let stage = Stage::start().await?;
    let maps = stage.api::<ConfigMap>();
    let first = create(&maps, owned_map("first", &[])).await?.uid().unwrap();
    let second = create(&maps, owned_map("second", &[])).await?.uid().unwrap();
    let owners =
        [("v1", "ConfigMap", "first", first.as_str()), ("v1", "ConfigMap", "second", second.as_str())];
    create(&maps, owned_map("child", &owners)).await?;
    maps.delete("first", &DeleteParams::default()).await?;
    let left_with_second = |map: &ConfigMap| {
        (map.owner_references().len() == 1 && map.owner_references()[0].uid == second).then_some(())
    };
    stage.until("one owner less", &maps, "child", left_with_second).await?;
    maps.delete("second", &DeleteParams::default()).await?;
    gone("the child to go", &maps, "child").await
}

#[tokio::test]
async fn an_owner_of_the_same_name_is_another_owner() -> Result<()> {
    let stage = Stage::start().await?;
    let maps = stage.api::<ConfigMap>();
    create(&maps, owned_map("owner", &[])).await?;
    create(&maps, owned_map("child", &[("v1", "ConfigMap", "owner", "of-an-earlier-one")])).await?;
    gone("the child to go", &maps, "child").await?;
    assert!(maps.get_opt("owner").await?.is_some());
    Ok(())
}

#[tokio::test]
async fn custom_kinds_own_and_are_owned_from_the_moment_they_exist() -> Result<()> {
    let stage = Stage::start().await?;
    let definitions = Api::<CustomResourceDefinition>::all(stage.client());
    let schema = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
    let definition = json!({
        "metadata": { "name": "widgets.example.com" },
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": { "plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList" },
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "schema": { "openAPIV3Schema": schema },
            }],
        },
    });
    create(&definitions, definition).await?;
    let resource = ApiResource {
        group: "example.com".to_owned(),
        version: "v1".to_owned(),
        api_version: "example.com/v1".to_owned(),
        kind: "Widget".to_owned(),
        plural: "widgets".to_owned(),
    };
    let widgets = Api::<DynamicObject>::namespaced_with(stage.client(), "default", &resource);
    let maps = stage.api::<ConfigMap>();
    let widget = json!({ "apiVersion": "example.com/v1", "kind": "Widget", "metadata": { "name": "w" } });
    let widget: DynamicObject = serde_json::from_value(widget)?;
    let made = bythos_testing::eventually("the kind to be served", || async {
        widgets.create(&Default::default(), &widget).await.ok()
    })
    .await?;
    let uid = made.uid().unwrap();
    create(&maps, owned_map("of-widget", &[("example.com/v1", "Widget", "w", &uid)])).await?;
    settle(|| async { assert!(maps.get_opt("of-widget").await.unwrap().is_some(), "its owner is there") })
        .await;
    widgets.delete("w", &DeleteParams::default()).await?;
    gone("the dependent of a custom object to go", &maps, "of-widget").await
}

/// A reference says no namespace, so an object of the cluster's scope cannot name an owner that has one.
#[tokio::test]
async fn an_object_of_the_cluster_outlives_an_owner_in_a_namespace() -> Result<()> {
    let stage = Stage::start().await?;
    let (maps, roles) = (stage.api::<ConfigMap>(), Api::<ClusterRole>::all(stage.client()));
    let owner = create(&maps, owned_map("owner", &[])).await?.uid().unwrap();
    for (name, uid) in [("of-one-that-is-there", owner.as_str()), ("of-one-that-never-was", "nobody")] {
        create(&roles, owned_map(name, &[("v1", "ConfigMap", "owner", uid)])).await?;
    }
    let events = stage.api::<Event>();
    let told = async |name: &str| {
        let look = || async {
            let listed = events.list(&Default::default()).await.ok()?;
            listed.items.into_iter().find(|event| event.involved_object.name.as_deref() == Some(name))
        };
        bythos_testing::eventually("an event", look).await
    };
    for name in ["of-one-that-is-there", "of-one-that-never-was"] {
        let event = told(name).await?;
        assert_eq!(event.reason.as_deref(), Some("OwnerRefInvalidNamespace"));
        assert_eq!(event.involved_object.kind.as_deref(), Some("ClusterRole"));
    }
    maps.delete("owner", &DeleteParams::default()).await?;
    gone("the owner to go", &maps, "owner").await?;
    settle(|| async {
        for name in ["of-one-that-is-there", "of-one-that-never-was"] {
            assert!(roles.get_opt(name).await.unwrap().is_some(), "{name} stays");
        }
    })
    .await;
    Ok(())
}
