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
        &[r#"status.storedVersions[0]: Invalid value: "v9": must appear in spec.versions"#],
    );
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
