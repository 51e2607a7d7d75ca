//! The steps of a StatefulSet, case by case.

use super::*;
use k8s_openapi::api::apps::v1::{ControllerRevision, StatefulSet};
use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, from_value, json};

use crate::revisions::Revisions;

fn revision(name: &str) -> Arc<ControllerRevision> {
    let template = json!({ "$patch": "replace", "metadata": { "labels": { "of": name } } });
    Arc::new(
        from_value(json!({ "metadata": { "name": name }, "data": { "spec": { "template": template } } }))
            .unwrap(),
    )
}

/// A pod with this ordinal: `r` ready, `u` not ready, `p` pending, `t` terminating, `f` failed; of the new revision
/// if the letter is a capital one.
fn pod(ordinal: i32, state: char) -> Arc<Pod> {
    let name = format!("db-{ordinal}");
    let mut labels = identity::labels(&name, ordinal);
    let revision = if state.is_ascii_uppercase() { "db-new" } else { "db-old" };
    labels.insert(crate::revisions::POD_REVISION.to_owned(), revision.to_owned());
    let state = state.to_ascii_lowercase();
    let phase = match state {
        'p' => "Pending",
        'f' => "Failed",
        _ => "Running",
    };
    let ready = if state == 'u' || state == 'p' { "False" } else { "True" };
    let deleted = (state == 't').then_some("2026-01-01T00:00:00Z");
    Arc::new(
        from_value(json!({
            "metadata": { "name": name, "uid": name, "labels": labels, "deletionTimestamp": deleted },
            "status": { "phase": phase, "conditions": [{ "type": "Ready", "status": ready }] },
        }))
        .unwrap(),
    )
}

/// `states` has one letter per ordinal; a blank where there is no pod.
#[track_caller]
fn check(spec: Value, states: &str, expected: &[&str]) {
    let mut whole = json!({ "replicas": 3, "selector": {}, "template": {} });
    whole.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    let set: StatefulSet = from_value(json!({
        "metadata": { "name": "db" },
        "spec": whole,
        "status": { "replicas": 3, "currentRevision": "db-old" },
    }))
    .unwrap();
    let revisions =
        Revisions { current: revision("db-new"), others: vec![revision("db-old")], collisions: 0 };
    let pods: Vec<_> = (0..)
        .zip(states.chars())
        .filter(|(_, state)| *state != ' ')
        .map(|(ordinal, state)| pod(ordinal, state))
        .collect();
    let view = View::new(&set, &revisions, &pods, Timestamp::now());
    let name = |pod: &Pod| pod.metadata.name.clone().unwrap();
    let found: Vec<String> = steps(&view)
        .iter()
        .map(|step| match step {
            Step::Create { ordinal } => format!("create {ordinal} of {}", view.version_of(*ordinal).0),
            Step::Delete { pod } => format!("delete {}", name(pod)),
            Step::KeepClaims { pod } => format!("claims of {}", name(pod)),
            Step::Mend { pod } => format!("mend {}", name(pod)),
        })
        .collect();
    assert_eq!(found, expected, "{states:?}");
}

#[test]
fn ordered_pods_come_one_after_the_other() {
    check(json!({}), "", &["create 0 of db-new"]);
    check(json!({}), "U", &[]);
    check(json!({}), "R", &["create 1 of db-new"]);
    check(json!({}), "R R", &["create 1 of db-new"]);
    check(json!({}), "RP", &["claims of db-1"]);
    check(json!({}), "RRR", &[]);
    check(json!({}), "RTR", &[]);
    check(json!({}), "RFR", &["delete db-1"]);
}

#[test]
fn parallel_pods_come_together() {
    let parallel = json!({ "podManagementPolicy": "Parallel" });
    check(parallel.clone(), "U", &["create 1 of db-new", "create 2 of db-new"]);
    check(parallel.clone(), "UUURR", &["delete db-4", "delete db-3"]);
    check(parallel, "FUT", &["delete db-0"]);
}

#[test]
fn ordered_pods_go_from_the_last_one_when_all_others_are_available() {
    check(json!({}), "RRRRR", &["delete db-4"]);
    check(json!({}), "RRURR", &[]);
    check(json!({}), "RRRRT", &[]);
    check(json!({}), "RRRUR", &["delete db-4"]);
    check(json!({}), "RRRRU", &["delete db-4"]);
    check(json!({}), "RRRUU", &[]);
}

#[test]
fn a_rollout_replaces_pods_from_the_last_one() {
    check(json!({}), "rrr", &["delete db-2"]);
    check(json!({}), "rrT", &[]);
    check(json!({}), "rr", &["create 2 of db-new"]);
    check(json!({}), "rrU", &[]);
    check(json!({}), "rrR", &["delete db-1"]);
    let by_hand = json!({ "updateStrategy": { "type": "OnDelete" } });
    check(by_hand, "rrr", &[]);
}

#[test]
fn a_partition_keeps_the_first_pods_as_they_were() {
    let partition = |number: i32| json!({ "updateStrategy": { "rollingUpdate": { "partition": number } } });
    check(partition(2), "rrr", &["delete db-2"]);
    check(partition(2), "rrR", &[]);
    check(partition(2), "r", &["create 1 of db-old"]);
    check(partition(1), "r", &["create 1 of db-new"]);
}

#[test]
fn several_pods_may_be_missing_where_the_set_says_so() {
    let many = json!({ "updateStrategy": { "rollingUpdate": { "maxUnavailable": 2 } } });
    check(many, "rrr", &["delete db-2", "delete db-1"]);
    let parallel = json!({
        "podManagementPolicy": "Parallel",
        "updateStrategy": { "rollingUpdate": { "maxUnavailable": 2 } },
    });
    check(parallel, "rrU", &["delete db-1"]);
}

#[test]
fn ordinals_may_begin_elsewhere() {
    let later = json!({ "ordinals": { "start": 2 }, "replicas": 2 });
    check(later.clone(), "  R", &["create 3 of db-new"]);
    check(later, "R RR", &["delete db-0"]);
}
