use std::time::Duration;

use bythos_api::flux::FINALIZER;
use bythos_api::kustomization::Kustomization;
use bythos_operator::condition::get;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt as _};
use serde_json::json;

use super::git::Remote;
use super::harness::{Delivery, deployment, eventually, gone, map, maps, pairs};

#[tokio::test]
async fn what_is_pushed_is_applied_changed_and_pruned() {
    let (delivery, remote) = (Delivery::start().await, Remote::new(None));
    let namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: extra}\n";
    let inner = map("inner", "1").replace("shop", "extra");
    let first = remote.push(&[
        ("apps/a.yaml", &map("a", "1")),
        ("apps/b.yaml", &map("b", "1")),
        ("apps/web.yaml", &deployment("replicas: 2")),
        ("apps/extra.yaml", &format!("{inner}---\n{namespace}")),
        ("other/c.yaml", &map("c", "1")),
    ]);
    delivery.kustomization("apps", &json!({ "path": "./apps" })).await;
    delivery
        .says("apps", "False", "ArtifactFailed", "source GitRepository 'flux-system/app' not found")
        .await;
    delivery.source(&remote, &json!({})).await;
    let object = delivery.applied("apps", &first).await;
    let status = object.status.clone().unwrap();
    assert_eq!(object.finalizers(), [FINALIZER]);
    assert_eq!(status.last_applied_revision, Some(format!("main@sha1:{first}")));
    assert_eq!(status.last_attempted_revision, status.last_applied_revision);
    assert_eq!(status.observed_generation, object.metadata.generation);
    assert_eq!(status.conditions.len(), 1);
    let ids: Vec<String> = status.inventory.unwrap().entries.into_iter().map(|it| it.id).collect();
    let expected = ["_extra__Namespace", "extra_inner__ConfigMap", "shop_a__ConfigMap", "shop_b__ConfigMap"];
    assert_eq!(ids, [&expected[..], &["shop_web_apps_Deployment"]].concat());
    let config_maps = delivery.api::<ConfigMap>("shop");
    let b = config_maps.get("b").await.unwrap();
    assert_eq!(b.labels()["kustomize.toolkit.fluxcd.io/name"], "apps");
    assert_eq!(b.labels()["kustomize.toolkit.fluxcd.io/namespace"], "flux-system");

    let second = remote.push(&[("apps/a.yaml", &map("a", "2")), ("apps/b.yaml", &map("b", "1"))]);
    delivery.announce().await;
    let object = delivery.applied("apps", &second).await;
    assert_eq!(object.status.unwrap().inventory.unwrap().entries.len(), 2);
    assert_eq!(maps(&delivery).await, pairs(&[("a", "2"), ("b", "1")]));
    // What did not change was not written.
    assert_eq!(config_maps.get("b").await.unwrap().resource_version(), b.resource_version());
    let web = delivery.api::<Deployment>("shop").get_opt("web").await.unwrap();
    assert!(web.is_none_or(|it| it.metadata.deletion_timestamp.is_some()));

    let third = remote.push(&[("apps/README.md", "nothing")]);
    delivery.announce().await;
    delivery.applied("apps", &third).await;
    gone(&delivery, "a").await;
    gone(&delivery, "b").await;
}

#[tokio::test]
async fn a_wrong_field_is_named_and_what_was_there_stays() {
    let (delivery, remote) = (Delivery::start().await, Remote::new(None));
    let first = remote.push(&[("a.yaml", &map("a", "1")), ("web.yaml", &deployment("replicas: 1"))]);
    delivery.source(&remote, &json!({})).await;
    delivery.kustomization("apps", &json!({ "retryInterval": "1h" })).await;
    delivery.applied("apps", &first).await;

    let second = remote.push(&[
        ("a.yaml", &map("a", "2")),
        ("new.yaml", &map("new", "1")),
        ("web.yaml", &deployment("replica: 1")),
    ]);
    delivery.announce().await;
    let object =
        delivery.says("apps", "False", "ReconciliationFailed", "Deployment/shop/web dry-run failed").await;
    let status = object.status.unwrap();
    let message = &get(&status.conditions, "Ready").unwrap().message;
    assert!(message.contains("replica"), "{message}");
    assert_eq!(status.last_attempted_revision, Some(format!("main@sha1:{second}")));
    assert_eq!(status.last_applied_revision, Some(format!("main@sha1:{first}")));
    assert_eq!(status.inventory.unwrap().entries.len(), 2);
    assert_eq!(maps(&delivery).await, pairs(&[("a", "1")]));
    let web = delivery.api::<Deployment>("shop").get("web").await.unwrap();
    assert_eq!(web.spec.replicas, Some(1));

    let third = remote.push(&[("a.yaml", &map("a", "3")), ("web.yaml", &deployment("replicas: 3"))]);
    delivery.announce().await;
    delivery.applied("apps", &third).await;
    assert_eq!(maps(&delivery).await, pairs(&[("a", "3")]));
}

