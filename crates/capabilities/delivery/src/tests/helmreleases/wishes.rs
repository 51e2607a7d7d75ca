//! What a HelmRelease may ask for beyond a chart and values.

use serde_json::json;

use super::super::harness::{Delivery, maps, pairs};
use super::published::{Published, history, history_in, release, says, settled};

#[tokio::test]
async fn values_of_the_release_are_kept_below_the_new_ones_where_asked() {
    let delivery = Delivery::start().await;
    let published = Published::new("web");
    let size =
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: size}\ndata: {key: {{ .Values.size | quote }}}\n";
    published.publish(&delivery, "1.0.0", &[("templates/size.yaml", size)]).await;
    release(&delivery, "web", &json!({ "values": { "color": "blue", "size": 12_345_678 } })).await;
    says(&delivery, "web", "True", "InstallSucceeded", "shop/web.v1").await;
    let kept = json!({ "values": { "color": "red" }, "upgrade": { "preserveValues": true } });
    release(&delivery, "web", &kept).await;
    says(&delivery, "web", "True", "UpgradeSucceeded", "shop/web.v2").await;
    assert_eq!(maps(&delivery).await, pairs(&[("size", "1.2345678e+07"), ("web", "red")]));
    release(&delivery, "web", &json!({ "values": { "color": "red", "size": 3 }, "upgrade": {} })).await;
    says(&delivery, "web", "True", "UpgradeSucceeded", "shop/web.v3").await;
    assert_eq!(maps(&delivery).await, pairs(&[("size", "3"), ("web", "red")]));
}

#[tokio::test]
async fn records_lie_where_they_are_asked_for() {
    let delivery = Delivery::start().await;
    Published::new("web").publish(&delivery, "1.0.0", &[]).await;
    release(&delivery, "web", &json!({ "storageNamespace": "shop" })).await;
    let object = says(&delivery, "web", "True", "InstallSucceeded", "shop/web.v1").await;
    assert_eq!(object.status.unwrap().storage_namespace.as_deref(), Some("shop"));
    assert_eq!(history(&delivery, "web").await, [""; 0]);
    assert_eq!(history_in(&delivery, "shop", "web").await, ["1 deployed web@1.0.0"]);
    // Elsewhere it is another release, and the first one is taken away.
    release(&delivery, "web", &json!({})).await;
    settled(&delivery, "web").await;
    assert_eq!(history_in(&delivery, "shop", "web").await, [""; 0]);
    assert_eq!(history(&delivery, "web").await, ["1 deployed web@1.0.0"]);
    assert_eq!(maps(&delivery).await, pairs(&[("web", "none")]));
}

#[tokio::test]
async fn a_chart_of_another_name_is_installed_anew_or_takes_over() {
    let delivery = Delivery::start().await;
    for chart in ["web", "shop", "store"] {
        Published::new(chart).publish(&delivery, "1.0.0", &[]).await;
    }
    let of = |chart: &str, strategy: &str| {
        let reference = json!({ "kind": "HelmChart", "name": chart });
        json!({ "chartRef": reference, "upgrade": { "chartNameChangeStrategy": strategy } })
    };
    release(&delivery, "web", &of("web", "InPlaceUpdate")).await;
    says(&delivery, "web", "True", "InstallSucceeded", "shop/web.v1 with chart web@1.0.0").await;
    release(&delivery, "web", &of("shop", "InPlaceUpdate")).await;
    says(&delivery, "web", "True", "UpgradeSucceeded", "shop/web.v2 with chart shop@1.0.0").await;
    assert_eq!(history(&delivery, "web").await, ["1 superseded web@1.0.0", "2 deployed shop@1.0.0"]);
    release(&delivery, "web", &of("store", "Reinstall")).await;
    says(&delivery, "web", "True", "InstallSucceeded", "shop/web.v1 with chart store@1.0.0").await;
    assert_eq!(history(&delivery, "web").await, ["1 deployed store@1.0.0"]);
}

#[tokio::test]
async fn expressions_tell_the_health_of_what_a_release_waits_for() {
    let delivery = Delivery::start().await;
    Published::new("web").publish(&delivery, "1.0.0", &[]).await;
    let check = json!([{
        "apiVersion": "v1", "kind": "ConfigMap",
        "failed": "data.key == 'red'", "current": "data.key == 'green'",
    }]);
    let of = |color: &str| json!({ "healthCheckExprs": check, "values": { "color": color }, "install": { "remediation": { "retries": 9 } } });
    release(&delivery, "web", &of("red")).await;
    says(&delivery, "web", "False", "", "ConfigMap/shop/web failed: \"data.key == 'red'\" holds").await;
    release(&delivery, "web", &of("green")).await;
    says(&delivery, "web", "True", "InstallSucceeded", "").await;
    let wrong = json!([{ "apiVersion": "v1", "kind": "ConfigMap", "current": "data.(" }]);
    release(&delivery, "web", &json!({ "healthCheckExprs": wrong })).await;
    says(&delivery, "web", "False", "InvalidCELExpression", "spec.healthCheckExprs[0].current").await;
}

#[tokio::test]
async fn values_that_break_the_schema_are_taken_where_that_is_asked() {
    let delivery = Delivery::start().await;
    let schema = ("values.schema.json", r#"{"properties":{"color":{"enum":["blue"]}}}"#);
    Published::new("web").publish(&delivery, "1.0.0", &[schema]).await;
    release(&delivery, "web", &json!({ "install": { "remediation": { "retries": 9 } } })).await;
    says(&delivery, "web", "False", "", "at '/color': value must be 'blue'").await;
    release(&delivery, "web", &json!({ "install": { "disableSchemaValidation": true } })).await;
    says(&delivery, "web", "True", "InstallSucceeded", "").await;
}

#[tokio::test]
async fn what_defines_no_kind_is_left_out_of_the_definitions() {
    let delivery = Delivery::start().await;
    let stray = (
        "crds/map.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: stray, namespace: shop}\ndata: {key: a}\n",
    );
    Published::new("web").publish(&delivery, "1.0.0", &[stray]).await;
    release(&delivery, "web", &json!({})).await;
    says(&delivery, "web", "True", "InstallSucceeded", "").await;
    assert_eq!(maps(&delivery).await, pairs(&[("web", "none")]));
    let words = "crds/ holds what defines no kind, and is left out: ConfigMap \"stray\"";
    delivery.event("web", "InstallSucceeded", words).await;
}

#[tokio::test]
async fn an_expression_tells_whether_a_release_may_follow() {
    let delivery = Delivery::start().await;
    Published::new("web").publish(&delivery, "1.0.0", &[]).await;
    release(&delivery, "first", &json!({})).await;
    says(&delivery, "first", "True", "InstallSucceeded", "").await;
    let after = |expression: &str| json!({ "dependsOn": [{ "name": "first", "readyExpr": expression }] });
    release(&delivery, "second", &after("dep.status.history[0].chartVersion == '1.1.0'")).await;
    let words = "dependency 'flux-system/first' is not ready according to readyExpr eval";
    says(&delivery, "second", "False", "DependencyNotReady", words).await;
    Published::new("web").publish(&delivery, "1.1.0", &[]).await;
    says(&delivery, "second", "True", "InstallSucceeded", "shop/second.v1 with chart web@1.1.0").await;
}
