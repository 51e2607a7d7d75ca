//! Three-way patches, carried out by a strategic merge.

use std::sync::Arc;

use bythos_patch::{merge_patch, strategic_merge};
use serde_json::{Value, json};

use crate::plan::{Object, ObjectKey, ThreeWayPatch, three_way_patch};

/// What becomes of an object in the cluster.
fn merged(previous: Option<&Value>, wanted: &Value, live: &Value) -> Value {
    let object = Object { key: ObjectKey::of(wanted, "ns"), value: Arc::new(wanted.clone()) };
    let mut live = live.clone();
    match three_way_patch(previous, &object) {
        ThreeWayPatch::Merge(patch) => merge_patch(&mut live, &patch),
        ThreeWayPatch::Strategic(patch) => {
            let (group, version) = object.key.api_version.split_once('/').unwrap();
            let schema = bythos_schema::built_in(group, version, &object.key.kind).unwrap();
            strategic_merge(&mut live, &patch, &schema).unwrap();
        }
    }
    live
}

fn deployment(labels: Value, spec: Value, containers: Value) -> Value {
    let mut object = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}});
    object["metadata"]["labels"] = labels;
    object["spec"] = spec;
    object["spec"]["template"]["spec"]["containers"] = containers;
    object
}

#[test]
fn what_a_revision_leaves_out_goes_and_what_others_put_there_stays() {
    let env = |name: &str| json!({"name": name, "value": "1"});
    let previous = deployment(
        json!({"a": "1", "b": "1"}),
        json!({"replicas": 2, "paused": true}),
        json!([{"name": "app", "image": "a:1", "env": [env("A"), env("B")]}, {"name": "old", "image": "o"}]),
    );
    let wanted = deployment(
        json!({"a": "2"}),
        json!({"replicas": 2}),
        json!([{"name": "app", "image": "a:2", "env": [env("A")]}, {"name": "new", "image": "n"}]),
    );
    let mut live = previous.clone();
    live["metadata"]["labels"]["theirs"] = "x".into();
    live["spec"]["replicas"] = 5.into();
    let containers = live["spec"]["template"]["spec"]["containers"].as_array_mut().unwrap();
    containers[0]["env"].as_array_mut().unwrap().push(env("INJECTED"));
    containers[0]["imagePullPolicy"] = "Always".into();
    containers.push(json!({"name": "sidecar", "image": "s"}));
    let found = merged(Some(&previous), &wanted, &live);
    assert_eq!(found["metadata"]["labels"], json!({"a": "2", "theirs": "x"}));
    assert_eq!((&found["spec"]["replicas"], found["spec"].get("paused")), (&json!(2), None));
    let mut containers = found["spec"]["template"]["spec"]["containers"].as_array().unwrap().clone();
    containers.sort_by_key(|container| container["name"].to_string());
    assert_eq!(
        Value::from(containers),
        json!([
            {"name": "app", "image": "a:2", "imagePullPolicy": "Always", "env": [env("A"), env("INJECTED")]},
            {"name": "new", "image": "n"},
            {"name": "sidecar", "image": "s"},
        ])
    );
}

#[test]
fn an_object_of_which_nothing_is_known_loses_nothing() {
    let wanted = deployment(json!({"a": "1"}), json!({}), json!([{"name": "app", "image": "a"}]));
    let live =
        deployment(json!({"b": "1"}), json!({"replicas": 3}), json!([{"name": "other", "image": "o"}]));
    let found = merged(None, &wanted, &live);
    assert_eq!(found["metadata"]["labels"], json!({"a": "1", "b": "1"}));
    assert_eq!(found["spec"]["replicas"], 3);
    assert_eq!(found["spec"]["template"]["spec"]["containers"].as_array().unwrap().len(), 2);
}

#[test]
fn one_of_several_possibilities_takes_the_place_of_another() {
    let with = |strategy: Value| deployment(json!({}), json!({"strategy": strategy}), json!([]));
    let rolling = with(json!({"type": "RollingUpdate"}));
    let recreate = with(json!({"type": "Recreate"}));
    let live = with(json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}));
    assert_eq!(merged(Some(&rolling), &recreate, &live)["spec"]["strategy"], json!({"type": "Recreate"}));
}

#[test]
fn lists_of_other_kinds_are_replaced() {
    let thing = |spec: Value| json!({"apiVersion": "example.org/v1", "kind": "Thing", "metadata": {"name": "t"}, "spec": spec});
    let found = merged(
        Some(&thing(json!({"list": [1, 2], "gone": 1}))),
        &thing(json!({"list": [3]})),
        &thing(json!({"list": [1, 2, 9], "gone": 1, "theirs": 1})),
    );
    assert_eq!(found["spec"], json!({"list": [3], "theirs": 1}));
}
