#![allow(clippy::needless_pass_by_value, reason = "cases read best with values made in place")]

use bythos_schema::{built_in, from_openapi_v3};
use serde_json::json;

use super::*;
use crate::track_update;

const FIRST: &str = "2026-01-01T00:00:00Z";
const LATER: &str = "2026-01-02T00:00:00Z";

fn writer(manager: &str) -> Writer {
    let (api_version, subresource, time) = ("v1".to_owned(), String::new(), FIRST.to_owned());
    Writer { manager: manager.to_owned(), api_version, subresource, time }
}

fn later(manager: &str) -> Writer {
    Writer { time: LATER.to_owned(), ..writer(manager) }
}

fn config_map() -> std::sync::Arc<Schema> {
    built_in("", "v1", "ConfigMap").unwrap()
}

fn deployment() -> std::sync::Arc<Schema> {
    built_in("apps", "v1", "Deployment").unwrap()
}

/// An object and its schema, through a history of writes.
struct Story {
    schema: std::sync::Arc<Schema>,
    live: Option<Value>,
}

impl Story {
    fn of(schema: std::sync::Arc<Schema>) -> Self {
        Story { schema, live: None }
    }

    #[track_caller]
    fn apply(&mut self, manager: &str, applied: &Value) -> &mut Self {
        let result = server_side_apply(self.live.as_ref(), applied, &self.schema, &writer(manager), false);
        self.live = Some(result.unwrap());
        self
    }

    #[track_caller]
    fn force(&mut self, manager: &str, applied: &Value) -> &mut Self {
        let result = server_side_apply(self.live.as_ref(), applied, &self.schema, &writer(manager), true);
        self.live = Some(result.unwrap());
        self
    }

    fn update(&mut self, manager: &str, change: impl FnOnce(&mut Value)) -> &mut Self {
        let mut new = self.live.clone().unwrap_or_else(|| json!({"metadata": {"name": "a"}}));
        change(&mut new);
        track_update(self.live.as_ref(), &mut new, &self.schema, &writer(manager));
        self.live = Some(new);
        self
    }

    #[track_caller]
    fn conflicts(&mut self, manager: &str, applied: &Value, expected: &[(&str, &str)]) -> &mut Self {
        let result = server_side_apply(self.live.as_ref(), applied, &self.schema, &writer(manager), false);
        let Err(ApplyError::Conflicts(conflicts)) = result else { panic!("no conflicts: {result:?}") };
        let found: Vec<(&str, String)> =
            conflicts.iter().map(|c| (c.manager.as_str(), c.path.to_string())).collect();
        let expected: Vec<(&str, String)> =
            expected.iter().map(|(manager, path)| (*manager, (*path).to_owned())).collect();
        assert_eq!(found, expected);
        self
    }

    /// Holds the object without its managed fields.
    #[track_caller]
    fn is(&mut self, expected: &Value) -> &mut Self {
        let mut live = self.live.clone().unwrap();
        managed_fields::take(&mut live);
        assert_eq!(&live, expected);
        self
    }

    /// Holds who owns what: manager and operation, then the fields as in `FieldsV1`.
    #[track_caller]
    fn owned(&mut self, expected: &[(&str, &str, Value)]) -> &mut Self {
        let entries = managed_fields::decode(managed_fields::list_of(self.live.as_ref().unwrap())).unwrap();
        let found: Vec<(&str, &str, Value)> = entries
            .iter()
            .map(|entry| (entry.manager.as_str(), entry.operation.name(), entry.fields.to_json()))
            .collect();
        assert_eq!(found, expected);
        self
    }
}

fn data(fields: Value) -> Value {
    json!({"metadata": {"name": "a"}, "data": fields})
}

#[test]
fn creating_by_apply_owns_what_was_applied_and_nothing_that_names_the_object() {
    let applied = json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "a", "namespace": "b", "labels": {"x": "1"}}, "data": {"k": "v"}});
    let created = server_side_apply(None, &applied, &config_map(), &writer("one"), false).unwrap();
    let mut expected = applied;
    expected["metadata"]["managedFields"] = json!([{
        "manager": "one", "operation": "Apply", "apiVersion": "v1", "time": FIRST,
        "fieldsType": "FieldsV1", "fieldsV1": {"f:metadata": {"f:labels": {"f:x": {}}}, "f:data": {"f:k": {}}},
    }]);
    assert_eq!(created, expected);
}

