//! HelmReleases on the engine: from an artifact to objects, and back.

mod failures;
mod kills;
mod published;
mod story;
mod wishes;

use bythos_api::flux::FINALIZER;
use bythos_api::helmchart::HelmChart;
use bythos_api::helmrelease::ReleaseAction;
use kube::ResourceExt as _;
use kube::api::DeleteParams;
use serde_json::json;

use super::harness::{Delivery, eventually, maps, pairs};
use published::{Published, delete, has_gone, history, release, says, settled};

#[tokio::test]
async fn a_chart_becomes_a_release_and_its_new_version_an_upgrade() {
    let delivery = Delivery::start().await;
    let published = Published::new("web");
    published.publish(&delivery, "1.0.0", &[]).await;
    release(&delivery, "web", &json!({ "values": { "color": "blue" } })).await;
    let words = "Helm install succeeded for release shop/web.v1 with chart web@1.0.0";
    says(&delivery, "web", "True", "InstallSucceeded", words).await;
    let object = settled(&delivery, "web").await;
    assert_eq!(object.finalizers(), [FINALIZER]);
    assert_eq!(maps(&delivery).await, pairs(&[("web", "blue")]));
    let status = object.status.clone().unwrap();
    assert_eq!(status.observed_generation, object.metadata.generation);
    assert_eq!(status.last_attempted_revision.as_deref(), Some("1.0.0"));
    assert_eq!(status.storage_namespace.as_deref(), Some("flux-system"));
    assert_eq!(status.inventory.unwrap().entries[0].id, "shop_web__ConfigMap");
    let snapshot = &status.history[0];
    assert_eq!((snapshot.status.as_str(), snapshot.action), ("deployed", Some(ReleaseAction::Install)));
    let map = delivery.api::<k8s_openapi::api::core::v1::ConfigMap>("shop").get("web").await.unwrap();
    assert_eq!(map.labels()["helm.toolkit.fluxcd.io/name"], "web");
    assert_eq!(map.labels()["app.kubernetes.io/managed-by"], "Helm");

    published.publish(&delivery, "1.1.0", &[]).await;
    let words = "Helm upgrade succeeded for release shop/web.v2 with chart web@1.1.0";
    says(&delivery, "web", "True", "UpgradeSucceeded", words).await;
    let object = settled(&delivery, "web").await;
    assert_eq!(history(&delivery, "web").await, ["1 superseded web@1.0.0", "2 deployed web@1.1.0"]);
    let seen: Vec<(i64, String)> =
        object.status.unwrap().history.iter().map(|it| (it.version, it.status.clone())).collect();
    assert_eq!(seen, [(2, "deployed".to_owned()), (1, "superseded".to_owned())]);

    release(&delivery, "web", &json!({ "values": { "color": "red" } })).await;
    says(&delivery, "web", "True", "UpgradeSucceeded", "shop/web.v3 with chart web@1.1.0").await;
    assert_eq!(maps(&delivery).await, pairs(&[("web", "red")]));

    delete(&delivery, "web").await;
    has_gone(&delivery, "web").await;
    assert_eq!(maps(&delivery).await, pairs(&[]));
    assert_eq!(history(&delivery, "web").await, [""; 0]);
}

#[tokio::test]
async fn a_release_that_is_as_it_should_be_is_left_alone() {
    let delivery = Delivery::start().await;
    Published::new("web").publish(&delivery, "1.0.0", &[]).await;
    release(&delivery, "web", &json!({})).await;
    says(&delivery, "web", "True", "InstallSucceeded", "").await;
    let before = settled(&delivery, "web").await;
    published::ask(&delivery, "web", &[]).await;
    let after = says(&delivery, "web", "True", "InstallSucceeded", "").await;
    assert_eq!(history(&delivery, "web").await, ["1 deployed web@1.0.0"]);
    assert_eq!(before.status.unwrap().history, after.status.unwrap().history);
    // Unless it is forced.
    published::ask(&delivery, "web", &["reconcile.fluxcd.io/forceAt"]).await;
    says(&delivery, "web", "True", "UpgradeSucceeded", "shop/web.v2").await;
    published::ask(&delivery, "web", &[]).await;
    assert_eq!(history(&delivery, "web").await, ["1 superseded web@1.0.0", "2 deployed web@1.0.0"]);
}

