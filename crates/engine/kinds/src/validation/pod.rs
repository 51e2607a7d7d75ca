//! Pods and pod templates: `pkg/apis/core/validation`.

mod container;
mod environment;
mod probe;
mod resources;
mod update;
mod volume;

use std::collections::BTreeSet;

use bythos_schema::FieldError;
use serde_json::Value;

pub(crate) use update::validate_update;

use super::metadata::check_labels;
use crate::names;
use crate::spot::Spot;

pub(crate) fn validate(pod: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(pod), Vec::new());
    check_spec(&root.field("spec"), &mut errors);
    errors
}

/// Checks the spec of a pod or of a pod template.
pub(crate) fn check_spec(spec: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let volumes = volume::check_all(&spec.field("volumes"), errors);
    check_containers(spec, &volumes, errors);
    check_supported(&spec.field("restartPolicy"), &["Always", "OnFailure", "Never"], errors);
    let dns_policies = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];
    check_supported(&spec.field("dnsPolicy"), &dns_policies, errors);
    spec.field("terminationGracePeriodSeconds").check_not_negative(errors);
    let deadline = spec.field("activeDeadlineSeconds");
    if deadline.integer().is_some_and(|seconds| !(1..=i64::from(i32::MAX)).contains(&seconds)) {
        errors.push(deadline.invalid("must be between 1 and 2147483647, inclusive"));
    }
    check_labels(&spec.field("nodeSelector"), errors);
    check_names(spec, errors);
    for toleration in spec.field("tolerations").items() {
        check_toleration(&toleration, errors);
    }
}

fn check_containers(spec: &Spot<'_, '_>, volumes: &BTreeSet<&str>, errors: &mut Vec<FieldError>) {
    let (containers, mut names) = (spec.field("containers"), BTreeSet::new());
    if containers.is_empty() {
        errors.push(containers.required(""));
    }
    let mut host_ports = BTreeSet::new();
    for one in containers.items() {
        container::check(&one, volumes, &mut names, errors);
        container::check_host_ports(&one, &mut host_ports, errors);
    }
    for one in spec.field("initContainers").items() {
        container::check(&one, volumes, &mut names, errors);
        container::check_initial(&one, errors);
    }
}

fn check_names(spec: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let rules: [(&str, names::Rule); 5] = [
        ("serviceAccountName", names::rfc1123_subdomain),
        ("nodeName", names::rfc1123_subdomain),
        ("hostname", names::rfc1123_label),
        ("subdomain", names::rfc1123_label),
        ("priorityClassName", names::rfc1123_subdomain),
    ];
    for (name, rule) in rules {
        if !spec.field(name).is_empty() {
            spec.field(name).check_text(rule, errors);
        }
    }
}

fn check_toleration(toleration: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let (key, operator) = (toleration.field("key"), toleration.field("operator"));
    if !key.is_empty() {
        key.check_text(names::qualified_name, errors);
    } else if operator.text() != "Exists" {
        errors.push(operator.invalid(
            "operator must be Exists when `key` is empty, which means \"match all values and all keys\"",
        ));
    }
    check_supported(&operator, &["Equal", "Exists"], errors);
    check_supported(&toleration.field("effect"), &["NoSchedule", "PreferNoSchedule", "NoExecute"], errors);
}

/// Adds an error unless the text is one of these, or empty: what is empty was filled in or means nothing.
fn check_supported(spot: &Spot<'_, '_>, supported: &[&str], errors: &mut Vec<FieldError>) {
    if !spot.is_empty() {
        spot.check_supported(supported, errors);
    }
}

#[cfg(test)]
mod tests;