#[test]
fn another_value_is_a_conflict_and_force_takes_the_field_over() {
    Story::of(config_map())
        .apply("one", &data(json!({"k": "1", "l": "1"})))
        .conflicts("two", &data(json!({"k": "2"})), &[("one", "data.k")])
        .force("two", &data(json!({"k": "2"})))
        .is(&data(json!({"k": "2", "l": "1"})))
        .owned(&[
            ("one", "Apply", json!({"f:data": {"f:l": {}}})),
            ("two", "Apply", json!({"f:data": {"f:k": {}}})),
        ])
        .conflicts("one", &data(json!({"k": "3", "l": "1"})), &[("two", "data.k")]);
}

#[test]
fn the_same_value_is_shared_and_stays_until_the_last_owner_gives_it_up() {
    Story::of(config_map())
        .apply("one", &data(json!({"k": "1"})))
        .apply("two", &data(json!({"k": "1"})))
        .owned(&[
            ("one", "Apply", json!({"f:data": {"f:k": {}}})),
            ("two", "Apply", json!({"f:data": {"f:k": {}}})),
        ])
        .conflicts("two", &data(json!({"k": "2"})), &[("one", "data.k")])
        .apply("one", &data(json!({"l": "1"})))
        .is(&data(json!({"k": "1", "l": "1"})))
        .apply("two", &data(json!({"l": "1"})))
        .is(&data(json!({"l": "1"})));
}

#[test]
fn a_field_that_is_no_longer_applied_goes_with_what_held_it() {
    Story::of(config_map())
        .apply("one", &json!({"metadata": {"name": "a", "labels": {"x": "1"}, "annotations": {"y": "2"}}, "data": {"k": "1"}}))
        .apply("one", &json!({"metadata": {"name": "a", "annotations": {"y": "2"}}}))
        .is(&json!({"metadata": {"name": "a", "annotations": {"y": "2"}}}))
        .apply("one", &json!({"metadata": {"name": "a"}}))
        .is(&json!({"metadata": {"name": "a"}}))
        .owned(&[]);
}

#[test]
fn what_the_server_set_survives_an_apply() {
    Story::of(config_map())
        .apply("one", &data(json!({"k": "1"})))
        .update("server", |object| {
            object["metadata"]["uid"] = json!("u");
            object["metadata"]["creationTimestamp"] = json!(FIRST);
        })
        .apply("one", &data(json!({"l": "1"})))
        .is(&json!({"metadata": {"name": "a", "uid": "u", "creationTimestamp": FIRST}, "data": {"l": "1"}}))
        .owned(&[("one", "Apply", json!({"f:data": {"f:l": {}}}))]);
}

#[test]
fn an_apply_that_changes_nothing_returns_what_is_live() {
    let applied = data(json!({"k": "1"}));
    let live = server_side_apply(None, &applied, &config_map(), &writer("one"), false).unwrap();
    let again = server_side_apply(Some(&live), &applied, &config_map(), &later("one"), false).unwrap();
    assert_eq!(again, live);
    let changed =
        server_side_apply(Some(&live), &data(json!({"k": "2"})), &config_map(), &later("one"), false)
            .unwrap();
    assert_eq!(changed["metadata"]["managedFields"][0]["time"], LATER);
    let wider = json!({"metadata": {"name": "a", "labels": {}}, "data": {"k": "1"}});
    let changed = server_side_apply(Some(&live), &wider, &config_map(), &later("one"), false).unwrap();
    assert_eq!(changed["metadata"]["managedFields"][0]["time"], LATER);
}

#[test]
fn an_update_takes_fields_from_appliers_who_then_conflict() {
    Story::of(config_map())
        .apply("one", &data(json!({"k": "1", "l": "1"})))
        .update("kubectl-edit", |object| object["data"]["k"] = json!("2"))
        .owned(&[
            ("one", "Apply", json!({"f:data": {"f:l": {}}})),
            ("kubectl-edit", "Update", json!({"f:data": {"f:k": {}}})),
        ])
        .conflicts("one", &data(json!({"k": "1", "l": "1"})), &[("kubectl-edit", "data.k")])
        .apply("one", &data(json!({"l": "1"})))
        .is(&data(json!({"k": "2", "l": "1"})));
}

