//! One container.

use std::collections::BTreeSet;

use bythos_schema::FieldError;

use super::{check_supported, environment, probe, resources, security};
use crate::names;
use crate::spot::Spot;
use crate::validation::check_port_number;

const RESTART_RULES_MAX: usize = 20;

/// Checks a container of any list. `names` are those of the containers before it.
pub(super) fn check<'v>(
    container: &Spot<'v, '_>,
    volumes: &BTreeSet<&str>,
    names: &mut BTreeSet<&'v str>,
    errors: &mut Vec<FieldError>,
) {
    check_name(&container.field("name"), names, errors);
    check_image(&container.field("image"), errors);
    check_supported(&container.field("imagePullPolicy"), &["Always", "IfNotPresent", "Never"], errors);
    check_supported(&container.field("terminationMessagePolicy"), &["FallbackToLogsOnError", "File"], errors);
    check_ports(&container.field("ports"), errors);
    environment::check(container, errors);
    check_mounts(&container.field("volumeMounts"), volumes, errors);
    check_propagation(container, errors);
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        probe::check(&container.field(name), name != "readinessProbe", errors);
    }
    for hook in ["postStart", "preStop"] {
        probe::check_hook(&container.field("lifecycle").field(hook), errors);
    }
    resources::check(&container.field("resources"), errors);
    security::check_container(&container.field("securityContext"), errors);
    check_restarts(container, errors);
}

fn check_restarts(container: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let (policy, rules) = (container.field("restartPolicy"), container.field("restartPolicyRules"));
    check_supported(&policy, &["Always", "Never", "OnFailure"], errors);
    if policy.is_empty() && !rules.is_empty() {
        errors.push(policy.required("must specify restartPolicy when restart rules are used"));
    }
    let count = rules.items().count();
    if count > RESTART_RULES_MAX {
        errors.push(rules.too_many(count, RESTART_RULES_MAX));
    }
    for rule in rules.items() {
        let codes = rule.field("exitCodes");
        if codes.is_set() {
            codes.field("operator").check_supported(&["In", "NotIn"], errors);
        } else {
            errors.push(codes.required("must be specified"));
        }
    }
}

fn check_name<'v>(name: &Spot<'v, '_>, known: &mut BTreeSet<&'v str>, errors: &mut Vec<FieldError>) {
    if name.is_empty() {
        errors.push(name.required(""));
        return;
    }
    name.check_text(names::rfc1123_label, errors);
    if !known.insert(name.text()) {
        errors.push(name.duplicate());
    }
}

fn check_image(image: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    if image.is_empty() {
        errors.push(image.required(""));
    } else if image.text().trim() != image.text() {
        errors.push(image.invalid("must not have leading or trailing whitespace"));
    }
}

fn check_ports(ports: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let mut port_names = BTreeSet::new();
    for port in ports.items() {
        let name = port.field("name");
        if !name.is_empty() {
            name.check_text(names::port_name, errors);
            if !port_names.insert(name.text()) {
                errors.push(name.duplicate());
            }
        }
        let number = port.field("containerPort");
        if number.integer().unwrap_or_default() == 0 {
            errors.push(number.required(""));
        } else {
            check_port_number(&number, errors);
        }
        if port.field("hostPort").integer().unwrap_or_default() != 0 {
            check_port_number(&port.field("hostPort"), errors);
        }
        check_supported(&port.field("protocol"), &["SCTP", "TCP", "UDP"], errors);
    }
}

/// In the network of the host, a container's port is one of the host. One that is not said is the same.
pub(super) fn check_ports_of_host(container: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    for port in container.field("ports").items() {
        let number = port.field("containerPort");
        let on_host = port.field("hostPort").integer().filter(|number| *number != 0);
        if on_host.is_some() && on_host != number.integer() {
            errors.push(number.invalid("must match `hostPort` when `hostNetwork` is true"));
        }
    }
}

/// Two containers cannot hold the same port of the host.
pub(super) fn check_host_ports<'v>(
    container: &Spot<'v, '_>,
    known: &mut BTreeSet<(&'v str, &'v str, i64)>,
    errors: &mut Vec<FieldError>,
) {
    for port in container.field("ports").items() {
        let host_port = port.field("hostPort");
        let number = host_port.integer().unwrap_or_default();
        let key = (port.field("protocol").text(), port.field("hostIP").text(), number);
        if number != 0 && !known.insert(key) {
            errors.push(host_port.duplicate());
        }
    }
}

fn check_mounts(mounts: &Spot<'_, '_>, volumes: &BTreeSet<&str>, errors: &mut Vec<FieldError>) {
    let mut paths = BTreeSet::new();
    for mount in mounts.items() {
        let (name, path) = (mount.field("name"), mount.field("mountPath"));
        if name.is_empty() {
            errors.push(name.required(""));
        } else if !volumes.contains(name.text()) {
            errors.push(name.not_found());
        }
        if path.is_empty() {
            errors.push(path.required(""));
        } else if !paths.insert(path.text()) {
            errors.push(path.invalid("must be unique"));
        }
        for sub_path in ["subPath", "subPathExpr"] {
            check_path_inside(&mount.field(sub_path), errors);
        }
        if !mount.field("subPath").is_empty() && !mount.field("subPathExpr").is_empty() {
            errors.push(mount.field("subPathExpr").invalid("subPathExpr and subPath are mutually exclusive"));
        }
    }
}

fn check_propagation(container: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let is_privileged = security::is_privileged(&container.field("securityContext"));
    for mount in container.field("volumeMounts").items() {
        let propagation = mount.field("mountPropagation");
        propagation.check_supported(&["Bidirectional", "HostToContainer", "None"], errors);
        if propagation.text() == "Bidirectional" && !is_privileged {
            let words = "Bidirectional mount propagation is available only to privileged containers";
            errors.push(propagation.forbidden(words));
        }
    }
}

/// Checks a path that must not lead out of its volume.
pub(super) fn check_path_inside(path: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    if path.text().starts_with('/') {
        errors.push(path.invalid("must be a relative path"));
    }
    if path.text().split('/').any(|part| part == "..") {
        errors.push(path.invalid("must not contain '..'"));
    }
}

/// Checks what holds for containers that end before the others start.
pub(super) fn check_initial(container: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let policy = container.field("restartPolicy");
    if policy.text() == "Always" {
        return;
    }
    for name in ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] {
        if container.field(name).is_set() {
            let words = "may not be set for init containers without restartPolicy=Always";
            errors.push(container.field(name).forbidden(words));
        }
    }
}