#[tokio::test]
async fn a_build_that_fails_names_the_file() {
    let (delivery, remote) = (Delivery::start().await, Remote::new(None));
    remote.push(&[("apps/kustomization.yaml", "resources: [gone.yaml]")]);
    delivery.source(&remote, &json!({})).await;
    delivery.kustomization("apps", &json!({ "path": "apps" })).await;
    let words =
        "kustomize build failed: apps/kustomization.yaml: resources[0]: \"gone.yaml\" is not in the source";
    delivery.says("apps", "False", "BuildFailed", words).await;
    delivery.kustomization("apps", &json!({ "path": "none" })).await;
    delivery.says("apps", "False", "ArtifactFailed", "folder \"none\" is not in the source").await;
    delivery.kustomization("apps", &json!({ "decryption": { "provider": "sops" } })).await;
    delivery.says("apps", "False", "UnsupportedSpec", "spec.decryption: ").await;
}

#[tokio::test]
async fn a_source_without_an_artifact_passes_on_its_reason() {
    let (delivery, remote) = (Delivery::start().await, Remote::new(None));
    delivery.kustomization("apps", &json!({})).await;
    delivery.source(&remote, &json!({})).await;
    let words = "source GitRepository 'flux-system/app' has no artifact: the repository is empty";
    delivery.says("apps", "False", "ArtifactFailed", words).await;
}

#[tokio::test]
async fn definitions_and_their_objects_come_in_one_push() {
    let (delivery, remote) = (Delivery::start().await, Remote::new(None));
    let definition = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: toys.shop.example}\n\
        spec:\n  group: shop.example\n  scope: Namespaced\n  names: {kind: Toy, plural: toys, singular: toy, listKind: ToyList}\n  \
        versions:\n  - name: v1\n    served: true\n    storage: true\n    schema: {openAPIV3Schema: {type: object, properties: \
        {spec: {type: object, properties: {size: {type: integer}}}}}}\n";
    let toy = |size: &str| {
        format!(
            "apiVersion: shop.example/v1\nkind: Toy\nmetadata: {{name: bear, namespace: shop}}\nspec: {{size: {size}}}\n"
        )
    };
    let first = remote.push(&[("toy.yaml", &toy("1")), ("zz.yaml", definition)]);
    delivery.source(&remote, &json!({})).await;
    delivery.kustomization("apps", &json!({})).await;
    let object = delivery.applied("apps", &first).await;
    assert_eq!(object.status.unwrap().inventory.unwrap().entries.len(), 2);
    remote.push(&[("toy.yaml", &toy("large")), ("zz.yaml", definition)]);
    delivery.announce().await;
    delivery.says("apps", "False", "ReconciliationFailed", "Toy/shop/bear dry-run failed").await;
    remote.push(&[("toy.yaml", &toy("1").replace("Toy", "Car")), ("zz.yaml", definition)]);
    delivery.announce().await;
    let words = "Car/shop/bear dry-run failed: no matches for kind \"Car\" in version \"shop.example/v1\"";
    delivery.says("apps", "False", "ReconciliationFailed", words).await;
}

