//! `metadata`, the same for every kind: `k8s.io/apimachinery/pkg/api/validation/objectmeta.go`.

use bythos_schema::FieldError;
use serde_json::Value;

use super::check_immutable;
use crate::fields::items;
use crate::names;
use crate::spot::Spot;
use crate::{Kind, NameRule};

const ANNOTATIONS_BYTES_MAX: usize = 256 * 1024;

/// Checks `metadata` of any kind: name, generateName, namespace, labels, annotations, owners, finalizers.
///
/// A name must be there; one that is generated was generated already.
pub fn validate_metadata(kind: &Kind, object: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(object), Vec::new());
    let metadata = root.field("metadata");
    check_name(&metadata, kind.rules.name, &mut errors);
    check_namespace(&metadata.field("namespace"), kind.namespaced, &mut errors);
    check_labels(&metadata.field("labels"), &mut errors);
    check_annotations(&metadata.field("annotations"), &mut errors);
    check_owners(&metadata.field("ownerReferences"), &mut errors);
    for finalizer in metadata.field("finalizers").items() {
        finalizer.check_text(names::qualified_name, &mut errors);
    }
    errors
}

/// Checks what no update may change in `metadata`: old, new.
pub fn validate_metadata_update(old: &Value, new: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(new), Vec::new());
    let (metadata, old) = (root.field("metadata"), &old["metadata"]);
    for field in
        ["name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"]
    {
        check_immutable(&metadata.field(field), &old[field], &mut errors);
    }
    if !old["deletionTimestamp"].is_null() {
        check_no_new_finalizers(&metadata.field("finalizers"), items(old, "finalizers"), &mut errors);
    }
    errors
}

fn rule_of(rule: NameRule) -> names::Rule {
    match rule {
        NameRule::Subdomain => names::rfc1123_subdomain,
        NameRule::Label => names::rfc1123_label,
        NameRule::Rfc1035Label => names::rfc1035_label,
        NameRule::PathSegment => names::path_segment,
    }
}

fn check_name(metadata: &Spot<'_, '_>, rule: NameRule, errors: &mut Vec<FieldError>) {
    let (name, prefix) = (metadata.field("name"), metadata.field("generateName"));
    if !prefix.is_empty() {
        // A prefix may end with a dash, since something follows it.
        let masked = prefix.text().strip_suffix('-').map(|start| format!("{start}a"));
        let complaints = rule_of(rule)(masked.as_deref().unwrap_or(prefix.text()));
        errors.extend(complaints.into_iter().map(|words| prefix.invalid(words)));
    }
    if name.is_empty() {
        errors.push(name.required("name or generateName is required"));
    } else {
        name.check_text(rule_of(rule), errors);
    }
}

fn check_namespace(namespace: &Spot<'_, '_>, is_namespaced: bool, errors: &mut Vec<FieldError>) {
    match (is_namespaced, namespace.is_empty()) {
        (true, true) => errors.push(namespace.required("")),
        (true, false) => namespace.check_text(names::rfc1123_label, errors),
        (false, false) => errors.push(namespace.forbidden("not allowed on this type")),
        (false, true) => {}
    }
}

/// Checks a map of labels.
pub(crate) fn check_labels(labels: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    for (key, value) in labels.entries() {
        errors.extend(names::qualified_name(key).into_iter().map(|words| labels.invalid_value(key, words)));
        let complaints = names::label_value(value.text());
        errors.extend(complaints.into_iter().map(|words| labels.invalid_value(value.text(), words)));
    }
}

/// Checks a map of annotations.
pub(crate) fn check_annotations(annotations: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let mut bytes = 0;
    for (key, value) in annotations.entries() {
        let complaints = names::qualified_name(&key.to_lowercase());
        errors.extend(complaints.into_iter().map(|words| annotations.invalid_value(key, words)));
        bytes += key.len() + value.text().len();
    }
    if bytes > ANNOTATIONS_BYTES_MAX {
        errors.push(annotations.too_long(ANNOTATIONS_BYTES_MAX));
    }
}

fn check_owners(owners: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let mut controller: Option<&str> = None;
    for owner in owners.items() {
        let version = owner.field("apiVersion");
        if version.text().split('/').next_back().is_none_or(str::is_empty) {
            errors.push(version.invalid("version must not be empty"));
        }
        for field in ["kind", "name", "uid"] {
            if owner.field(field).is_empty() {
                errors.push(owner.field(field).invalid("must not be empty"));
            }
        }
        if !owner.field("controller").is_true() {
            continue;
        }
        let name = owner.field("name").text();
        match controller {
            None => controller = Some(name),
            Some(first) => errors.push(owners.invalid(format!(
                "Only one reference can have Controller set to true. Found \"true\" in references for {first} and {name}"
            ))),
        }
    }
}

fn check_no_new_finalizers(finalizers: &Spot<'_, '_>, old: &[Value], errors: &mut Vec<FieldError>) {
    let added: Vec<&Value> =
        finalizers.items().map(|item| item.value()).filter(|item| !old.contains(item)).collect();
    if !added.is_empty() {
        let names: Vec<String> = added.iter().map(|item| item.to_string()).collect();
        errors.push(finalizers.forbidden(format!(
            "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
            names.join(", ")
        )));
    }
}

