//! Built-in kinds in two versions of different shape, or in two groups.

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

const CORE_EVENTS: &str = "/api/v1/namespaces/default/events";
const EVENTS: &str = "/apis/events.k8s.io/v1/namespaces/default/events";

fn new_event() -> Value {
    json!({"apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "web.1"},
        "eventTime": "2024-01-01T12:00:00.000000Z", "type": "Warning", "reason": "Failed", "action": "Pulling",
        "note": "no image", "reportingController": "example.org/controller", "reportingInstance": "one",
        "regarding": {"apiVersion": "v1", "kind": "Pod", "name": "web", "namespace": "default"}})
}

#[tokio::test]
async fn an_event_of_one_group_is_one_of_the_other() {
    let Server { admin, .. } = server().await;
    let made = post(&admin, EVENTS, new_event()).await.ok();
    assert_eq!((&made["apiVersion"], &made["note"]), (&json!("events.k8s.io/v1"), &json!("no image")));
    let of_core = get(&admin, &format!("{CORE_EVENTS}/web.1")).await.ok();
    assert_eq!((&of_core["apiVersion"], &of_core["message"]), (&json!("v1"), &json!("no image")));
    assert_eq!(of_core["involvedObject"]["name"], "web");
    assert_eq!(of_core["reportingComponent"], "example.org/controller");
    assert!(of_core.get("note").is_none() && of_core.get("regarding").is_none());
    let counted = json!({"series": {"count": 2, "lastObservedTime": "2024-01-01T12:00:01.000000Z"}});
    patch(&admin, "strategic-merge", &format!("{EVENTS}/web.1"), counted).await.ok();
    for path in [CORE_EVENTS, EVENTS] {
        let listed = get(&admin, path).await.ok();
        assert_eq!(listed["items"][0]["series"]["count"], 2, "{path}");
    }
    delete(&admin, &format!("{CORE_EVENTS}/web.1")).await.ok();
    get(&admin, &format!("{EVENTS}/web.1")).await.fails(404, "NotFound", "");
}

#[tokio::test]
async fn an_event_of_the_core_group_is_watched_and_changed_in_the_other() {
    let Server { admin, .. } = server().await;
    let event = json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "web.2"}, "count": 3,
        "involvedObject": {"kind": "Pod", "name": "web", "namespace": "default"}, "message": "started",
        "source": {"component": "kubelet", "host": "one"}, "lastTimestamp": "2024-01-01T12:00:00Z"});
    post(&admin, CORE_EVENTS, event).await.ok();
    let labelled = json!({"metadata": {"labels": {"seen": "yes"}}});
    patch(&admin, "merge", &format!("{EVENTS}/web.2"), labelled).await.ok();
    let watched = get(&admin, &format!("{EVENTS}?watch=1&timeoutSeconds=1")).await;
    let seen: Value = serde_json::from_str(watched.text.lines().next().unwrap()).unwrap();
    let seen = &seen["object"];
    assert_eq!((&seen["note"], &seen["deprecatedCount"]), (&json!("started"), &json!(3)));
    assert_eq!(seen["deprecatedSource"], json!({"component": "kubelet", "host": "one"}));
    assert_eq!(seen["metadata"]["labels"]["seen"], "yes");
    let of_core = get(&admin, &format!("{CORE_EVENTS}/web.2")).await.ok();
    assert_eq!((&of_core["count"], &of_core["message"]), (&json!(3), &json!("started")));
    for (path, query, count) in [
        (CORE_EVENTS, "source%3Dkubelet", 1),
        (CORE_EVENTS, "involvedObject.name%3Dweb", 1),
        (CORE_EVENTS, "involvedObject.name%3Dother", 0),
        (EVENTS, "regarding.name%3Dweb", 1),
        (EVENTS, "regarding.name!%3Dweb", 0),
    ] {
        let listed = get(&admin, &format!("{path}?fieldSelector={query}")).await.ok();
        assert_eq!(listed["items"].as_array().unwrap().len(), count, "{path} {query}");
    }
}

#[tokio::test]
async fn a_new_event_of_events_is_held_to_its_rules() {
    let Server { admin, .. } = server().await;
    let mut event = new_event();
    event["deprecatedCount"] = json!(1);
    event.as_object_mut().unwrap().remove("eventTime");
    let refused = post(&admin, EVENTS, event).await;
    refused.fails(422, "Invalid", "eventTime: Required value");
    refused.fails(422, "Invalid", "deprecatedCount: Invalid value");
}
