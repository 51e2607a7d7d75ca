//! A built-in kind in two versions of different shape.

use serde_json::json;

use crate::*;

const ONE: &str = "/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers";
const TWO: &str = "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers";

fn autoscaler() -> Value {
    json!({"apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"},
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "maxReplicas": 3, "targetCPUUtilizationPercentage": 50}})
}

#[tokio::test]
async fn an_object_has_the_shape_of_the_version_that_it_is_asked_for_in() {
    let Server { admin, .. } = server().await;
    let made = post(&admin, ONE, autoscaler()).await.ok();
    assert_eq!(made["spec"]["targetCPUUtilizationPercentage"], 50);
    assert_eq!(made["spec"]["minReplicas"], 1);
    let metrics = "/spec/metrics/0/resource/target/averageUtilization";
    let two = get(&admin, &format!("{TWO}/web")).await.ok();
    assert_eq!(two["apiVersion"], "autoscaling/v2");
    assert_eq!(two.pointer(metrics), Some(&json!(50)));
    let listed = get(&admin, TWO).await.ok();
    assert_eq!(listed["items"][0].pointer(metrics), Some(&json!(50)));
    let events = get(&admin, &format!("{ONE}?watch=1&timeoutSeconds=1")).await;
    let event: Value = serde_json::from_str(events.text.lines().next().unwrap()).unwrap();
    assert_eq!(event["object"]["spec"]["targetCPUUtilizationPercentage"], 50);
}

#[tokio::test]
async fn a_change_in_one_version_is_one_in_the_other() {
    let Server { admin, .. } = server().await;
    post(&admin, ONE, autoscaler()).await.ok();
    let behavior = json!({"spec": {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 60}}}});
    patch(&admin, "merge", &format!("{TWO}/web"), behavior).await.ok();
    let other = json!({"spec": {"targetCPUUtilizationPercentage": 70}});
    patch(&admin, "merge", &format!("{ONE}/web"), other).await.ok();
    let two = get(&admin, &format!("{TWO}/web")).await.ok();
    assert_eq!(two["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"], 70);
    assert_eq!(two["spec"]["behavior"]["scaleDown"]["stabilizationWindowSeconds"], 60);
    delete(&admin, &format!("{ONE}/web")).await.ok();
    get(&admin, &format!("{TWO}/web")).await.fails(404, "NotFound", "");
}

#[tokio::test]
async fn a_table_shows_what_is_aimed_at_in_both_versions() {
    let Server { admin, .. } = server().await;
    post(&admin, ONE, autoscaler()).await.ok();
    let table = [("accept", "application/json;as=Table;v=v1;g=meta.k8s.io,application/json")];
    for path in [ONE, TWO] {
        for path in [path.to_owned(), format!("{path}/web")] {
            let found = send(&admin, "GET", &path, &table, "").await.ok();
            let cells = found["rows"][0]["cells"].as_array().unwrap();
            assert_eq!(cells[1], "Deployment/web", "{path}");
            assert_eq!(cells[2], "cpu: <unknown>/50%", "{path}");
        }
    }
}
