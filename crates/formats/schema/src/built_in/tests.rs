use super::*;
use crate::{ListType, PatchStrategy, Type};

#[track_caller]
fn field(kind: (&str, &str, &str), path: &str) -> Arc<Schema> {
    let mut here = built_in(kind.0, kind.1, kind.2).unwrap();
    for step in path.split('.') {
        here = match step {
            "[]" => here.items.clone().unwrap(),
            name => here.field(name).unwrap_or_else(|| panic!("no {name} of {path}")).clone(),
        };
    }
    here
}

fn keys(keys: &[&str]) -> ListType {
    ListType::Map(keys.iter().map(|key| Arc::from(*key)).collect())
}

#[test]
fn an_unknown_kind_has_no_schema() {
    assert!(built_in("", "v1", "Deployment").is_none());
    assert!(built_in("apps", "v1beta1", "Deployment").is_none());
}

#[test]
fn every_kind_is_an_object_with_metadata() {
    for row in KINDS {
        let schema = built_in(row.group, row.version, row.kind).unwrap();
        assert_eq!(schema.type_, Type::Object, "{}", row.kind);
        for name in ["apiVersion", "kind", "metadata"] {
            assert!(schema.properties.contains_key(name), "{} has no {name}", row.kind);
        }
    }
}

#[test]
fn every_row_of_the_merge_table_names_a_field_that_exists() {
    for row in KINDS {
        built_in(row.group, row.version, row.kind).unwrap();
    }
    let definitions = EXPANDED.lock().unwrap();
    let known = |short: &str| definitions.iter().find(|(name, _)| merge_table::short_name(name) == short);
    for (definition, name, is_list) in merge_table::rows() {
        let (_, schema) = known(definition).unwrap_or_else(|| panic!("no kind has {definition}"));
        let property = schema.properties.get(name).unwrap_or_else(|| panic!("{definition} has no {name}"));
        assert_eq!(property.type_ == Type::Array, is_list, "{definition}.{name}");
        if let ListType::Map(keys) = &property.list_type {
            let items = property.items.as_ref().unwrap();
            assert!(keys.iter().all(|key| items.properties.contains_key(key)), "{definition}.{name}");
        }
    }
    for definition in merge_table::atomic() {
        assert!(known(definition).unwrap_or_else(|| panic!("no kind has {definition}")).1.atomic_map);
    }
}

#[test]
fn lists_have_the_types_and_strategies_that_upstream_documents() {
    const POD: (&str, &str, &str) = ("", "v1", "Pod");
    let by = |key: &str| PatchStrategy::MergeBy(key.into());
    let cases = [
        (POD, "spec.containers", keys(&["name"]), by("name"), false),
        (POD, "spec.volumes", keys(&["name"]), by("name"), true),
        (POD, "spec.containers.[].env", keys(&["name"]), by("name"), false),
        (POD, "spec.containers.[].ports", keys(&["containerPort", "protocol"]), by("containerPort"), false),
        (POD, "spec.containers.[].volumeMounts", keys(&["mountPath"]), by("mountPath"), false),
        (POD, "spec.containers.[].args", ListType::Atomic, PatchStrategy::Replace, false),
        (POD, "spec.tolerations", ListType::Atomic, PatchStrategy::Replace, false),
        (
            POD,
            "spec.topologySpreadConstraints",
            keys(&["topologyKey", "whenUnsatisfiable"]),
            by("topologyKey"),
            false,
        ),
        (POD, "status.hostIPs", ListType::Atomic, by("ip"), false),
        (POD, "metadata.finalizers", ListType::Set, PatchStrategy::MergeScalars, false),
        (POD, "metadata.ownerReferences", keys(&["uid"]), by("uid"), false),
        (POD, "metadata.managedFields", ListType::Atomic, PatchStrategy::Replace, false),
        (("", "v1", "Service"), "spec.ports", keys(&["port", "protocol"]), by("port"), false),
        (("apps", "v1", "Deployment"), "status.conditions", keys(&["type"]), by("type"), false),
        (("batch", "v1", "Job"), "status.conditions", ListType::Atomic, by("type"), false),
        (
            ("discovery.k8s.io", "v1", "EndpointSlice"),
            "endpoints",
            ListType::Atomic,
            PatchStrategy::Replace,
            false,
        ),
        (
            ("networking.k8s.io", "v1", "Ingress"),
            "spec.rules",
            ListType::Atomic,
            PatchStrategy::Replace,
            false,
        ),
    ];
    for (kind, path, list_type, patch_strategy, retain_keys) in cases {
        let schema = field(kind, path);
        assert_eq!(schema.type_, Type::Array, "{path}");
        assert_eq!(schema.list_type, list_type, "{path}");
        assert_eq!(schema.patch_strategy, patch_strategy, "{path}");
        assert_eq!(schema.retain_keys, retain_keys, "{path}");
    }
}

#[test]
fn some_objects_are_one_value() {
    let cases = [
        (("apps", "v1", "Deployment"), "spec.selector", true),
        (("apps", "v1", "Deployment"), "spec.template.spec.nodeSelector", true),
        (("", "v1", "Service"), "spec.selector", true),
        (("", "v1", "Event"), "involvedObject", true),
        (("", "v1", "PersistentVolume"), "spec.claimRef", false),
        (("", "v1", "ConfigMap"), "data", false),
        (("apps", "v1", "Deployment"), "spec.strategy", false),
    ];
    for (kind, path, atomic) in cases {
        assert_eq!(field(kind, path).atomic_map, atomic, "{path}");
    }
    assert!(field(("apps", "v1", "Deployment"), "spec.strategy").retain_keys);
    assert!(field(("policy", "v1", "PodDisruptionBudget"), "spec.selector").patch_replaces_object);
}

#[test]
fn definitions_are_shared_between_kinds() {
    let pod = field(("", "v1", "Pod"), "spec");
    let template = field(("apps", "v1", "Deployment"), "spec.template.spec");
    assert!(Arc::ptr_eq(&pod, &template));
}

#[test]
fn what_describes_itself_is_free_form() {
    let schema = field(
        ("apiextensions.k8s.io", "v1", "CustomResourceDefinition"),
        "spec.versions.[].schema.openAPIV3Schema",
    );
    assert_eq!(schema.type_, Type::Any);
    assert!(schema.preserve_unknown);
}
