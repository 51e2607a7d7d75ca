//! Rules are compiled with everything that is wrong with them, and held against objects as upstream does.

use bythos_schema::from_openapi_v3;
use serde_json::{Value as Json, json};

use super::*;

fn rules(schema: &Json, limits: CostLimits) -> (Rules, Vec<String>) {
    let schema = from_openapi_v3(schema).unwrap_or_else(|errors| panic!("{errors:?}"));
    let (rules, errors) = Rules::compile(&schema, limits);
    (rules, errors.iter().map(ToString::to_string).collect())
}

/// A schema with rules at `spec`.
fn spec(properties: Json, rules: Json) -> Json {
    json!({"type": "object", "properties": {"spec": {
        "type": "object", "properties": properties, "x-kubernetes-validations": rules}}})
}

#[track_caller]
fn check(schema: &Json, old: Option<Json>, new: Json, expected: &[&str]) {
    let (rules, errors) = rules(schema, CostLimits::Enforced);
    assert_eq!(errors, [""; 0]);
    let errors = rules.validate(&new, old.as_ref(), OBJECT_BUDGET);
    let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(errors, expected);
}

#[track_caller]
fn check_refused(schema: &Json, expected: &[&str]) {
    let (_, errors) = rules(schema, CostLimits::Enforced);
    assert_eq!(errors.len(), expected.len(), "{errors:#?}");
    for (found, start) in errors.iter().zip(expected) {
        assert!(found.starts_with(start), "expected {start:?} in {found:?}");
    }
}

fn size() -> Json {
    json!({"min": {"type": "integer"}, "max": {"type": "integer"}, "name": {"type": "string"}})
}

