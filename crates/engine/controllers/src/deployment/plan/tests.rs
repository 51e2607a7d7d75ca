//! The next steps of a Deployment, case by case.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::Deployment;
use serde_json::{from_value, json};

use super::*;

/// What a case needs to know of a ReplicaSet.
struct Set {
    image: &'static str,
    size: i32,
    actual: i32,
    available: i32,
    terminating: i32,
    sized_for: i32,
}

/// All pods run and are available, and the size was decided for three pods.
fn healthy(image: &'static str, size: i32) -> Set {
    Set { image, size, actual: size, available: size, terminating: 0, sized_for: 3 }
}

fn deployment(replicas: i32, strategy: Value) -> Deployment {
    from_value(json!({
        "metadata": { "name": "web", "namespace": "default", "uid": "web", "generation": 2 },
        "spec": {
            "replicas": replicas,
            "revisionHistoryLimit": 1,
            "selector": { "matchLabels": { "app": "web" } },
            "strategy": strategy,
            "template": template("new"),
        },
    }))
    .unwrap()
}

fn rolling(surge: i32, unavailable: i32) -> Value {
    json!({ "type": "RollingUpdate", "rollingUpdate": { "maxSurge": surge, "maxUnavailable": unavailable } })
}

fn template(image: &str) -> Value {
    let spec = json!({ "containers": [{ "name": "c", "image": image }] });
    json!({ "metadata": { "labels": { "app": "web" } }, "spec": spec })
}

fn replica_set(index: usize, set: &Set, surge: i32) -> Arc<ReplicaSet> {
    let object = from_value(json!({
        "metadata": {
            "name": format!("web-{}", set.image),
            "generation": 1,
            "creationTimestamp": format!("2026-01-01T00:00:{index:02}Z"),
            "annotations": {
                "deployment.kubernetes.io/revision": (index + 1).to_string(),
                "deployment.kubernetes.io/desired-replicas": set.sized_for.to_string(),
                "deployment.kubernetes.io/max-replicas": (set.sized_for + surge).to_string(),
            },
        },
        "spec": { "replicas": set.size, "selector": {}, "template": template(set.image) },
        "status": {
            "replicas": set.actual,
            "availableReplicas": set.available,
            "terminatingReplicas": set.terminating,
            "observedGeneration": 1,
        },
    }));
    Arc::new(object.unwrap())
}

/// One line per step, such as `web-old=2`.
fn told(deployment: &Deployment, sets: &[Set]) -> String {
    let surge = deployment.spec.strategy.as_ref().and_then(|strategy| strategy.rolling_update.as_ref());
    let surge = surge.and_then(|rolling| rolling.max_surge.as_ref()).map_or(0, |surge| match surge {
        k8s_openapi::apimachinery::pkg::util::intstr::IntOrString::Int(count) => *count,
        _ => 0,
    });
    let sets: Vec<_> = sets.iter().enumerate().map(|(index, set)| replica_set(index, set, surge)).collect();
    let name = |set: &ReplicaSet| set.metadata.name.clone().unwrap();
    let tell = |step: &Step<'_>| match step {
        Step::Create { replicas } => format!("create={replicas}"),
        Step::Update { set, .. } => format!("update {}", name(set)),
        Step::Scale { set, replicas } => format!("{}={replicas}", name(set)),
        Step::Remove { set } => format!("remove {}", name(set)),
    };
    steps(&View::new(deployment, &sets)).iter().map(tell).collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn check(case: &str, deployment: &Deployment, sets: &[Set], expected: &str) {
    assert_eq!(told(deployment, sets), expected, "{case}");
}

#[test]
fn a_rolling_update_moves_within_its_bounds() {
    let careful = deployment(3, rolling(1, 0));
    let quick = deployment(3, rolling(0, 1));
    let starting = Set { available: 0, ..healthy("new", 1) };
    check("nothing there", &careful, &[], "create=3");
    check("an old one is there", &careful, &[healthy("old", 3)], "create=1");
    check("no room before one goes", &quick, &[healthy("old", 3)], "create=0");
    check("the new one is not available", &careful, &[healthy("old", 3), starting], "");
    check("the new one is available", &careful, &[healthy("old", 3), healthy("new", 1)], "web-old=2");
    check("room for the next", &careful, &[healthy("old", 2), healthy("new", 1)], "web-new=2");
    check("one may be missing", &quick, &[healthy("old", 3), healthy("new", 0)], "web-old=2");
    check("the last old one", &careful, &[healthy("old", 1), healthy("new", 3)], "web-old=0");
    check("done", &careful, &[healthy("old", 0), healthy("new", 3)], "");
}

#[test]
fn unhealthy_old_pods_go_first() {
    let careful = deployment(3, rolling(1, 1));
    let broken = Set { available: 0, ..healthy("older", 1) };
    let sets = [healthy("old", 2), broken, Set { available: 0, ..healthy("new", 1) }];
    check("broken before healthy", &careful, &sets, "web-older=0");
    let all_broken = [Set { available: 0, ..healthy("old", 3) }, Set { available: 0, ..healthy("new", 1) }];
    check("a rollout that repairs is not held up", &careful, &all_broken, "web-old=2");
}

#[test]
fn recreate_waits_until_the_last_old_pod_is_gone() {
    let recreate = deployment(3, json!({ "type": "Recreate" }));
    let running = Set { size: 0, ..healthy("old", 3) };
    let ending = Set { terminating: 1, ..healthy("old", 0) };
    check("old ones go", &recreate, &[healthy("old", 3)], "web-old=0");
    check("old pods still run", &recreate, &[running], "");
    check("an old pod still ends", &recreate, &[ending], "");
    check("nobody left", &recreate, &[healthy("old", 0)], "create=3");
    check("scaled", &recreate, &[healthy("old", 0), healthy("new", 1)], "web-new=3");
}

#[test]
fn a_change_of_size_is_shared_while_a_rollout_is_under_way() {
    let bigger = deployment(6, rolling(1, 0));
    let smaller = deployment(2, rolling(0, 1));
    check("only one has pods", &bigger, &[healthy("old", 0), healthy("new", 3)], "web-new=6");
    check("two to one", &bigger, &[healthy("old", 2), healthy("new", 1)], "web-old=5 web-new=2");
    check("shrinking", &smaller, &[healthy("old", 2), healthy("new", 1)], "web-old=1 web-new=1");
    let none = deployment(0, rolling(1, 0));
    check("to nothing", &none, &[healthy("old", 2), healthy("new", 1)], "web-old=0 web-new=0");
}

#[test]
fn a_paused_deployment_is_scaled_but_not_rolled_out() {
    let mut paused = deployment(3, rolling(1, 0));
    paused.spec.paused = Some(true);
    check("no new one", &paused, &[healthy("old", 3)], "");
    check("scaled", &paused, &[Set { sized_for: 2, ..healthy("old", 2) }], "web-old=3");
}

#[test]
fn history_beyond_its_limit_goes_when_the_rollout_is_complete() {
    let deployment = deployment(3, rolling(1, 0));
    let sets = [healthy("first", 0), healthy("second", 0), healthy("new", 3)];
    check("the oldest goes", &deployment, &sets, "remove web-first");
    let unfinished = [healthy("first", 0), healthy("second", 0), Set { available: 2, ..healthy("new", 3) }];
    check("not yet complete", &deployment, &unfinished, "");
}

#[test]
fn a_template_that_comes_back_takes_its_replica_set_again_with_the_next_number() {
    let deployment = deployment(3, rolling(1, 0));
    check("numbered first", &deployment, &[healthy("new", 0), healthy("old", 3)], "update web-new");
}
