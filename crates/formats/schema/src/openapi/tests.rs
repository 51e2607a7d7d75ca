use serde_json::json;

use super::*;
use crate::ListType;

#[track_caller]
fn check(field: &Value, expected: &[&str]) {
    let schema = json!({"type": "object", "properties": {"a": field}});
    let errors = from_openapi_v3(&schema).err().unwrap_or_default();
    let messages: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(messages, expected);
}

#[test]
fn a_schema_without_type_is_refused_where_it_lacks() {
    check(&json!({}), &["properties[a].type: Required value: must not be empty for specified object fields"]);
    check(
        &json!({"type": "array", "items": {}}),
        &["properties[a].items.type: Required value: must not be empty for specified array items"],
    );
    check(&json!({"x-kubernetes-preserve-unknown-fields": true}), &[]);
    check(&json!({"x-kubernetes-int-or-string": true}), &[]);
    let errors = from_openapi_v3(&json!({"properties": {}})).unwrap_err();
    assert_eq!(errors[0].to_string(), "type: Required value: must not be empty at the root");
    let errors = from_openapi_v3(&json!({"type": "string"})).unwrap_err();
    assert_eq!(errors[0].to_string(), r#"type: Invalid value: "string": must be object at the root"#);
    assert!(from_openapi_v3(&json!([])).is_err());
}

#[test]
fn what_is_not_structural_is_refused() {
    check(&json!({"type": "array"}), &["properties[a].items: Required value: must be specified"]);
    check(
        &json!({"type": "strin"}),
        &[
            r#"properties[a].type: Unsupported value: "strin": supported values: "array", "boolean", "integer", "number", "object", "string""#,
        ],
    );
    check(
        &json!({"type": "string", "$ref": "#/x"}),
        &["properties[a].$ref: Forbidden: $ref is not supported"],
    );
    check(
        &json!({"type": "object", "properties": {"b": {"type": "string"}}, "additionalProperties": {"type": "string"}}),
        &[
            "properties[a].additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive",
        ],
    );
    check(
        &json!({"type": "object", "additionalProperties": false}),
        &["properties[a].additionalProperties: Forbidden: additionalProperties cannot be set to false"],
    );
    check(
        &json!({"type": "string", "pattern": "("}),
        &[
            "properties[a].pattern: Invalid value: \"(\": must be a valid regular expression, but isn't: regex parse error:\n    (\n    ^\nerror: unclosed group",
        ],
    );
}

#[test]
fn a_keyed_list_needs_keys_that_every_item_has() {
    let list = |keys: Value, items: Value| json!({"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": keys, "items": items});
    let named = json!({"type": "object", "required": ["name"], "properties": {
        "name": {"type": "string"}, "loose": {"type": "string"}, "port": {"type": "integer", "default": 1}}});
    check(&list(json!(["name", "port"]), named.clone()), &[]);
    check(
        &list(json!([]), named.clone()),
        &[
            "properties[a].x-kubernetes-list-map-keys: Required value: must not be empty if x-kubernetes-list-type is map",
        ],
    );
    check(
        &list(json!(["loose", "other"]), named),
        &[
            "properties[a].items.properties[loose]: Required value: must have a default or be required: it is one of x-kubernetes-list-map-keys",
            "properties[a].items.properties[other]: Required value: must be declared: it is one of x-kubernetes-list-map-keys",
        ],
    );
    check(
        &json!({"type": "string", "x-kubernetes-list-type": "set"}),
        &["properties[a].type: Required value: must be array if x-kubernetes-list-type is specified"],
    );
}

#[test]
fn a_default_is_held_against_its_schema() {
    check(
        &json!({"type": "integer", "default": "1"}),
        &[r#"properties[a].default: Invalid value: "string": the value must be of type integer: "string""#],
    );
    check(
        &json!({"type": "object", "default": {"x": 1}, "properties": {"y": {"type": "string"}}}),
        &[r#"properties[a].default: Invalid value: {"x":1}: must not have unknown fields: x"#],
    );
}

#[test]
fn every_object_has_metadata_and_embedded_ones_too() {
    let schema = from_openapi_v3(&json!({"type": "object", "properties": {
        "metadata": {"type": "object"},
        "template": {"type": "object", "x-kubernetes-embedded-resource": true, "x-kubernetes-preserve-unknown-fields": true},
    }}))
    .unwrap();
    for object in [&schema, &**schema.field("template").unwrap()] {
        let labels = object.field("metadata").unwrap().field("labels").unwrap();
        assert_eq!(labels.field("anything").unwrap().type_, Type::String);
        assert_eq!(object.field("metadata").unwrap().field("finalizers").unwrap().list_type, ListType::Set);
    }
    let mut value = json!({"metadata": {"name": "a", "x": 1}, "template": {"apiVersion": "v1", "spec": {"a": 1}, "metadata": {"y": 2}}});
    let removed: Vec<String> = schema.prune(&mut value).iter().map(ToString::to_string).collect();
    assert_eq!(removed, ["metadata.x", "template.metadata.y"]);
    let errors: Vec<String> = schema.validate(&value).iter().map(ToString::to_string).collect();
    assert_eq!(errors, ["template.kind: Required value"]);
}

#[test]
fn what_is_combined_only_adds_conditions() {
    let part = |part: Value| {
        json!({"type": "object", "properties": {"b": {"type": "string"}, "l": {"type": "array", "items": {"type": "object", "properties": {"c": {"type": "integer"}}}}},
            "anyOf": [part]})
    };
    check(
        &part(
            json!({"required": ["b"], "properties": {"b": {"minLength": 1}, "l": {"items": {"properties": {"c": {"minimum": 1}}}}}}),
        ),
        &[],
    );
    check(
        &part(
            json!({"type": "object", "description": "x", "properties": {"z": {}, "l": {"items": {"properties": {"d": {}}}}}}),
        ),
        &[
            "properties[a].anyOf[0].type: Forbidden: must be empty to be structural",
            "properties[a].anyOf[0].description: Forbidden: must be empty to be structural",
            "properties[a].properties[l].items.properties[d]: Required value: because it is defined in properties[a].anyOf[0].properties[l].items.properties[d]",
            "properties[a].properties[z]: Required value: because it is defined in properties[a].anyOf[0].properties[z]",
        ],
    );
    check(
        &part(
            json!({"not": {"x-kubernetes-validations": [{"rule": "true"}], "properties": {"metadata": {}}}}),
        ),
        &[
            "properties[a].anyOf[0].not.x-kubernetes-validations: Forbidden: must be empty to be structural",
            "properties[a].anyOf[0].not.properties[metadata]: Forbidden: must not be specified in a nested context",
            "properties[a].properties[metadata]: Required value: because it is defined in properties[a].anyOf[0].not.properties[metadata]",
        ],
    );
    let types = json!([{"type": "integer"}, {"type": "string"}]);
    check(&json!({"x-kubernetes-int-or-string": true, "anyOf": types}), &[]);
    check(&json!({"x-kubernetes-int-or-string": true, "allOf": [{"anyOf": types}, {"pattern": "a"}]}), &[]);
    check(
        &json!({"type": "string", "anyOf": [{"type": "string"}]}),
        &["properties[a].anyOf[0].type: Forbidden: must be empty to be structural"],
    );
}

#[test]
fn marks_that_contradict_one_another_are_refused() {
    check(
        &json!({"x-kubernetes-int-or-string": true, "x-kubernetes-preserve-unknown-fields": true}),
        &[
            "properties[a].x-kubernetes-preserve-unknown-fields: Invalid value: true: must be false if x-kubernetes-int-or-string is true",
        ],
    );
    check(
        &json!({"type": "object", "x-kubernetes-embedded-resource": true}),
        &[
            "properties[a].properties: Required value: must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields",
        ],
    );
    check(
        &json!({"type": "string", "x-kubernetes-map-type": "atomic"}),
        &["properties[a].type: Required value: must be object if x-kubernetes-map-type is specified"],
    );
    check(
        &json!({"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string", "nullable": true}}),
        &["properties[a].items.nullable: Forbidden: cannot be nullable when x-kubernetes-list-type is set"],
    );
    check(
        &json!({"type": "object", "additionalProperties": true, "properties": {"b": {"type": "string"}}}),
        &[],
    );
}

#[test]
fn of_metadata_only_the_name_can_be_restricted() {
    let root = |metadata: Value| {
        let errors = from_openapi_v3(&json!({"type": "object", "properties": {"metadata": metadata}})).err();
        errors.unwrap_or_default().iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(
        root(json!({"type": "object", "properties": {"name": {"type": "string", "maxLength": 10}}})),
        [""; 0]
    );
    assert_eq!(
        root(json!({"type": "object", "properties": {"labels": {"type": "object"}}})),
        [
            "properties[metadata]: Forbidden: must not specify anything other than name and generateName, but metadata is implicitly specified",
        ]
    );
    assert_eq!(
        root(json!({"type": "string"})),
        [r#"properties[metadata].type: Invalid value: "string": must be object"#]
    );
    let errors = from_openapi_v3(
        &json!({"type": "object", "nullable": true, "additionalProperties": {"type": "string"}}),
    )
    .unwrap_err();
    let messages: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        messages,
        [
            "additionalProperties: Forbidden: must not be used at the root",
            "nullable: Forbidden: nullable cannot be true at the root",
        ]
    );
}

#[test]
fn rules_in_cel_are_kept_as_written() {
    let rule = json!({"rule": "self.a > 1", "message": "too small"});
    let schema = from_openapi_v3(&json!({"type": "object", "x-kubernetes-validations": [rule]})).unwrap();
    assert_eq!(schema.rules, [rule]);
}

#[test]
fn patterns_of_go_are_read() {
    check(&json!({"type": "string", "pattern": r"^(?i)([0-9]+\.)*\pL[[:alpha:]]\/\-\w$"}), &[]);
}