/// Checks the `metadata` of a template: only what is copied to its objects.
pub(crate) fn check_template_metadata(metadata: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    check_labels(&metadata.field("labels"), errors);
    check_annotations(&metadata.field("annotations"), errors);
    let finalizers = metadata.field("finalizers");
    for finalizer in finalizers.items() {
        finalizer.check_text(names::qualified_name, errors);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kind(name: &str) -> Kind {
        crate::built_in().into_iter().find(|kind| kind.kind == name).unwrap()
    }

    #[track_caller]
    fn check(kind_name: &str, metadata: Value, expected: &[&str]) {
        let errors = validate_metadata(&kind(kind_name), &json!({ "metadata": metadata }));
        let found: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), expected.len(), "{found:#?}");
        for (found, start) in found.iter().zip(expected) {
            assert!(found.starts_with(start), "{found} does not start with {start}");
        }
    }

    #[test]
    fn names_follow_the_rule_of_their_kind() {
        check("ConfigMap", json!({"name": "a.b", "namespace": "shop"}), &[]);
        check(
            "Namespace",
            json!({"name": "a.b"}),
            &[r#"metadata.name: Invalid value: "a.b": a lowercase RFC 1123 label"#],
        );
        check(
            "Service",
            json!({"name": "1a", "namespace": "x"}),
            &[r#"metadata.name: Invalid value: "1a": a DNS-1035 label"#],
        );
        check("ClusterRole", json!({"name": "system:a"}), &[]);
        check(
            "ClusterRole",
            json!({"name": "a/b"}),
            &[r#"metadata.name: Invalid value: "a/b": may not contain '/'"#],
        );
        check(
            "Pod",
            json!({"namespace": "x"}),
            &["metadata.name: Required value: name or generateName is required"],
        );
        check("Pod", json!({"name": "web-x", "generateName": "web-", "namespace": "x"}), &[]);
        check(
            "Pod",
            json!({"name": "a", "generateName": "Web-", "namespace": "x"}),
            &[r#"metadata.generateName: Invalid value: "Web-": a lowercase"#],
        );
    }

    #[test]
    fn namespaces_are_there_exactly_where_they_must_be() {
        check("Pod", json!({"name": "a"}), &["metadata.namespace: Required value"]);
        check(
            "Node",
            json!({"name": "a", "namespace": "x"}),
            &["metadata.namespace: Forbidden: not allowed on this type"],
        );
    }

    #[test]
    fn labels_annotations_owners_and_finalizers_are_checked() {
        let with = |field: &str, value: Value| json!({"name": "a", "namespace": "x", field: value});
        check(
            "Pod",
            with("labels", json!({"a b": "c"})),
            &[r#"metadata.labels: Invalid value: "a b": name part"#],
        );
        check(
            "Pod",
            with("labels", json!({"a": "c d"})),
            &[r#"metadata.labels: Invalid value: "c d": a valid label"#],
        );
        check("Pod", with("annotations", json!({"Example.com/X": "any thing"})), &[]);
        check(
            "Pod",
            with("annotations", json!({"a": "x".repeat(256 * 1024)})),
            &["metadata.annotations: Too long: may not be more than 262144 bytes"],
        );
        check(
            "Pod",
            with("ownerReferences", json!([{"apiVersion": "apps/", "kind": "A", "name": "b"}])),
            &[
                r#"metadata.ownerReferences[0].apiVersion: Invalid value: "apps/": version must not be empty"#,
                "metadata.ownerReferences[0].uid: Invalid value: null: must not be empty",
            ],
        );
        let owner = |name: &str| json!({"apiVersion": "v1", "kind": "A", "name": name, "uid": "u", "controller": true});
        let errors = validate_metadata(
            &kind("Pod"),
            &json!({"metadata": with("ownerReferences", json!([owner("p"), owner("q")]))}),
        );
        assert!(errors[0].to_string().ends_with(r#"Found "true" in references for p and q"#), "{errors:?}");
        check(
            "Pod",
            with("finalizers", json!(["a b"])),
            &[r#"metadata.finalizers[0]: Invalid value: "a b": name part"#],
        );
    }

    #[test]
    fn an_update_keeps_what_identifies_the_object() {
        let old =
            json!({"metadata": {"name": "a", "uid": "1", "finalizers": ["x/y"], "deletionTimestamp": "t"}});
        let mut new = old.clone();
        assert!(validate_metadata_update(&old, &new).is_empty());
        new["metadata"]["finalizers"] = json!([]);
        assert!(validate_metadata_update(&old, &new).is_empty());
        new["metadata"]["uid"] = json!("2");
        new["metadata"]["finalizers"] = json!(["x/z"]);
        let found: Vec<String> =
            validate_metadata_update(&old, &new).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                r#"metadata.uid: Invalid value: "2": field is immutable"#,
                "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found \
                 new finalizers []string{\"x/z\"}",
            ]
        );
    }
}
