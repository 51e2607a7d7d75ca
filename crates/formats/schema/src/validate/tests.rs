use serde_json::json;

use super::*;
use crate::{built_in, from_openapi_v3};

fn messages(errors: &[FieldError]) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}

#[track_caller]
fn check_built_in((group, version, kind): (&str, &str, &str), value: Value, expected: &[&str]) {
    let schema = built_in(group, version, kind).unwrap();
    let mut value = value;
    schema.prune(&mut value);
    schema.fill_defaults(&mut value);
    assert_eq!(messages(&schema.validate(&value)), expected);
}

#[track_caller]
fn check_custom(field: &Value, value: &Value, expected: &[&str]) {
    let schema = from_openapi_v3(&json!({"type": "object", "properties": {
        "spec": {"type": "object", "properties": {"a": field}},
    }}))
    .unwrap();
    assert_eq!(messages(&schema.validate(&json!({"spec": {"a": value}}))), expected);
}

#[test]
fn types_are_named_as_upstream_names_them() {
    check_built_in(
        ("apps", "v1", "Deployment"),
        json!({"metadata": {"labels": {"a": 1}}, "spec": {"replicas": "2", "selector": {}, "template": {
            "spec": {"containers": [{"name": "a", "env": [{"name": "A", "value": true}]}]}}}}),
        &[
            r#"metadata.labels[a]: Invalid value: "integer": metadata.labels[a] in body must be of type string: "integer""#,
            r#"spec.replicas: Invalid value: "string": spec.replicas in body must be of type integer: "string""#,
            r#"spec.template.spec.containers[0].env[0].value: Invalid value: "boolean": spec.template.spec.containers[0].env[0].value in body must be of type string: "boolean""#,
        ],
    );
}

#[test]
fn required_fields_of_a_spec_are_missed_and_those_of_a_status_are_not() {
    check_built_in(
        ("apps", "v1", "Deployment"),
        json!({"metadata": {}, "spec": {"template": {"spec": {"containers": [{"image": "a"}]}}}, "status": {"conditions": [{"type": "a"}]}}),
        &["spec.selector: Required value", "spec.template.spec.containers[0].name: Required value"],
    );
}

#[test]
fn quantities_and_ports_may_be_numbers_or_strings() {
    let pod = |requests: Value, port: Value| {
        json!({"metadata": {}, "spec": {"containers": [{
            "name": "a", "resources": {"requests": requests},
            "readinessProbe": {"httpGet": {"port": port}}}]}})
    };
    check_built_in(("", "v1", "Pod"), pod(json!({"cpu": 0.5, "memory": "1Gi"}), json!("http")), &[]);
    check_built_in(("", "v1", "Pod"), pod(json!({"cpu": 1}), json!(80)), &[]);
    check_built_in(
        ("", "v1", "Pod"),
        pod(json!({"cpu": "much"}), json!(0.5)),
        &[
            r#"spec.containers[0].readinessProbe.httpGet.port: Invalid value: "number": spec.containers[0].readinessProbe.httpGet.port in body must be of type integer or string: "number""#,
            r#"spec.containers[0].resources.requests[cpu]: Invalid value: "much": spec.containers[0].resources.requests[cpu] in body must be of type quantity: "much""#,
        ],
    );
}

