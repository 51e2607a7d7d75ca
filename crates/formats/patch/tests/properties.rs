//! What holds for every object, also for those that no client would send.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use bythos_patch::{Writer, json_patch, merge_patch, server_side_apply, strategic_merge, track_update};
use bythos_schema::{Schema, built_in};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Names that lead into a Pod's lists, sets and atomic maps, and the directives of strategic merge patch.
const NAMES: &[&str] = &[
    "metadata",
    "labels",
    "finalizers",
    "ownerReferences",
    "uid",
    "managedFields",
    "spec",
    "containers",
    "name",
    "env",
    "value",
    "ports",
    "containerPort",
    "protocol",
    "nodeSelector",
    "tolerations",
    "volumes",
    "unknown",
    "$patch",
    "$retainKeys",
    "$setElementOrder/containers",
    "$deleteFromPrimitiveList/finalizers",
    "op",
    "path",
];

const TEXTS: &[&str] = &["a", "b", "TCP", "replace", "delete", "merge", "add", "/metadata"];

fn value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..3).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        proptest::sample::select(TEXTS).prop_map(Value::from),
    ];
    scalar.prop_recursive(6, 48, 6, |below| {
        prop_oneof![
            proptest::collection::vec(below.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(proptest::sample::select(NAMES), below, 0..6).prop_map(
                |fields| fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
            ),
        ]
    })
}

/// A Pod's containers and more, of the right types. Lists are not empty: as upstream, nobody owns an empty keyed list.
fn pod() -> impl Strategy<Value = Value> {
    let text = || proptest::sample::select(&["a", "b", "c"][..]);
    let map = move || proptest::collection::btree_map(text(), text(), 0..3);
    let env = proptest::collection::btree_map(text(), text(), 1..3).prop_map(|env| {
        env.into_iter().map(|(name, value)| json!({"name": name, "value": value})).collect::<Value>()
    });
    let containers = proptest::collection::btree_map(text(), (text(), env), 1..3);
    (map(), map(), containers, proptest::collection::btree_set(text(), 1..3)).prop_map(
        |(labels, selector, containers, finalizers)| {
            let containers: Vec<Value> = containers
                .into_iter()
                .map(|(name, (image, env))| json!({"name": name, "image": image, "env": env}))
                .collect();
            json!({"metadata": {"name": "p", "labels": labels, "finalizers": finalizers},
                "spec": {"containers": containers, "nodeSelector": selector}})
        },
    )
}

fn writer(manager: &str) -> Writer {
    Writer {
        manager: manager.to_owned(),
        api_version: "v1".to_owned(),
        subresource: String::new(),
        time: "2026-01-01T00:00:00Z".to_owned(),
    }
}

fn schemas() -> [std::sync::Arc<Schema>; 2] {
    [built_in("", "v1", "Pod").unwrap(), Schema::anything().clone()]
}

/// A later apply of the same, which must change nothing.
fn apply_again(live: &Value, applied: &Value, schema: &Schema, manager: &str) -> Value {
    let later = Writer { time: "2027-01-01T00:00:00Z".to_owned(), ..writer(manager) };
    server_side_apply(Some(live), applied, schema, &later, false).unwrap()
}

proptest! {
    #[test]
    fn applying_twice_changes_nothing(first in pod(), second in pod()) {
        for schema in schemas() {
            let live = server_side_apply(None, &first, &schema, &writer("one"), false).unwrap();
            prop_assert_eq!(&apply_again(&live, &first, &schema, "one"), &live);
            let both = server_side_apply(Some(&live), &second, &schema, &writer("two"), true).unwrap();
            prop_assert_eq!(&apply_again(&both, &second, &schema, "two"), &both);
        }
    }

    #[test]
    fn what_one_manager_applied_goes_when_it_applies_nothing(applied in pod()) {
        for schema in schemas() {
            let live = server_side_apply(None, &applied, &schema, &writer("one"), false).unwrap();
            let nothing = json!({"metadata": {"name": "p"}});
            prop_assert_eq!(server_side_apply(Some(&live), &nothing, &schema, &writer("one"), false).unwrap(), nothing);
        }
    }

    #[test]
    fn another_managers_fields_stay_whatever_one_applies_next(mine in pod(), theirs in pod(), next in pod()) {
        for schema in schemas() {
            let live = server_side_apply(None, &mine, &schema, &writer("one"), false).unwrap();
            let live = server_side_apply(Some(&live), &theirs, &schema, &writer("two"), true).unwrap();
            let Ok(live) = server_side_apply(Some(&live), &next, &schema, &writer("one"), false) else { continue };
            prop_assert_eq!(&apply_again(&live, &theirs, &schema, "two"), &live);
        }
    }

    #[test]
    fn nothing_panics_on_any_json(old in value(), new in value(), patch in value()) {
        for schema in schemas() {
            for live in [None, Some(&old)] {
                for force in [false, true] {
                    drop(server_side_apply(live, &new, &schema, &writer("one"), force));
                }
                let mut tracked = new.clone();
                track_update(live, &mut tracked, &schema, &writer("one"));
                drop(server_side_apply(Some(&tracked), &patch, &schema, &writer("two"), true));
            }
            drop(strategic_merge(&mut old.clone(), &patch, &schema));
        }
        merge_patch(&mut old.clone(), &patch);
        let mut target = old;
        drop(json_patch(&mut target, &patch));
    }
}
