//! Definitions become kinds, or say what is wrong with them.

use serde_json::{Value, json};

use super::from_definition;
use crate::{Subresource, cell};

fn definition() -> Value {
    json!({
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"plural": "widgets", "kind": "Widget", "shortNames": ["wd"], "categories": ["all"]},
            "versions": [
                {
                    "name": "v1",
                    "served": true,
                    "storage": true,
                    "schema": {"openAPIV3Schema": {
                        "type": "object",
                        "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}},
                    }},
                    "subresources": {
                        "status": {},
                        "scale": {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"},
                    },
                    "additionalPrinterColumns": [
                        {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
                        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
                        {"name": "Note", "type": "string", "jsonPath": ".spec.note", "priority": 1},
                    ],
                },
                {
                    "name": "v1alpha1",
                    "served": true,
                    "storage": false,
                    "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
                },
                {
                    "name": "v0",
                    "served": false,
                    "storage": false,
                    "schema": {"openAPIV3Schema": {"type": "object"}},
                },
            ],
        },
    })
}

#[track_caller]
fn check_refused(change: fn(&mut Value), expected: &[&str]) {
    let mut definition = definition();
    change(&mut definition);
    let errors = from_definition(&definition).err().unwrap_or_default();
    let found: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, start) in found.iter().zip(expected) {
        assert!(found.starts_with(start), "{found}");
    }
}

#[test]
fn each_served_version_is_a_kind() {
    let kinds = from_definition(&definition()).unwrap();
    let names: Vec<String> =
        kinds.iter().map(|kind| format!("{} {}", kind.api_version(), kind.kind)).collect();
    assert_eq!(names, ["example.com/v1 Widget", "example.com/v1alpha1 Widget"]);
    let [first, second] = &kinds[..] else { panic!() };
    assert_eq!((first.plural.as_ref(), first.singular.as_ref()), ("widgets", "widget"));
    assert!(first.namespaced && first.stored && first.has_status() && !second.has_status());
    assert_eq!(
        first.subresources[1],
        Subresource::Scale {
            spec_replicas: "spec.replicas".into(),
            status_replicas: "status.replicas".into(),
            selector: None,
        }
    );
    assert!(first.schema().unwrap().properties.contains_key("spec"));
    let age: Vec<&str> = second.columns.iter().map(|column| column.name.as_ref()).collect();
    assert_eq!(age, ["Age"]);
}

#[test]
fn its_columns_show_its_objects() {
    let kinds = from_definition(&definition()).unwrap();
    let object = json!({
        "metadata": {"creationTimestamp": "2024-01-01T00:00:00Z"},
        "spec": {"size": 3},
    });
    let now = "2024-01-03T00:00:00Z".parse().unwrap();
    let cells: Vec<Value> = kinds[0].columns.iter().map(|column| cell(column, &object, now)).collect();
    assert_eq!(cells, [json!(3), json!("2d"), Value::Null]);
}

#[test]
fn a_new_object_has_no_status_if_only_the_system_writes_it() {
    let kinds = from_definition(&definition()).unwrap();
    let mut object = json!({"spec": {}, "status": {"ready": true}});
    (kinds[1].rules.prepare_create)(&mut object);
    assert!(object["status"].is_object());
    (kinds[0].rules.prepare_create)(&mut object);
    assert!(object.get("status").is_none());
}

