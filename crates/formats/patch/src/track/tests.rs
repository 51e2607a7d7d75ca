#![allow(clippy::needless_pass_by_value, reason = "cases read best with values made in place")]

use bythos_schema::built_in;
use serde_json::json;

use super::*;

const FIRST: &str = "2026-01-01T00:00:00Z";
const LATER: &str = "2026-01-02T00:00:00Z";

fn writer(manager: &str, time: &str) -> Writer {
    let (api_version, subresource) = ("v1".to_owned(), String::new());
    Writer { manager: manager.to_owned(), api_version, subresource, time: time.to_owned() }
}

fn pod() -> std::sync::Arc<Schema> {
    built_in("", "v1", "Pod").unwrap()
}

fn created(object: &Value) -> Value {
    let mut object = object.clone();
    track_update(None, &mut object, &pod(), &writer("creator", FIRST));
    object
}

/// Manager, time and fields of each entry after `creator` made `old` and `writer` made it `new`.
#[track_caller]
fn check(old: &Value, new: &Value, writer: &Writer, expected: &[(&str, &str, Value)]) {
    let old = created(old);
    let mut new = new.clone();
    track_update(Some(&old), &mut new, &pod(), writer);
    let entries = managed_fields::decode(managed_fields::list_of(&new)).unwrap();
    let found: Vec<(&str, &str, Value)> = entries
        .iter()
        .map(|entry| {
            (entry.manager.as_str(), entry.time.as_deref().unwrap_or_default(), entry.fields.to_json())
        })
        .collect();
    assert_eq!(found, expected);
}

fn labels(labels: Value) -> Value {
    json!({"metadata": {"name": "a", "labels": labels}})
}

fn owned(labels: Value) -> Value {
    json!({"f:metadata": {"f:labels": labels}})
}

#[test]
fn a_create_owns_all_it_brings_parents_included() {
    let object = json!({"metadata": {"name": "a", "labels": {"x": "1"}}, "spec": {"containers": [{"name": "web", "args": ["a"]}]}});
    let entries = managed_fields::decode(managed_fields::list_of(&created(&object))).unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!(
        entries[0].fields.to_json(),
        json!({"f:metadata": {"f:labels": {".": {}, "f:x": {}}}, "f:spec": {".": {}, "f:containers": {".": {},
            "k:{\"name\":\"web\"}": {".": {}, "f:name": {}, "f:args": {}}}}}),
    );
}

#[test]
fn what_changes_changes_hands_and_what_is_removed_is_nobodys() {
    check(
        &labels(json!({"x": "1", "y": "1", "z": "1"})),
        &labels(json!({"x": "2", "y": "1", "new": "1"})),
        &writer("editor", LATER),
        &[
            ("creator", FIRST, owned(json!({".": {}, "f:y": {}}))),
            ("editor", LATER, owned(json!({"f:x": {}, "f:new": {}}))),
        ],
    );
}

#[test]
fn an_update_that_changes_nothing_leaves_the_times() {
    let object = labels(json!({"x": "1"}));
    check(
        &object,
        &object,
        &writer("creator", LATER),
        &[("creator", FIRST, owned(json!({".": {}, "f:x": {}})))],
    );
    check(
        &object,
        &object,
        &writer("editor", LATER),
        &[("creator", FIRST, owned(json!({".": {}, "f:x": {}})))],
    );
}

#[test]
fn later_updates_of_a_manager_add_to_its_entry() {
    check(
        &labels(json!({"x": "1"})),
        &labels(json!({"x": "1", "y": "1"})),
        &writer("creator", LATER),
        &[("creator", LATER, owned(json!({".": {}, "f:x": {}, "f:y": {}})))],
    );
}

#[test]
fn entries_that_lose_all_vanish() {
    check(
        &labels(json!({"x": "1"})),
        &json!({"metadata": {"name": "a", "uid": "1"}}),
        &writer("editor", LATER),
        &[],
    );
}

#[test]
fn a_status_is_its_own_entry() {
    let status = Writer { subresource: "status".to_owned(), ..writer("creator", LATER) };
    let mut new = labels(json!({"x": "1"}));
    new["status"] = json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]});
    new["metadata"]["managedFields"] = json!([]);
    check(
        &labels(json!({"x": "1"})),
        &new,
        &status,
        &[
            ("creator", FIRST, owned(json!({".": {}, "f:x": {}}))),
            (
                "creator",
                LATER,
                json!({"f:status": {".": {}, "f:phase": {}, "f:conditions": {".": {},
                "k:{\"type\":\"Ready\"}": {".": {}, "f:type": {}, "f:status": {}}}}}),
            ),
        ],
    );
}

#[test]
fn an_empty_list_ends_tracking_and_it_stays_ended() {
    let old = created(&labels(json!({"x": "1"})));
    for reset in [json!([]), json!([{}])] {
        let mut new = labels(json!({"x": "2"}));
        new["metadata"]["managedFields"] = reset;
        track_update(Some(&old), &mut new, &pod(), &writer("editor", LATER));
        assert_eq!(new, labels(json!({"x": "2"})));
        let mut newer = labels(json!({"x": "3"}));
        track_update(Some(&new), &mut newer, &pod(), &writer("editor", LATER));
        assert_eq!(newer, labels(json!({"x": "3"})));
    }
}

#[test]
fn a_list_that_makes_no_sense_is_passed_over() {
    for list in [Value::Null, json!("x"), json!([{"operation": "Jump"}])] {
        let mut new = labels(json!({"x": "1"}));
        new["metadata"]["managedFields"] = list;
        check(
            &labels(json!({"x": "1"})),
            &new,
            &writer("editor", LATER),
            &[("creator", FIRST, owned(json!({".": {}, "f:x": {}})))],
        );
    }
}

#[test]
fn a_client_may_change_the_list_itself() {
    let mut new = labels(json!({"x": "1"}));
    new["metadata"]["managedFields"] = json!([{"manager": "other", "operation": "Apply", "apiVersion": "v1", "time": LATER,
        "fieldsType": "FieldsV1", "fieldsV1": owned(json!({"f:x": {}}))}]);
    check(
        &labels(json!({"x": "1"})),
        &new,
        &writer("editor", LATER),
        &[("other", LATER, owned(json!({"f:x": {}})))],
    );
}

#[test]
fn the_number_of_updaters_is_bounded() {
    let mut live = created(&labels(json!({"l0": "1"})));
    for count in 1..30 {
        let mut new = live.clone();
        new["metadata"]["labels"][format!("l{count}")] = json!("1");
        let time = format!("2026-01-01T00:00:{count:02}Z");
        track_update(Some(&live), &mut new, &pod(), &writer(&format!("m{count}"), &time));
        live = new;
    }
    let entries = managed_fields::decode(managed_fields::list_of(&live)).unwrap();
    assert_eq!(entries.len(), UPDATERS_MAX);
    assert_eq!(entries[0].manager, ANCIENT_CHANGES);
    let fields =
        entries.iter().fold(crate::field_set::FieldSet::default(), |all, entry| all.union(&entry.fields));
    assert_eq!(fields.paths().len(), 31, "thirty labels and the map that holds them");
}

#[test]
fn an_object_without_metadata_stays_as_it_is() {
    let mut object = json!({"data": {"k": "1"}});
    track_update(None, &mut object, &pod(), &writer("one", FIRST));
    assert_eq!(object, json!({"data": {"k": "1"}}));
    let mut nothing = json!(3);
    track_update(None, &mut nothing, &pod(), &writer("one", FIRST));
    assert_eq!(nothing, json!(3));
}