#[test]
fn what_clients_of_go_send_is_accepted() {
    let cases = [
        (
            ("authentication.k8s.io", "v1", "TokenRequest"),
            json!({
            "metadata": {"creationTimestamp": null},
            "spec": {"audiences": null, "expirationSeconds": null, "boundObjectRef": null},
            "status": {"token": "", "expirationTimestamp": null}}),
        ),
        (
            ("discovery.k8s.io", "v1", "EndpointSlice"),
            json!({
            "metadata": {}, "addressType": "IPv4", "endpoints": null, "ports": null}),
        ),
        (
            ("authorization.k8s.io", "v1", "SelfSubjectRulesReview"),
            json!({
            "metadata": {"creationTimestamp": null}, "spec": {"namespace": "a"},
            "status": {"resourceRules": null, "nonResourceRules": null, "incomplete": false}}),
        ),
        (("rbac.authorization.k8s.io", "v1", "ClusterRole"), json!({"metadata": {}, "rules": null})),
        (
            ("rbac.authorization.k8s.io", "v1", "RoleBinding"),
            json!({
            "metadata": {}, "roleRef": {"kind": "Role", "name": "a"}, "subjects": null}),
        ),
        (
            ("apiextensions.k8s.io", "v1", "CustomResourceDefinition"),
            json!({
            "metadata": {}, "spec": {"group": "a.b", "names": {"kind": "A", "plural": "as"}, "scope": "Namespaced",
                "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                    "type": "object", "properties": {"a": {"type": "object", "default": {"b": null}}}}}}]},
            "status": {"acceptedNames": {"kind": "", "plural": ""}, "conditions": null, "storedVersions": null}}),
        ),
        (("", "v1", "Secret"), json!({"metadata": {}, "data": {"a": "aGVsbG8="}, "type": "Opaque"})),
        (("networking.k8s.io", "v1", "NetworkPolicy"), json!({"metadata": {}, "spec": {}})),
    ];
    for (kind, value) in cases {
        check_built_in(kind, value, &[]);
    }
}

#[test]
fn duplicate_environment_variables_of_built_in_kinds_pass_as_upstream_lets_them() {
    let env = json!([{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]);
    check_built_in(
        ("", "v1", "Pod"),
        json!({"metadata": {}, "spec": {"containers": [{"name": "a", "env": env}]}}),
        &[],
    );
}

#[test]
fn bytes_of_a_secret_are_base64() {
    check_built_in(
        ("", "v1", "Secret"),
        json!({"metadata": {}, "data": {"a": "not base64"}}),
        &[r#"data[a]: Invalid value: "not base64": data[a] in body must be of type byte: "not base64""#],
    );
}

#[test]
fn numbers_have_bounds() {
    let field =
        json!({"type": "integer", "minimum": 1, "maximum": 5, "exclusiveMaximum": true, "multipleOf": 2});
    check_custom(&field, &json!(4), &[]);
    check_custom(
        &field,
        &json!(-1),
        &[
            "spec.a: Invalid value: -1: spec.a in body should be greater than or equal to 1",
            "spec.a: Invalid value: -1: spec.a in body should be a multiple of 2",
        ],
    );
    check_custom(&field, &json!(6), &["spec.a: Invalid value: 6: spec.a in body should be less than 5"]);
    check_custom(
        &field,
        &json!(1.5),
        &[r#"spec.a: Invalid value: "number": spec.a in body must be of type integer: "number""#],
    );
    check_custom(&field, &json!(2.0), &[]);
}

#[test]
fn texts_have_lengths_patterns_and_choices() {
    let text = json!({"type": "string", "minLength": 2, "maxLength": 3, "pattern": "^[a-z]+$"});
    check_custom(
        &text,
        &json!("äb"),
        &["spec.a: Invalid value: \"äb\": spec.a in body should match '^[a-z]+$'"],
    );
    check_custom(
        &text,
        &json!("a"),
        &["spec.a: Invalid value: \"a\": spec.a in body should be at least 2 chars long"],
    );
    check_custom(&text, &json!("abcd"), &["spec.a: Too long: may not be more than 3 bytes"]);
    check_custom(
        &json!({"type": "string", "enum": ["a", "b"]}),
        &json!("x"),
        &[r#"spec.a: Unsupported value: "x": supported values: "a", "b""#],
    );
}

#[test]
fn lists_have_sizes_and_keys() {
    let list = json!({"type": "array", "maxItems": 2, "minItems": 1, "items": {"type": "string"}});
    check_custom(
        &list,
        &json!([]),
        &["spec.a: Invalid value: []: spec.a in body should have at least 1 items"],
    );
    check_custom(&list, &json!(["a", "a", "a"]), &["spec.a: Too many: 3: must have at most 2 items"]);
    let set = json!({"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}});
    check_custom(&set, &json!(["a", "b", "a"]), &[r#"spec.a[2]: Duplicate value: "a""#]);
    let map = json!({"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["port", "protocol"],
        "items": {"type": "object", "required": ["port"], "properties": {
            "port": {"type": "integer"}, "protocol": {"type": "string", "default": "TCP"}}}});
    check_custom(&map, &json!([{"port": 1}, {"port": 1, "protocol": "UDP"}]), &[]);
    check_custom(
        &map,
        &json!([{"port": 1}, {"port": 1, "protocol": "TCP"}]),
        &[r#"spec.a[1]: Duplicate value: {"port":1,"protocol":"TCP"}"#],
    );
}

#[test]
fn null_is_a_value_only_where_declared() {
    check_custom(&json!({"type": "string", "nullable": true}), &Value::Null, &[]);
    check_custom(
        &json!({"type": "string"}),
        &Value::Null,
        &[r#"spec.a: Invalid value: "null": spec.a in body must be of type string: "null""#],
    );
}

#[test]
fn combinations_hold_together() {
    let one_of = json!({"type": "object", "properties": {"x": {"type": "string"}, "y": {"type": "string"}},
        "oneOf": [{"required": ["x"]}, {"required": ["y"]}]});
    check_custom(&one_of, &json!({"x": "1"}), &[]);
    check_custom(
        &one_of,
        &json!({"x": "1", "y": "2"}),
        &["spec.a: Invalid value: spec.a in body must validate one and only one schema (oneOf)"],
    );
    let any_of = json!({"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}],
        "allOf": [{"pattern": "^[0-9]+%?$"}]});
    check_custom(&any_of, &json!(3), &[]);
    check_custom(&any_of, &json!("3%"), &[]);
    check_custom(
        &any_of,
        &json!("x"),
        &["spec.a: Invalid value: \"x\": spec.a in body should match '^[0-9]+%?$'"],
    );
    let not = json!({"type": "string", "not": {"enum": ["x"]}});
    check_custom(
        &not,
        &json!("x"),
        &["spec.a: Invalid value: spec.a in body must not validate the schema (not)"],
    );
}