#[tokio::test]
async fn values_come_from_config_maps_and_secrets_and_are_watched() {
    let delivery = Delivery::start().await;
    Published::new("web").publish(&delivery, "1.0.0", &[]).await;
    let map = |color: &str| {
        json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {
                "name": "values", "namespace": "flux-system", "labels": { "reconcile.fluxcd.io/watch": "Enabled" },
            },
            "data": { "values.yaml": format!("color: {color}\n") },
        })
    };
    let from = json!([
        { "kind": "ConfigMap", "name": "values" },
        { "kind": "Secret", "name": "more", "optional": true, "targetPath": "color", "valuesKey": "color" },
    ]);
    release(&delivery, "web", &json!({ "valuesFrom": from })).await;
    let words = "could not resolve ConfigMap chart values reference 'flux-system/values' with key 'values.yaml': resource \
                 not found";
    says(&delivery, "web", "False", "ValuesError", words).await;
    delivery.apply_value(&map("green")).await;
    says(&delivery, "web", "True", "InstallSucceeded", "").await;
    assert_eq!(maps(&delivery).await, pairs(&[("web", "green")]));
    delivery.apply_value(&map("yellow")).await;
    says(&delivery, "web", "True", "UpgradeSucceeded", "").await;
    assert_eq!(maps(&delivery).await, pairs(&[("web", "yellow")]));
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": { "name": "more", "namespace": "flux-system", "labels": { "reconcile.fluxcd.io/watch": "Enabled" } },
        "stringData": { "color": "'12'" },
    });
    delivery.apply_value(&secret).await;
    says(&delivery, "web", "True", "UpgradeSucceeded", "web.v3").await;
    assert_eq!(maps(&delivery).await, pairs(&[("web", "12")]));
}

#[tokio::test]
async fn a_release_waits_for_those_it_depends_on() {
    let delivery = Delivery::start().await;
    Published::new("web").publish(&delivery, "1.0.0", &[]).await;
    release(&delivery, "second", &json!({ "releaseName": "second", "dependsOn": [{ "name": "first" }] }))
        .await;
    let words = "dependency 'flux-system/first' not found";
    says(&delivery, "second", "False", "DependencyNotReady", words).await;
    release(&delivery, "first", &json!({ "releaseName": "first" })).await;
    says(&delivery, "first", "True", "InstallSucceeded", "").await;
    says(&delivery, "second", "True", "InstallSucceeded", "").await;
}

