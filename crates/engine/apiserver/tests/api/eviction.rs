//! Pods are evicted as their disruption budgets allow it, and bound as the scheduler says.

use serde_json::json;

use crate::*;

const BUDGETS: &str = "/apis/policy/v1/namespaces/default/poddisruptionbudgets";

fn eviction(pod: &str) -> Value {
    json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}})
}

async fn evict(admin: &Client, pod: &str) -> Answer {
    post(admin, &format!("{PODS}/{pod}/eviction"), eviction(pod)).await
}

/// A pod that runs, selected by the budget of [`budget`].
async fn run(admin: &Client, name: &str, is_ready: bool) {
    let mut running = pod(name);
    running["metadata"]["labels"] = json!({"app": "web"});
    post(admin, PODS, running).await.ok();
    let ready = json!([{"type": "Ready", "status": if is_ready { "True" } else { "False" }}]);
    let status = json!({"status": {"phase": "Running", "conditions": ready}});
    patch(admin, "merge", &format!("{PODS}/{name}/status"), status).await.ok();
}

async fn budget(admin: &Client, name: &str, status: Value) {
    let budget = json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": name},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}}});
    post(admin, BUDGETS, budget).await.ok();
    let path = format!("{BUDGETS}/{name}/status");
    patch(admin, "merge", &path, json!({"status": status})).await.ok();
}

fn status(allowed: i64) -> Value {
    json!({"observedGeneration": 1, "disruptionsAllowed": allowed, "currentHealthy": 2, "desiredHealthy": 1,
        "expectedPods": 2})
}

async fn is_there(admin: &Client, pod: &str) -> bool {
    get(admin, &format!("{PODS}/{pod}")).await.code == 200
}

#[tokio::test]
async fn a_pod_without_a_budget_is_deleted() {
    let Server { admin, .. } = server().await;
    run(&admin, "a", true).await;
    let answer = evict(&admin, "a").await;
    assert_eq!((answer.code.as_u16(), &answer.ok()["status"]), (201, &json!("Success")));
    assert!(!is_there(&admin, "a").await);
    evict(&admin, "a").await.fails(404, "NotFound", "pods \"a\" not found");
}

#[tokio::test]
async fn a_budget_pays_for_each_eviction_until_nothing_is_left() {
    let Server { admin, .. } = server().await;
    for name in ["a", "b"] {
        run(&admin, name, true).await;
    }
    budget(&admin, "web", status(1)).await;
    evict(&admin, "a").await.ok();
    let charged = get(&admin, &format!("{BUDGETS}/web")).await.ok();
    assert_eq!(charged["status"]["disruptionsAllowed"], 0);
    assert!(charged["status"]["disruptedPods"]["a"].is_string(), "{charged}");
    let condition = &charged["status"]["conditions"][0];
    assert_eq!((&condition["type"], &condition["status"]), (&json!("DisruptionAllowed"), &json!("False")));

    let refused = evict(&admin, "b").await;
    assert!(!refused.headers.contains_key("retry-after"));
    let message = "Cannot evict pod as it would violate the pod's disruption budget.";
    let failure = refused.fails(429, "TooManyRequests", message);
    let cause = &failure["details"]["causes"][0];
    assert_eq!(cause["reason"], "DisruptionBudget");
    assert_eq!(cause["message"], "The disruption budget web needs 1 healthy pods and has 2 currently");
    assert!(is_there(&admin, "b").await);
}

#[tokio::test]
async fn evictions_at_once_take_no_more_than_the_budget_allows() {
    let Server { admin, .. } = server().await;
    for index in 0..8 {
        run(&admin, &format!("p{index}"), true).await;
    }
    budget(&admin, "web", status(3)).await;
    let evictions = (0..8).map(|index| {
        let admin = admin.clone();
        async move { evict(&admin, &format!("p{index}")).await.code.as_u16() }
    });
    let codes = futures::future::join_all(evictions).await;
    assert_eq!(codes.iter().filter(|code| **code == 201).count(), 3, "{codes:?}");
    assert!(codes.iter().all(|code| [201, 429].contains(code)), "{codes:?}");
}

#[tokio::test]
async fn a_budget_that_its_controller_has_not_seen_refuses_for_now() {
    let Server { admin, .. } = server().await;
    run(&admin, "a", true).await;
    budget(
        &admin,
        "web",
        json!({"observedGeneration": 0, "disruptionsAllowed": 5, "currentHealthy": 0,
        "desiredHealthy": 0, "expectedPods": 0}),
    )
    .await;
    let refused = evict(&admin, "a").await;
    assert_eq!(refused.headers["retry-after"], "10");
    let failure = refused.fails(429, "TooManyRequests", "");
    let message = failure["details"]["causes"][0]["message"].as_str().unwrap();
    assert_eq!(message, "The disruption budget web is still being processed by the server.");
}

