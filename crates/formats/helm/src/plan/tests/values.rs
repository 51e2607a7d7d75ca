//! Which values an upgrade is rendered with.

use serde_json::{Value, json};

use super::{deployed, rendered};
use crate::plan::{ValuesPolicy, upgrade_values};

#[track_caller]
fn check(policy: ValuesPolicy, given: Value, values: &Value, chart_values: Option<&Value>) {
    let chart = [
        ("Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n"),
        ("values.yaml", "a: 1\nt: {x: 1, w: 1}\n"),
    ];
    let current = deployed(rendered(&chart, json!({"t": {"x": 2, "z": 2}, "b": 2}), 1), 1);
    let Value::Object(given) = given else { panic!("values are fields") };
    let found = upgrade_values(policy, &current, given.into()).unwrap();
    assert_eq!(Value::Object(found.values.to_json()), *values);
    assert_eq!(found.chart_values.map(Value::Object).as_ref(), chart_values);
}

#[test]
fn values_of_before_are_kept_forgotten_or_merged() {
    let old = json!({"t": {"x": 2, "z": 2}, "b": 2});
    check(ValuesPolicy::Default, json!({}), &old, None);
    check(ValuesPolicy::Default, json!({"b": 3}), &json!({"b": 3}), None);
    check(ValuesPolicy::Reset, json!({}), &json!({}), None);
    let merged = json!({"t": {"x": 3, "z": 2}, "b": 2});
    check(ValuesPolicy::ResetThenReuse, json!({"t": {"x": 3}}), &merged, None);
    let chart = json!({"a": 1, "t": {"x": 2, "w": 1, "z": 2}, "b": 2});
    check(ValuesPolicy::Reuse, json!({"t": {"x": 3}}), &merged, Some(&chart));
    check(ValuesPolicy::Reuse, json!({"b": null}), &json!({"t": {"x": 2, "z": 2}}), Some(&chart));
}
