//! Pods and pod templates: `pkg/apis/core/validation`.

mod container;
mod dns;
mod environment;
mod placement;
mod probe;
mod resources;
mod security;
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
    check_gates(spec, errors);
    placement::check(spec, errors);
    dns::check(spec, errors);
    security::check_pod(&spec.field("securityContext"), errors);
}

fn check_containers(spec: &Spot<'_, '_>, volumes: &BTreeSet<&str>, errors: &mut Vec<FieldError>) {
    let (containers, mut names) = (spec.field("containers"), BTreeSet::new());
    if containers.is_empty() {
        errors.push(containers.required(""));
    }
    let mut host_ports = BTreeSet::new();
    let is_host_network = spec.field("hostNetwork").is_true();
    for one in containers.items() {
        container::check(&one, volumes, &mut names, errors);
        container::check_host_ports(&one, &mut host_ports, errors);
        if is_host_network {
            container::check_ports_of_host(&one, errors);
        }
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

/// Names of conditions that a pod waits for, and of those who hold it.
fn check_gates(spec: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    for gate in spec.field("readinessGates").items() {
        gate.field("conditionType").check_text(names::qualified_name, errors);
    }
    for gate in spec.field("schedulingGates").items() {
        gate.field("name").check_text(names::qualified_name, errors);
    }
}

/// Adds an error unless the text is one of these, or empty: what is empty was filled in or means nothing.
fn check_supported(spot: &Spot<'_, '_>, supported: &[&str], errors: &mut Vec<FieldError>) {
    if !spot.is_empty() {
        spot.check_supported(supported, errors);
    }
}

#[cfg(test)]
mod tests;