#[test]
fn an_object_that_breaks_a_rule_is_refused_with_path_message_and_reason() {
    let schema = spec(size(), json!([{"rule": "self.min <= self.max"}]));
    check(&schema, None, json!({"spec": {"min": 1, "max": 2}}), &[]);
    check(
        &schema,
        None,
        json!({"spec": {"min": 3, "max": 2}}),
        &["spec: Invalid value: failed rule: self.min <= self.max"],
    );
    check(
        &schema,
        None,
        json!({"spec": {"min": 3}}),
        &[r#"spec: Invalid value: "object": no such key: max evaluating rule: self.min <= self.max"#],
    );
    let worded = json!([{"rule": "self.min <= self.max", "message": "min must not be above max", "fieldPath": ".min", "reason": "FieldValueForbidden"}]);
    check(
        &spec(size(), worded),
        None,
        json!({"spec": {"min": 3, "max": 2}}),
        &["spec.min: Forbidden: min must not be above max"],
    );
    let computed = json!([{"rule": "self.min <= self.max", "message": "no", "messageExpression": "'%d is above %d'.format([self.min, self.max])"}]);
    check(
        &spec(size(), computed),
        None,
        json!({"spec": {"min": 3, "max": 2}}),
        &["spec: Invalid value: 3 is above 2"],
    );
    let silent = json!([{"rule": "self.min <= self.max", "message": "no", "messageExpression": "self.name"}]);
    check(&spec(size(), silent), None, json!({"spec": {"min": 3, "max": 2}}), &["spec: Invalid value: no"]);
}

#[test]
fn rules_stand_at_fields_items_and_values() {
    let schema = json!({"type": "object", "properties": {"spec": {"type": "object", "properties": {
        "name": {"type": "string", "maxLength": 20, "x-kubernetes-validations": [{"rule": "self.startsWith('a')"}]},
        "ports": {"type": "array", "maxItems": 10, "items": {"type": "integer", "x-kubernetes-validations": [{"rule": "self < 100", "message": "too high"}]}},
        "labels": {"type": "object", "maxProperties": 10, "additionalProperties": {"type": "string", "maxLength": 10,
            "x-kubernetes-validations": [{"rule": "self != ''", "reason": "FieldValueRequired"}]}},
    }}}, "x-kubernetes-validations": [{"rule": "self.metadata.name == 'x' || has(self.spec.name)"}]});
    let object =
        json!({"metadata": {"name": "x"}, "spec": {"name": "b", "ports": [1, 200], "labels": {"a.b": ""}}});
    check(
        &schema,
        None,
        object,
        &[
            "spec.labels[a.b]: Required value: failed rule: self != ''",
            r#"spec.name: Invalid value: "b": failed rule: self.startsWith('a')"#,
            "spec.ports[1]: Invalid value: 200: too high",
        ],
    );
    check(
        &schema,
        None,
        json!({"metadata": {"name": "y"}, "spec": {}}),
        &[": Invalid value: failed rule: self.metadata.name == 'x' || has(self.spec.name)"],
    );
}

#[test]
fn rules_of_transition_look_at_what_was() {
    let schema = spec(size(), json!([{"rule": "self.min >= oldSelf.min", "message": "min may only grow"}]));
    check(&schema, None, json!({"spec": {"min": 1}}), &[]);
    check(&schema, Some(json!({"spec": {"min": 1}})), json!({"spec": {"min": 2}}), &[]);
    check(
        &schema,
        Some(json!({"spec": {"min": 2}})),
        json!({"spec": {"min": 1}}),
        &["spec: Invalid value: min may only grow"],
    );
    let optional = spec(
        size(),
        json!([{"rule": "oldSelf.hasValue() || self.min == 0", "optionalOldSelf": true, "message": "begin with 0"}]),
    );
    check(&optional, None, json!({"spec": {"min": 1}}), &["spec: Invalid value: begin with 0"]);
    check(&optional, Some(json!({"spec": {"min": 0}})), json!({"spec": {"min": 1}}), &[]);
}

#[test]
fn items_with_keys_are_compared_to_their_own_past() {
    let schema = json!({"type": "object", "properties": {"list": {"type": "array", "maxItems": 10,
        "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"], "items": {
            "type": "object", "required": ["name"], "properties": {"name": {"type": "string", "maxLength": 10}, "size": {"type": "integer"}},
            "x-kubernetes-validations": [{"rule": "self.size >= oldSelf.size", "message": "shrinks"}]}}}});
    let old = json!({"list": [{"name": "a", "size": 1}, {"name": "b", "size": 5}]});
    check(
        &schema,
        Some(old.clone()),
        json!({"list": [{"name": "b", "size": 5}, {"name": "a", "size": 2}]}),
        &[],
    );
    check(
        &schema,
        Some(old),
        json!({"list": [{"name": "c", "size": 0}, {"name": "b", "size": 4}]}),
        &["list[1]: Invalid value: shrinks"],
    );
}