#[tokio::test]
async fn a_chart_is_made_as_the_template_says_and_goes_with_the_release() {
    let delivery = Delivery::start().await;
    let chart = json!({
        "metadata": { "labels": { "team": "blue" } },
        "spec": { "chart": "web", "version": "1.x", "sourceRef": { "kind": "HelmRepository", "name": "charts" } },
    });
    release(&delivery, "web", &json!({ "chart": chart, "chartRef": null })).await;
    let charts = delivery.api::<HelmChart>("flux-system");
    let made =
        eventually("the chart", || async { charts.get_opt("flux-system-web").await.unwrap() }).await.unwrap();
    assert_eq!((made.spec.chart.as_str(), made.spec.version.as_deref()), ("web", Some("1.x")));
    assert_eq!(made.labels()["team"], "blue");
    assert_eq!(made.labels()["helm.toolkit.fluxcd.io/name"], "web");
    let object = says(&delivery, "web", "False", "", "HelmChart 'flux-system/flux-system-web'").await;
    assert_eq!(object.status.unwrap().helm_chart.as_deref(), Some("flux-system/flux-system-web"));
    delete(&delivery, "web").await;
    has_gone(&delivery, "web").await;
    eventually("the chart to go", || async {
        charts.get_opt("flux-system-web").await.unwrap().is_none().then_some(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn what_is_not_built_is_refused_in_words() {
    let delivery = Delivery::start().await;
    let cases = [
        (
            json!({ "kubeConfig": { "secretRef": { "name": "a" } } }),
            "UnsupportedSpec",
            "spec.kubeConfig: other clusters",
        ),
        (
            json!({ "chartRef": { "kind": "OCIRepository", "name": "a" } }),
            "UnsupportedSpec",
            "spec.chartRef.kind: only HelmChart",
        ),
        (json!({ "chartRef": null }), "InvalidChartReference", "set either spec.chart or spec.chartRef"),
    ];
    for (index, (fields, reason, words)) in cases.into_iter().enumerate() {
        let name = format!("refused-{index}");
        release(&delivery, &name, &fields).await;
        let object = says(&delivery, &name, "False", reason, words).await;
        assert!(bythos_operator::condition::is_true(&object.status.unwrap().conditions, "Stalled"));
    }
}

#[tokio::test]
async fn objects_that_somebody_changed_are_set_right_or_told() {
    let delivery = Delivery::start().await;
    Published::new("web").publish(&delivery, "1.0.0", &[]).await;
    let mode =
        |mode: &str| json!({ "driftDetection": { "mode": mode, "ignore": [{ "paths": ["/data/more"] }] } });
    release(&delivery, "web", &mode("warn")).await;
    says(&delivery, "web", "True", "InstallSucceeded", "").await;
    published::change_map(&delivery, json!({ "key": "drifted" })).await;
    published::ask(&delivery, "web", &[]).await;
    let object = says(&delivery, "web", "True", "InstallSucceeded", "").await;
    let drifted =
        bythos_operator::condition::get(&object.status.unwrap().conditions, "Drifted").unwrap().clone();
    assert_eq!((drifted.status.as_str(), drifted.reason.as_str()), ("True", "DriftDetected"));
    assert!(drifted.message.ends_with("ConfigMap/shop/web changed"), "{}", drifted.message);
    assert_eq!(maps(&delivery).await, pairs(&[("web", "drifted")]));
    let told = delivery.event("web", "DriftDetected", "ConfigMap/shop/web changed").await;
    assert_eq!(told.annotations()["helm.toolkit.fluxcd.io/revision"], "1.0.0");
    assert_eq!(told.type_.as_deref(), Some("Warning"));

    release(&delivery, "web", &mode("enabled")).await;
    published::map_becomes(&delivery, "none").await;
    let maps = delivery.api::<k8s_openapi::api::core::v1::ConfigMap>("shop");
    maps.delete("web", &DeleteParams::default()).await.unwrap();
    published::ask(&delivery, "web", &[]).await;
    published::map_becomes(&delivery, "none").await;
    assert_eq!(history(&delivery, "web").await, ["1 deployed web@1.0.0"], "no release is needed for that");
}

#[tokio::test]
async fn a_release_in_another_place_takes_the_old_one_away() {
    let delivery = Delivery::start().await;
    Published::new("web").publish(&delivery, "1.0.0", &[]).await;
    release(&delivery, "web", &json!({})).await;
    says(&delivery, "web", "True", "InstallSucceeded", "shop/web.v1").await;
    release(&delivery, "web", &json!({ "releaseName": "other" })).await;
    says(&delivery, "web", "True", "InstallSucceeded", "shop/other.v1").await;
    assert_eq!(history(&delivery, "web").await, [""; 0]);
    assert_eq!(history(&delivery, "other").await, ["1 deployed web@1.0.0"]);
    assert_eq!(maps(&delivery).await, pairs(&[("other", "none")]));
}

#[tokio::test]
async fn a_suspended_release_stays_when_its_object_goes() {
    let delivery = Delivery::start().await;
    Published::new("web").publish(&delivery, "1.0.0", &[]).await;
    release(&delivery, "web", &json!({})).await;
    says(&delivery, "web", "True", "InstallSucceeded", "").await;
    release(&delivery, "web", &json!({ "suspend": true })).await;
    delete(&delivery, "web").await;
    has_gone(&delivery, "web").await;
    assert_eq!(maps(&delivery).await, pairs(&[("web", "none")]));
    // One of the same name takes it over.
    release(&delivery, "web", &json!({ "suspend": false })).await;
    says(&delivery, "web", "True", "UpgradeSucceeded", "shop/web.v2").await;
}

#[tokio::test]
async fn a_release_is_made_with_the_rights_of_its_account() {
    let delivery = Delivery::start().await;
    Published::new("web").publish(&delivery, "1.0.0", &[]).await;
    release(&delivery, "web", &json!({ "serviceAccountName": "poor" })).await;
    let words = "User \"system:serviceaccount:flux-system:poor\" cannot list resource \"secrets\"";
    says(&delivery, "web", "False", "StateError", words).await;
}
