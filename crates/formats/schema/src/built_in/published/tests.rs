use super::super::KINDS;
use super::*;

fn all(dialect: Dialect) -> Map<String, Value> {
    let mut definitions = Definitions::new(dialect);
    let mut all: Map<String, Value> = definitions.of_requests().into_iter().collect();
    for row in KINDS {
        all.extend(definitions.of_kind(row.group, row.version, row.kind));
    }
    all
}

fn references(of: &Value, found: &mut BTreeSet<String>) {
    match of {
        Value::Object(fields) => {
            if let Some(Value::String(target)) = fields.get("$ref") {
                found.insert(target.clone());
            }
            fields.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[test]
fn every_reference_leads_to_a_definition() {
    for (dialect, place) in [(Dialect::V2, "#/definitions/"), (Dialect::V3, "#/components/schemas/")] {
        let all = all(dialect);
        let mut found = BTreeSet::new();
        all.values().for_each(|definition| references(definition, &mut found));
        assert!(found.len() > 300, "{}", found.len());
        for target in found {
            let name = target.strip_prefix(place).unwrap_or_else(|| panic!("{target} leads elsewhere"));
            assert!(all.contains_key(name), "{target} leads nowhere");
        }
    }
}

#[test]
fn a_definition_is_handed_out_once() {
    let mut definitions = Definitions::new(Dialect::V2);
    let pod = definitions.of_kind("", "v1", "Pod");
    assert!(pod.iter().any(|(name, _)| name == "io.k8s.api.core.v1.PodSpec"));
    let deployment = definitions.of_kind("apps", "v1", "Deployment");
    assert!(deployment.iter().any(|(name, _)| name == "io.k8s.api.apps.v1.DeploymentSpec"));
    assert!(deployment.iter().all(|(name, _)| name != "io.k8s.api.core.v1.PodSpec"));
    assert!(definitions.of_kind("", "v1", "Pod").is_empty());
    assert!(definitions.of_kind("", "v1", "Deployment").is_empty());
}

#[track_caller]
fn check(dialect: Dialect, definition: &str, field: &str, expect: Value) {
    let mut found = all(dialect).remove(definition).unwrap();
    let mut property = found["properties"][field].take();
    if let Value::Object(fields) = &mut property {
        assert!(fields.remove("description").is_some(), "{definition}.{field} has no description");
    }
    assert_eq!(property, expect, "{definition}.{field}");
}

#[test]
fn fields_say_how_they_merge_and_what_they_are() {
    const POD_SPEC: &str = "io.k8s.api.core.v1.PodSpec";
    let container = "#/definitions/io.k8s.api.core.v1.Container";
    check(
        Dialect::V2,
        POD_SPEC,
        "containers",
        json!({ "type": "array", "items": { "$ref": container }, "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"], "x-kubernetes-patch-strategy": "merge",
            "x-kubernetes-patch-merge-key": "name" }),
    );
    check(
        Dialect::V2,
        "io.k8s.api.core.v1.ServiceSpec",
        "selector",
        json!({ "type": "object", "additionalProperties": { "type": "string" },
            "x-kubernetes-map-type": "atomic" }),
    );
    check(
        Dialect::V2,
        "io.k8s.api.apps.v1.DeploymentSpec",
        "strategy",
        json!({ "$ref": "#/definitions/io.k8s.api.apps.v1.DeploymentStrategy",
            "x-kubernetes-patch-strategy": "retainKeys" }),
    );
    check(
        Dialect::V3,
        "io.k8s.api.core.v1.Pod",
        "spec",
        json!({ "allOf": [{ "$ref": "#/components/schemas/io.k8s.api.core.v1.PodSpec" }] }),
    );
}

#[test]
fn numbers_or_texts_are_written_as_each_dialect_can() {
    let name = "io.k8s.apimachinery.pkg.util.intstr.IntOrString";
    let two = all(Dialect::V2).remove(name).unwrap();
    assert_eq!((&two["type"], &two["format"]), (&json!("string"), &json!("int-or-string")));
    let three = all(Dialect::V3).remove(name).unwrap();
    assert_eq!(three["oneOf"], json!([{ "type": "integer" }, { "type": "string" }]));
}