#[tokio::test]
async fn what_disrupts_nothing_needs_no_budget() {
    let Server { admin, .. } = server().await;
    budget(&admin, "web", status(0)).await;
    // Pending.
    let mut pending = pod("pending");
    pending["metadata"]["labels"] = json!({"app": "web"});
    post(&admin, PODS, pending).await.ok();
    evict(&admin, "pending").await.ok();
    // Not ready, while enough others are.
    run(&admin, "sick", false).await;
    evict(&admin, "sick").await.ok();
    // Ended.
    run(&admin, "done", true).await;
    let ended = json!({"status": {"phase": "Succeeded"}});
    patch(&admin, "merge", &format!("{PODS}/done/status"), ended).await.ok();
    evict(&admin, "done").await.ok();
    for name in ["pending", "sick", "done"] {
        assert!(!is_there(&admin, name).await, "{name}");
    }
}

#[tokio::test]
async fn two_budgets_on_one_pod_are_more_than_an_eviction_can_hold() {
    let Server { admin, .. } = server().await;
    run(&admin, "a", true).await;
    budget(&admin, "one", status(1)).await;
    budget(&admin, "two", status(1)).await;
    evict(&admin, "a").await.fails(500, "InternalError", "more than one PodDisruptionBudget");
}

#[tokio::test]
async fn a_dry_eviction_changes_nothing() {
    let Server { admin, .. } = server().await;
    run(&admin, "a", true).await;
    budget(&admin, "web", status(1)).await;
    post(&admin, &format!("{PODS}/a/eviction?dryRun=All"), eviction("a")).await.ok();
    let mut asked = eviction("a");
    asked["deleteOptions"] = json!({"dryRun": ["All"]});
    post(&admin, &format!("{PODS}/a/eviction"), asked).await.ok();
    assert!(is_there(&admin, "a").await);
    assert_eq!(get(&admin, &format!("{BUDGETS}/web")).await.ok()["status"]["disruptionsAllowed"], 1);
}

#[tokio::test]
async fn an_eviction_holds_the_preconditions_of_a_deletion() {
    let Server { admin, .. } = server().await;
    run(&admin, "a", true).await;
    let mut asked = eviction("a");
    asked["deleteOptions"] = json!({"preconditions": {"uid": "another"}});
    post(&admin, &format!("{PODS}/a/eviction"), asked).await.fails(
        409,
        "Conflict",
        "Precondition failed: UID",
    );
    let refused = post(&admin, &format!("{PODS}/a/eviction"), eviction("b")).await;
    refused.fails(400, "BadRequest", "name in URL does not match name in Eviction object");
}

fn binding(pod: &str, node: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": pod},
        "target": {"apiVersion": "v1", "kind": "Node", "name": node}})
}

#[tokio::test]
async fn a_pod_is_bound_through_either_door_and_only_once() {
    let Server { admin, .. } = server().await;
    for name in ["a", "b"] {
        post(&admin, PODS, pod(name)).await.ok();
    }
    let mut noted = binding("a", "one");
    noted["metadata"]["annotations"] = json!({"note": "x"});
    post(&admin, &format!("{PODS}/a/binding"), noted).await.ok();
    post(&admin, "/api/v1/namespaces/default/bindings", binding("b", "one")).await.ok();
    for name in ["a", "b"] {
        assert_eq!(get(&admin, &format!("{PODS}/{name}")).await.ok()["spec"]["nodeName"], "one");
    }
    assert_eq!(get(&admin, &format!("{PODS}/a")).await.ok()["metadata"]["annotations"]["note"], "x");
    let again = post(&admin, &format!("{PODS}/a/binding"), binding("a", "two")).await;
    again.fails(409, "Conflict", "pod a is already assigned to node \"one\"");
}

#[tokio::test]
async fn a_binding_that_makes_no_sense_is_refused() {
    let Server { admin, .. } = server().await;
    let mut gated = pod("gated");
    gated["spec"]["schedulingGates"] = json!([{"name": "example.org/wait"}]);
    post(&admin, PODS, gated).await.ok();
    post(&admin, PODS, pod("a")).await.ok();
    let path = |pod: &str| format!("{PODS}/{pod}/binding");
    let refused = post(&admin, &path("gated"), binding("gated", "one")).await;
    refused.fails(409, "Conflict", "has non-empty .spec.schedulingGates");
    post(&admin, &path("a"), binding("a", "")).await.fails(422, "Invalid", "target.name: Required value");
    let mut other = binding("a", "one");
    other["target"]["kind"] = json!("Service");
    post(&admin, &path("a"), other).await.fails(
        422,
        "Invalid",
        "target.kind: Unsupported value: \"Service\"",
    );
    let mut stale = binding("a", "one");
    stale["metadata"]["resourceVersion"] = json!("1");
    post(&admin, &path("a"), stale).await.fails(409, "Conflict", "the object has been modified");
}