#[test]
fn what_has_not_changed_is_not_refused_again() {
    let schema = spec(
        json!({"name": {"type": "string", "maxLength": 10, "x-kubernetes-validations": [{"rule": "self == 'a'"}]}, "other": {"type": "string"}}),
        json!([]),
    );
    let old = json!({"spec": {"name": "b"}});
    check(&schema, Some(old.clone()), json!({"spec": {"name": "b", "other": "x"}}), &[]);
    check(
        &schema,
        Some(old),
        json!({"spec": {"name": "c"}}),
        &[r#"spec.name: Invalid value: "c": failed rule: self == 'a'"#],
    );
    let list = json!({"type": "object", "properties": {"list": {"type": "array", "maxItems": 5, "items": {
        "type": "integer", "x-kubernetes-validations": [{"rule": "self > 0"}]}}, "x": {"type": "integer"}}});
    check(&list, Some(json!({"list": [0]})), json!({"list": [0], "x": 1}), &[]);
    // The items of a plain list cannot be told apart: if it changes, all of them count.
    check(
        &list,
        Some(json!({"list": [0]})),
        json!({"list": [0, 1]}),
        &["list[0]: Invalid value: 0: failed rule: self > 0"],
    );
}

#[test]
fn a_rule_that_makes_no_sense_is_refused_with_its_place() {
    let at = "properties[spec].x-kubernetes-validations[0]";
    let refused = |rule: Json, expected: &str| {
        check_refused(&spec(size(), json!([rule])), &[&format!("{at}.{expected}")]);
    };
    refused(json!({"rule": ""}), "rule: Required value: rule is not specified");
    refused(
        json!({"rule": "self.size > 0"}),
        r#"rule: Invalid value: "self.size > 0": compilation failed: ERROR: <input>:1:5: undefined field 'size'"#,
    );
    refused(
        json!({"rule": "self.min"}),
        r#"rule: Invalid value: "self.min": cel expression must evaluate to a bool"#,
    );
    refused(
        json!({"rule": "true", "messageExpression": "self.min"}),
        r#"messageExpression: Invalid value: "self.min": messageExpression must evaluate to a string"#,
    );
    refused(
        json!({"rule": "true", "fieldPath": ".nothing"}),
        r#"fieldPath: Invalid value: ".nothing": must be a valid path"#,
    );
    refused(
        json!({"rule": "true", "reason": "Because"}),
        r#"reason: Unsupported value: "Because": supported values: "FieldValueDuplicate""#,
    );
    refused(
        json!({"rule": "true", "message": "a\nb"}),
        r#"message: Invalid value: "a\nb": must not contain line breaks"#,
    );
    refused(
        json!({"rule": "true\n&& true"}),
        "message: Required value: message must be specified if rule contains line breaks",
    );
    refused(
        json!({"rule": "true", "optionalOldSelf": true}),
        "optionalOldSelf: Invalid value: true: may not be set if oldSelf is not used in rule",
    );
    let list = json!({"type": "object", "properties": {"list": {"type": "array", "maxItems": 5, "items": {
        "type": "integer", "x-kubernetes-validations": [{"rule": "self >= oldSelf"}]}}}});
    check_refused(
        &list,
        &[
            r#"properties[list].items.x-kubernetes-validations[0].rule: Invalid value: "self >= oldSelf": oldSelf cannot be used on the uncorrelatable portion of the schema within properties[list]"#,
        ],
    );
}

#[test]
fn a_rule_that_nothing_bounds_is_refused() {
    let names = |bound: Json| {
        let mut list = json!({"type": "array", "items": {"type": "string"}});
        list.as_object_mut().unwrap().extend(bound.as_object().unwrap().clone());
        spec(json!({"names": list}), json!([{"rule": "self.names.all(x, self.names.exists_one(y, x == y))"}]))
    };
    let unbounded = names(json!({}));
    let (_, errors) = rules(&unbounded, CostLimits::Enforced);
    assert_eq!(
        errors[0],
        "properties[spec].x-kubernetes-validations[0].rule: Forbidden: estimated rule cost exceeds budget by factor of more \
         than 100x (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and \
         strings are declared)"
    );
    assert!(
        errors[2].starts_with(": Forbidden: x-kubernetes-validations estimated rule cost total"),
        "{errors:?}"
    );
    assert_eq!(rules(&unbounded, CostLimits::Accepted).1, [""; 0]);
    check_refused(&names(json!({"maxItems": 10, "items": {"type": "string", "maxLength": 10}})), &[]);
    // A cheap rule below a list without bounds is held as often as items fit into a request.
    let item = json!({"type": "object", "properties": {"list": {"type": "array", "items": {"type": "string",
        "x-kubernetes-validations": [{"rule": "self.matches('^[a-z]+$')"}]}}}});
    assert!(rules(&item, CostLimits::Enforced).1[0].contains("exceeds budget"));
}

#[test]
fn an_object_that_costs_too_much_is_refused_and_nothing_hangs() {
    let schema = spec(
        json!({"names": {"type": "array", "items": {"type": "string"}}}),
        json!([{"rule": "self.names.all(a, self.names.all(b, self.names.all(c, a + b + c != '')))"}]),
    );
    let (rules, _) = rules(&schema, CostLimits::Accepted);
    let names: Vec<String> = (0..3000).map(|number| number.to_string()).collect();
    let object = json!({"spec": {"names": names}});
    let errors = rules.validate(&object, None, 100_000);
    assert!(errors[0].to_string().contains("running out of cost budget"), "{errors:?}");
}
