//! Roles and their bindings.

use bythos_schema::FieldError;
use serde_json::Value;

use crate::names;
use crate::selector::validate_label_selector;
use crate::spot::Spot;

const RBAC: &str = "rbac.authorization.k8s.io";

pub(crate) fn role(role: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(role), Vec::new());
    for rule in root.field("rules").items() {
        check_rule(&rule, &mut errors);
        let paths = rule.field("nonResourceURLs");
        if !paths.is_empty() {
            errors.push(paths.invalid("namespaced rules cannot apply to non-resource URLs"));
        }
    }
    errors
}

pub(crate) fn cluster_role(role: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(role), Vec::new());
    for rule in root.field("rules").items() {
        check_rule(&rule, &mut errors);
    }
    let aggregation = root.field("aggregationRule");
    if aggregation.is_set() {
        let selectors = aggregation.field("clusterRoleSelectors");
        if selectors.is_empty() {
            errors.push(
                selectors.required("at least one clusterRoleSelector required if aggregationRule is non-nil"),
            );
        }
        for selector in selectors.items() {
            validate_label_selector(&selector, &mut errors);
        }
    }
    errors
}

fn check_rule(rule: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let (verbs, groups, resources) = (rule.field("verbs"), rule.field("apiGroups"), rule.field("resources"));
    if verbs.is_empty() {
        errors.push(verbs.required("verbs must contain at least one value"));
    }
    let of_resources =
        [&groups, &resources, &rule.field("resourceNames")].iter().any(|spot| !spot.is_empty());
    let paths = rule.field("nonResourceURLs");
    if !paths.is_empty() {
        if of_resources {
            errors.push(paths.invalid("rules cannot apply to both regular resources and non-resource URLs"));
        }
        return;
    }
    if groups.is_empty() {
        errors.push(groups.required("resource rules must supply at least one api group"));
    }
    if resources.is_empty() {
        errors.push(resources.required("resource rules must supply at least one resource"));
    }
}

pub(crate) fn role_binding(binding: &Value) -> Vec<FieldError> {
    check_binding(binding, &["Role", "ClusterRole"], false)
}

pub(crate) fn cluster_role_binding(binding: &Value) -> Vec<FieldError> {
    check_binding(binding, &["ClusterRole"], true)
}

fn check_binding(binding: &Value, role_kinds: &[&str], needs_namespaces: bool) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(binding), Vec::new());
    let reference = root.field("roleRef");
    if reference.field("apiGroup").text() != RBAC {
        errors.push(reference.field("apiGroup").unsupported(&[RBAC]));
    }
    if !role_kinds.contains(&reference.field("kind").text()) {
        errors.push(reference.field("kind").unsupported(role_kinds));
    }
    let name = reference.field("name");
    if name.is_empty() {
        errors.push(name.required(""));
    } else {
        name.check_text(names::path_segment, &mut errors);
    }
    for subject in root.field("subjects").items() {
        check_subject(&subject, needs_namespaces, &mut errors);
    }
    errors
}

fn check_subject(subject: &Spot<'_, '_>, needs_namespace: bool, errors: &mut Vec<FieldError>) {
    let (name, group, namespace) =
        (subject.field("name"), subject.field("apiGroup"), subject.field("namespace"));
    if name.is_empty() {
        errors.push(name.required(""));
    }
    match subject.field("kind").text() {
        "ServiceAccount" => {
            if !name.is_empty() {
                name.check_text(names::rfc1123_subdomain, errors);
            }
            if !group.is_empty() {
                errors.push(group.unsupported(&[""]));
            }
            if needs_namespace && namespace.is_empty() {
                errors.push(namespace.required(""));
            }
        }
        "User" | "Group" => {
            if group.text() != RBAC {
                errors.push(group.unsupported(&[RBAC]));
            }
        }
        _ => errors.push(subject.field("kind").unsupported(&["ServiceAccount", "User", "Group"])),
    }
}

/// A binding stays with its role: who may change subjects may not change what they get.
pub(crate) fn binding_update(old: &Value, new: &Value) -> Vec<FieldError> {
    let root = Spot::root(new);
    let reference = root.field("roleRef");
    if *reference.value() == old["roleRef"] {
        Vec::new()
    } else {
        vec![reference.invalid("cannot change roleRef")]
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(errors: Vec<FieldError>, expected: &[&str]) {
        let found: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_rule_is_about_resources_or_paths() {
        let rules = |rule: Value| json!({"rules": [rule]});
        let good = json!({"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]});
        check(role(&rules(good)), &[]);
        check(
            cluster_role(&rules(json!({}))),
            &[
                "rules[0].verbs: Required value: verbs must contain at least one value",
                "rules[0].apiGroups: Required value: resource rules must supply at least one api group",
                "rules[0].resources: Required value: resource rules must supply at least one resource",
            ],
        );
        let paths = rules(json!({"verbs": ["get"], "nonResourceURLs": ["/healthz"]}));
        check(cluster_role(&paths), &[]);
        check(
            role(&paths),
            &[
                r#"rules[0].nonResourceURLs: Invalid value: ["/healthz"]: namespaced rules cannot apply to non-resource URLs"#,
            ],
        );
        check(
            cluster_role(&json!({"aggregationRule": {}})),
            &[
                "aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector required if aggregationRule is non-nil",
            ],
        );
    }

    #[test]
    fn a_binding_names_a_role_and_subjects() {
        let binding = |kind: &str, subject: Value| json!({"roleRef": {"apiGroup": RBAC, "kind": kind, "name": "r"}, "subjects": [subject]});
        let robot = json!({"kind": "ServiceAccount", "name": "robot"});
        check(role_binding(&binding("Role", robot.clone())), &[]);
        check(
            cluster_role_binding(&binding("Role", robot)),
            &[
                r#"roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole""#,
                "subjects[0].namespace: Required value",
            ],
        );
        check(
            role_binding(&binding("Role", json!({"kind": "user", "name": "ada"}))),
            &[
                r#"subjects[0].kind: Unsupported value: "user": supported values: "ServiceAccount", "User", "Group""#,
            ],
        );
        let old = json!({"roleRef": {"name": "a"}});
        check(binding_update(&old, &old), &[]);
        check(
            binding_update(&old, &json!({"roleRef": {"name": "b"}})),
            &[r#"roleRef: Invalid value: {"name":"b"}: cannot change roleRef"#],
        );
    }
}