#[test]
fn a_definition_that_makes_no_sense_is_refused() {
    check_refused(
        |definition| definition["metadata"]["name"] = json!("widget"),
        &[r#"metadata.name: Invalid value: "widget": must be spec.names.plural+"."+spec.group"#],
    );
    check_refused(
        |definition| definition["spec"]["scope"] = json!("Global"),
        &[r#"spec.scope: Unsupported value: "Global": supported values: "Cluster", "Namespaced""#],
    );
    check_refused(
        |definition| definition["spec"]["versions"][1]["storage"] = json!(true),
        &["spec.versions: Invalid value: "],
    );
    check_refused(
        |definition| definition["spec"]["versions"][0]["schema"] = Value::Null,
        &["spec.versions[0].schema.openAPIV3Schema: Required value: schemas are required"],
    );
    check_refused(
        |definition| {
            definition["spec"]["versions"][0]["additionalPrinterColumns"][0]["jsonPath"] = json!("spec.size");
        },
        &[
            r#"spec.versions[0].additionalPrinterColumns[0].jsonPath: Invalid value: "spec.size": found "spec.size", expected"#,
        ],
    );
    check_refused(
        |definition| definition["spec"]["names"]["kind"] = json!("wid get"),
        &[
            r#"spec.names.singular: Invalid value: "wid get": a DNS-1035 label"#,
            r#"spec.names.kind: Invalid value: "wid get": may have mixed case, but should otherwise match: "#,
            r#"spec.names.listKind: Invalid value: "wid getList": may have mixed case"#,
        ],
    );
    check_refused(
        |definition| definition["status"] = json!({"storedVersions": ["v9"]}),
        &[
            r#"status.storedVersions[0]: Invalid value: "v9": missing from spec.versions; v9 was previously a storage version"#,
        ],
    );
}

#[test]
fn what_would_change_or_convert_objects_is_refused() {
    check_refused(
        |definition| definition["spec"]["conversion"] = json!({"strategy": "Webhook", "webhook": {}}),
        &["spec.conversion.strategy: Unsupported value: \"Webhook\": "],
    );
    check_refused(
        |definition| definition["spec"]["conversion"] = json!({"strategy": "None", "webhook": {}}),
        &["spec.conversion.webhook: Forbidden: should not be set when strategy is not set to Webhook"],
    );
    check_refused(
        |definition| definition["spec"]["preserveUnknownFields"] = json!(true),
        &["spec.preserveUnknownFields: Invalid value: true: cannot set to true"],
    );
    check_refused(
        |definition| {
            definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["anyOf"] =
                json!([{"required": ["spec"]}]);
        },
        &["spec.versions[0].schema.openAPIV3Schema.anyOf: Forbidden: must not be used at the root"],
    );
    check_refused(
        |definition| definition["spec"]["versions"][0]["deprecationWarning"] = json!("use v2"),
        &[
            "spec.versions[0].deprecationWarning: Invalid value: \"use v2\": can only be set for deprecated versions",
        ],
    );
    check_refused(
        |definition| {
            definition["spec"]["group"] = json!("gateway.k8s.io");
            definition["metadata"]["name"] = json!("widgets.gateway.k8s.io");
        },
        &[
            "metadata.annotations[api-approved.kubernetes.io]: Required value: protected groups must have approval",
        ],
    );
}

#[test]
fn objects_can_be_selected_by_fields_that_the_definition_names() {
    let mut definition = definition();
    definition["spec"]["versions"][0]["selectableFields"] = json!([{"jsonPath": ".spec.size"}]);
    let kinds = from_definition(&definition).unwrap();
    let selector = crate::FieldSelector::parse("spec.size=3").unwrap();
    assert_eq!(selector.unsupported_field(&kinds[0]), None);
    assert_eq!(selector.unsupported_field(&kinds[1]), Some("spec.size"));
    assert!(selector.matches(&kinds[0], &json!({"spec": {"size": 3}})));
    assert!(!selector.matches(&kinds[0], &json!({"spec": {}})));
    let paths = |paths: Value| {
        let mut definition = self::definition();
        definition["spec"]["versions"][0]["selectableFields"] = paths;
        let errors = from_definition(&definition).err().unwrap_or_default();
        errors.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let at = "spec.versions[0].selectableFields";
    assert_eq!(
        paths(json!([{"jsonPath": ".spec"}])),
        [format!(
            "{at}[0].jsonPath: Invalid value: \".spec\": must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed."
        ),]
    );
    assert_eq!(
        paths(json!([{"jsonPath": ".spec.size"}, {"jsonPath": ".spec.size"}])),
        [format!("{at}[1].jsonPath: Duplicate value: \".spec.size\""),]
    );
    assert_eq!(
        paths(json!([{"jsonPath": ".metadata.name"}])),
        [format!(
            "{at}[0].jsonPath: Invalid value: \".metadata.name\": must not point to fields in metadata"
        ),]
    );
    assert_eq!(
        paths(json!([{"jsonPath": ".spec.nothing"}])),
        [format!(
            "{at}[0].jsonPath: Invalid value: \".spec.nothing\": is an invalid path: \"nothing\" does not refer to a valid field"
        ),]
    );
}

#[test]
fn rules_are_held_against_objects_and_cost_what_they_may() {
    let mut definition = definition();
    let spec = &mut definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    spec["x-kubernetes-validations"] = json!([{"rule": "self.size > 2", "message": "too small"}]);
    spec["properties"]["names"] = json!({"type": "array", "items": {"type": "string"}});
    assert_eq!(super::rule_errors(None, &definition), []);
    let kinds = from_definition(&definition).unwrap();
    let errors = kinds[0].custom.rules.validate(None, &json!({"spec": {"size": 1}}));
    assert_eq!(
        errors.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["spec: Invalid value: too small"]
    );
    assert_eq!(kinds[1].custom.rules.validate(None, &json!({"spec": {"size": 1}})), []);

    let mut dear = definition.clone();
    dear["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["x-kubernetes-validations"] =
        json!([{"rule": "self.names.all(x, self.names.all(y, x == y))"}]);
    let errors = super::rule_errors(Some(&definition), &dear);
    let start = "spec.versions[0].schema.openAPIV3Schema.properties[spec].x-kubernetes-validations[0].rule: Forbidden: ";
    assert!(errors[0].to_string().starts_with(start), "{errors:?}");
    assert_eq!(super::rule_errors(Some(&dear), &dear), []);
}

#[test]
fn those_who_use_a_deprecated_version_are_told() {
    let mut definition = definition();
    definition["spec"]["versions"][1]["deprecated"] = json!(true);
    let kinds = from_definition(&definition).unwrap();
    assert_eq!(kinds[0].custom.deprecation, None);
    assert_eq!(kinds[1].custom.deprecation.as_deref(), Some("example.com/v1alpha1 Widget is deprecated"));
}

#[test]
fn errors_of_the_schema_have_paths_from_the_root() {
    let mut definition = definition();
    definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["size"] =
        json!({});
    let errors = from_definition(&definition).err().unwrap();
    let start = "spec.versions[0].schema.openAPIV3Schema.properties[spec].properties[size]";
    assert!(errors.iter().any(|error| error.path.to_string().starts_with(start)), "{errors:?}");
}