#[tokio::test]
async fn health_is_waited_for_and_told() {
    let (delivery, remote) = (Delivery::start().await, Remote::new(None));
    let commit = remote.push(&[("web.yaml", &deployment("replicas: 1")), ("a.yaml", &map("a", "1"))]);
    delivery.source(&remote, &json!({})).await;
    delivery.kustomization("apps", &json!({ "wait": true })).await;
    let words = "waiting for Deployment/shop/web: 'InProgress': ";
    let object = delivery.says("apps", "Unknown", "Progressing", words).await;
    let conditions = object.status.unwrap().conditions;
    assert_eq!(get(&conditions, "Healthy").unwrap().status, "Unknown");
    assert_eq!(get(&conditions, "Reconciling").unwrap().status, "True");
    let status = json!({ "status": {
        "observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1,
        "conditions": [
            { "type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable" },
            { "type": "Available", "status": "True", "reason": "MinimumReplicasAvailable" },
        ],
    } });
    let deployments = delivery.api::<Deployment>("shop");
    deployments.patch_status("web", &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
    let object = delivery.applied("apps", &commit).await;
    let conditions = object.status.unwrap().conditions;
    assert_eq!(get(&conditions, "Healthy").unwrap().status, "True");
    assert_eq!(get(&conditions, "Reconciling"), None);
}

#[tokio::test]
async fn what_failed_for_good_is_not_waited_for() {
    let (delivery, remote) = (Delivery::start().await, Remote::new(None));
    remote.push(&[("web.yaml", &deployment("replicas: 1"))]);
    delivery.source(&remote, &json!({})).await;
    let check = json!([{ "kind": "Deployment", "name": "web", "namespace": "shop" }]);
    delivery.kustomization("apps", &json!({ "healthChecks": check, "retryInterval": "1h" })).await;
    delivery.says("apps", "Unknown", "Progressing", "waiting for Deployment/shop/web").await;
    let status = json!({ "status": { "observedGeneration": 1, "conditions": [
        { "type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "no image" },
    ] } });
    let deployments = delivery.api::<Deployment>("shop");
    deployments.patch_status("web", &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
    let words = "failed early due to stalled resources: [Deployment/shop/web status: 'Failed': no image]";
    delivery.says("apps", "False", "HealthCheckFailed", words).await;
}

#[tokio::test]
async fn dependents_wait_for_what_they_depend_on() {
    let (delivery, remote) = (Delivery::start().await, Remote::new(None));
    let commit = remote.push(&[("base/a.yaml", &map("a", "1")), ("apps/b.yaml", &map("b", "1"))]);
    delivery.source(&remote, &json!({})).await;
    delivery.source_says("True", "Succeeded", &commit).await;
    let depends = json!({ "path": "apps", "dependsOn": [{ "name": "base" }] });
    delivery.kustomization("apps", &depends).await;
    delivery.says("apps", "False", "DependencyNotReady", "dependency 'flux-system/base' not found").await;
    delivery.kustomization("base", &json!({ "path": "base" })).await;
    // Nobody asks again: the dependency wakes it.
    delivery.applied("apps", &commit).await;
    let commit = remote.push(&[("base/a.yaml", &map("a", "2")), ("apps/b.yaml", &map("b", "2"))]);
    delivery.announce().await;
    delivery.applied("apps", &commit).await;
    assert_eq!(maps(&delivery).await, pairs(&[("a", "2"), ("b", "2")]));
}

#[tokio::test]
async fn a_kustomization_that_goes_takes_its_objects_with_it() {
    let (delivery, remote) = (Delivery::start().await, Remote::new(None));
    let kept = map("kept", "1").replace(
        "namespace: shop",
        "namespace: shop, annotations: {kustomize.toolkit.fluxcd.io/prune: disabled}",
    );
    let commit =
        remote.push(&[("a.yaml", &map("a", "1")), ("kept.yaml", &kept), ("taken.yaml", &map("taken", "1"))]);
    delivery.source(&remote, &json!({})).await;
    delivery.kustomization("apps", &json!({})).await;
    delivery.applied("apps", &commit).await;
    // Whoever takes an object over by its labels keeps it.
    let labels = json!({ "metadata": { "labels": { "kustomize.toolkit.fluxcd.io/name": "someone-else" } } });
    let config_maps = delivery.api::<ConfigMap>("shop");
    config_maps.patch("taken", &PatchParams::default(), &Patch::Merge(labels)).await.unwrap();
    let kustomizations = delivery.api::<Kustomization>("flux-system");
    kustomizations.delete("apps", &Default::default()).await.unwrap();
    eventually("the kustomization to go", || async {
        kustomizations.get_opt("apps").await.unwrap().is_none().then_some(())
    })
    .await
    .unwrap();
    assert_eq!(maps(&delivery).await, pairs(&[("kept", "1"), ("taken", "1")]));
}

#[tokio::test]
async fn variables_and_overlays_of_the_spec_are_applied() {
    let (delivery, remote) = (Delivery::start().await, Remote::new(None));
    let source = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {key: '${greeting} ${who:=world} $${kept}'}\n";
    let commit = remote.push(&[("a.yaml", source)]);
    delivery.source(&remote, &json!({})).await;
    delivery.kustomization("apps", &json!({})).await;
    delivery
        .says(
            "apps",
            "False",
            "ReconciliationFailed",
            "ConfigMap/a namespace not specified: set metadata.namespace",
        )
        .await;
    delivery
        .apply_value(&json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "words", "namespace": "flux-system" },
            "data": { "greeting": "hello" },
        }))
        .await;
    delivery
        .kustomization(
            "apps",
            &json!({
                "targetNamespace": "shop",
                "namePrefix": "my-",
                "commonMetadata": { "labels": { "team": "blue" } },
                "postBuild": { "substituteFrom": [{ "kind": "ConfigMap", "name": "words" }] },
            }),
        )
        .await;
    delivery.applied("apps", &commit).await;
    assert_eq!(maps(&delivery).await, pairs(&[("my-a", "hello world ${kept}")]));
    assert_eq!(delivery.api::<ConfigMap>("shop").get("my-a").await.unwrap().labels()["team"], "blue");
}