fn replicas(count: Option<i32>) -> Value {
    let mut object = json!({"metadata": {"name": "a"}, "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {
        "metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "web", "image": "x"}]}}}});
    if let Some(count) = count {
        object["spec"]["replicas"] = json!(count);
    }
    object
}

#[test]
fn replicas_are_handed_over_to_an_autoscaler_as_the_documentation_shows() {
    let mut story = Story::of(deployment());
    story.apply("owner", &replicas(Some(2)));
    // The owner gives the field up after the scaler holds it: the value stays.
    story
        .update("scaler", |object| object["spec"]["replicas"] = json!(5))
        .conflicts("owner", &replicas(Some(2)), &[("scaler", "spec.replicas")])
        .apply("owner", &replicas(None))
        .is(&replicas(Some(5)));
    // The owner gives it up before: the field goes, and the server's default would come in its place.
    Story::of(deployment())
        .apply("owner", &replicas(Some(2)))
        .apply("owner", &replicas(None))
        .is(&replicas(None));
}

fn containers(list: Value) -> Value {
    json!({"metadata": {"name": "a"}, "spec": {"containers": list}})
}

#[test]
fn containers_merge_by_name_each_with_its_owners() {
    Story::of(built_in("", "v1", "Pod").unwrap())
        .apply("one", &containers(json!([{"name": "web", "image": "x", "env": [{"name": "A", "value": "1"}]}])))
        .apply("two", &containers(json!([{"name": "side", "image": "y"}, {"name": "web", "env": [{"name": "B", "value": "2"}]}])))
        .is(&containers(json!([
            {"name": "side", "image": "y"},
            {"name": "web", "image": "x", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]},
        ])))
        .conflicts(
            "two",
            &containers(json!([{"name": "web", "image": "z", "env": [{"name": "A", "value": "3"}]}])),
            &[
                ("one", r#"spec.containers[name="web"].env[name="A"].value"#),
                ("one", r#"spec.containers[name="web"].image"#),
            ],
        )
        .apply("two", &containers(json!([{"name": "side", "image": "y"}])))
        .is(&containers(json!([
            {"name": "side", "image": "y"},
            {"name": "web", "image": "x", "env": [{"name": "A", "value": "1"}]},
        ])))
        .apply("one", &json!({"metadata": {"name": "a"}}))
        .is(&containers(json!([{"name": "side", "image": "y"}])))
        .owned(&[(
            "two",
            "Apply",
            json!({"f:spec": {"f:containers": {"k:{\"name\":\"side\"}": {".": {}, "f:name": {}, "f:image": {}}}}}),
        )]);
}

#[test]
fn ports_are_told_apart_by_port_and_protocol_the_default_included() {
    let ports = |list: Value| json!({"metadata": {"name": "a"}, "spec": {"ports": list}});
    Story::of(built_in("", "v1", "Service").unwrap())
        .apply("one", &ports(json!([{"name": "dns", "port": 53}])))
        .apply("two", &ports(json!([{"name": "dns-udp", "port": 53, "protocol": "UDP"}])))
        .is(&ports(json!([{"name": "dns", "port": 53}, {"name": "dns-udp", "port": 53, "protocol": "UDP"}])))
        .conflicts(
            "two",
            &ports(json!([{"name": "other", "port": 53, "protocol": "TCP"}])),
            &[("one", r#"spec.ports[port=53,protocol="TCP"].name"#)],
        );
}

#[test]
fn sets_unite_and_each_item_has_its_owners() {
    let finalizers = |list: Value| json!({"metadata": {"name": "a", "finalizers": list}});
    Story::of(config_map())
        .apply("one", &finalizers(json!(["a", "b"])))
        .apply("two", &finalizers(json!(["b", "c"])))
        .is(&finalizers(json!(["a", "b", "c"])))
        .apply("one", &finalizers(json!(["a"])))
        .is(&finalizers(json!(["a", "b", "c"])))
        .apply("two", &finalizers(json!(["c"])))
        .is(&finalizers(json!(["a", "c"])))
        .owned(&[
            ("one", "Apply", json!({"f:metadata": {"f:finalizers": {"v:\"a\"": {}}}})),
            ("two", "Apply", json!({"f:metadata": {"f:finalizers": {"v:\"c\"": {}}}})),
        ]);
}

#[test]
fn atomic_lists_and_maps_have_one_owner() {
    let spec = |tolerations: Value, selector: Value| json!({"metadata": {"name": "a"}, "spec": {"tolerations": tolerations, "nodeSelector": selector}});
    Story::of(built_in("", "v1", "Pod").unwrap())
        .apply("one", &spec(json!([{"key": "a"}]), json!({"x": "1"})))
        .conflicts(
            "two",
            &spec(json!([{"key": "b"}]), json!({"y": "1"})),
            &[("one", "spec.nodeSelector"), ("one", "spec.tolerations")],
        )
        .force("two", &spec(json!([{"key": "b"}]), json!({"y": "1"})))
        .is(&spec(json!([{"key": "b"}]), json!({"y": "1"})))
        .owned(&[("two", "Apply", json!({"f:spec": {"f:tolerations": {}, "f:nodeSelector": {}}}))]);
}

#[test]
fn what_nobody_described_merges_by_key_and_its_lists_are_replaced() {
    let schema = from_openapi_v3(&json!({"type": "object", "properties": {
        "spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}))
    .unwrap();
    let spec = |spec: Value| json!({"metadata": {"name": "a"}, "spec": spec});
    for schema in [schema, Schema::any()] {
        Story::of(schema.into())
            .apply("one", &spec(json!({"values": {"a": {"b": 1}}, "list": [1, 2]})))
            .apply("two", &spec(json!({"values": {"a": {"c": 2}}})))
            .is(&spec(json!({"values": {"a": {"b": 1, "c": 2}}, "list": [1, 2]})))
            .conflicts("two", &spec(json!({"list": [1, 2, 3]})), &[("one", "spec.list")])
            .conflicts("two", &spec(json!({"values": "x"})), &[("one", "spec.values")])
            .apply("one", &spec(json!({"list": [3]})))
            .is(&spec(json!({"values": {"a": {"c": 2}}, "list": [3]})));
    }
}

#[test]
fn an_object_from_before_tracking_belongs_to_nobody_in_particular() {
    let live = data(json!({"k": "1"}));
    let mut story = Story { schema: config_map(), live: Some(live) };
    story
        .conflicts("one", &data(json!({"k": "2"})), &[(BEFORE_FIRST_APPLY, "data.k")])
        .apply("one", &data(json!({"l": "2"})))
        .owned(&[
            ("one", "Apply", json!({"f:data": {"f:l": {}}})),
            (BEFORE_FIRST_APPLY, "Update", json!({"f:data": {".": {}, "f:k": {}}})),
        ]);
}

#[test]
fn a_subresource_is_another_owner() {
    let applied = data(json!({"k": "1"}));
    let live = server_side_apply(None, &applied, &config_map(), &writer("one"), false).unwrap();
    let status = Writer { subresource: "status".to_owned(), ..writer("one") };
    let live = server_side_apply(Some(&live), &applied, &config_map(), &status, false).unwrap();
    let entries = managed_fields::decode(managed_fields::list_of(&live)).unwrap();
    let subresources: Vec<&str> = entries.iter().map(|entry| entry.subresource.as_str()).collect();
    assert_eq!(subresources, ["", "status"]);
}

#[test]
fn the_order_of_a_list_follows_what_is_applied() {
    let cases = [
        (json!(["a", "b", "c"]), json!(["c", "a"]), json!(["b", "c", "a"])),
        (json!(["a", "b"]), json!(["c"]), json!(["a", "b", "c"])),
        (json!(["a", "b", "c"]), json!(["a", "x", "c"]), json!(["a", "b", "x", "c"])),
        (json!([]), json!(["b", "a"]), json!(["b", "a"])),
    ];
    for (live, applied, expected) in cases {
        let finalizers = |list: &Value| json!({"metadata": {"finalizers": list}});
        let merged = merge(&config_map(), Some(&finalizers(&live)), Some(&finalizers(&applied)));
        assert_eq!(merged, Some(finalizers(&expected)), "{live} and {applied}");
    }
}

#[test]
fn what_cannot_be_applied_is_refused_with_its_place() {
    let cases = [
        (json!([]), ": expected an object to apply, found []"),
        (
            json!({"metadata": {"managedFields": []}}),
            "metadata.managedFields: must not be set in what is applied: the server keeps it",
        ),
        (
            containers(json!([{"name": "a"}, {"name": "a"}])),
            "spec.containers[1]: has the same keys as item 0",
        ),
        (
            containers(json!([{"image": "a"}])),
            "spec.containers[0]: has none of the keys that tell items apart: name",
        ),
        (containers(json!(["a"])), "spec.containers[0]: expected an object, found \"a\""),
        (
            json!({"metadata": {"finalizers": [{}]}}),
            "metadata.finalizers[0]: expected a scalar in a set, found {}",
        ),
    ];
    let schema = built_in("", "v1", "Pod").unwrap();
    for (applied, expected) in cases {
        let error = server_side_apply(None, &applied, &schema, &writer("one"), false).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn an_entry_from_before_a_field_became_one_value_holds_the_whole_field() {
    let mut live = json!({"metadata": {"name": "a"}, "spec": {"nodeSelector": {"x": "1"}}});
    live["metadata"]["managedFields"] = json!([{"manager": "one", "operation": "Apply", "apiVersion": "v1",
        "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:nodeSelector": {"f:x": {}}}}}]);
    let mut story = Story { schema: built_in("", "v1", "Pod").unwrap(), live: Some(live) };
    story.conflicts("two", &json!({"spec": {"nodeSelector": {"y": "1"}}}), &[("one", "spec.nodeSelector")]);
}