#[tokio::test]
async fn a_change_by_hand_is_undone_when_asked() {
    let (delivery, remote) = (Delivery::start().await, Remote::new(None));
    let commit = remote.push(&[("a.yaml", &map("a", "1"))]);
    delivery.source(&remote, &json!({})).await;
    delivery.kustomization("apps", &json!({})).await;
    delivery.applied("apps", &commit).await;
    let config_maps = delivery.api::<ConfigMap>("shop");
    let by_hand = Patch::Merge(json!({ "data": { "key": "by hand" } }));
    config_maps.patch("a", &PatchParams::default(), &by_hand).await.unwrap();
    let request =
        json!({ "metadata": { "annotations": { bythos_api::names::RECONCILE_REQUESTED_AT: "now" } } });
    let kustomizations = delivery.api::<Kustomization>("flux-system");
    kustomizations.patch("apps", &PatchParams::default(), &Patch::Merge(request)).await.unwrap();
    eventually("the change to be undone", || async {
        (maps(&delivery).await == pairs(&[("a", "1")])).then_some(())
    })
    .await
    .unwrap();
    eventually("the request to be noted", || async {
        let status = kustomizations.get("apps").await.unwrap().status.unwrap();
        (status.last_handled_reconcile_at.as_deref() == Some("now")).then_some(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_lost_artifact_is_made_again() {
    let (mut delivery, remote) = (Delivery::start().await, Remote::new(None));
    let commit = remote.push(&[("a.yaml", &map("a", "1"))]);
    delivery.source(&remote, &json!({})).await;
    delivery.source_says("True", "Succeeded", &commit).await;
    delivery.kill().await;
    std::fs::remove_dir_all(delivery.artifacts()).unwrap();
    delivery.resume().await;
    delivery.kustomization("apps", &json!({})).await;
    delivery.applied("apps", &commit).await;
}

/// Killed again and again at whatever it does, it always converges.
#[tokio::test]
async fn killed_at_any_moment_it_converges() {
    let (mut delivery, remote) = (Delivery::start().await, Remote::new(None));
    delivery.source(&remote, &json!({})).await;
    delivery.kustomization("apps", &json!({})).await;
    let mut commit = String::new();
    for round in 0..12_u64 {
        let value = round.to_string();
        let (name, other) = (format!("a{}", round % 3), format!("b{round}"));
        commit = remote.push(&[("a.yaml", &map(&name, &value)), ("b.yaml", &map(&other, &value))]);
        delivery.announce().await;
        // Not a wait for something: a moment to be killed in, another one each time.
        tokio::time::sleep(Duration::from_millis(round * 9)).await;
        delivery.kill().await;
        delivery.resume().await;
    }
    delivery.announce().await;
    let object = delivery.applied("apps", &commit).await;
    assert_eq!(object.status.unwrap().inventory.unwrap().entries.len(), 2);
    assert_eq!(maps(&delivery).await, pairs(&[("a2", "11"), ("b11", "11")]));
    let all = Api::<ConfigMap>::all(delivery.engine.admin.clone());
    let ours = ListParams::default().labels("kustomize.toolkit.fluxcd.io/name=apps");
    assert_eq!(all.list(&ours).await.unwrap().items.len(), 2);
}
