//! Pod Security: the labels of a namespace say which of the Pod Security Standards its pods have to meet, and of which
//! its writers are warned.

mod baseline;
mod level;
mod restricted;
mod shape;

use serde_json::Value;

use crate::object;
use crate::policy::objects_in;
use crate::status::Failure;
use crate::write::Writing;
use level::{Demand, Level, Mode};
use shape::{Pod, Violation};

/// So many pods of a namespace are held against a new demand, for a warning.
const PODS_CHECKED_MAX: usize = 3000;
/// So many lines of such a warning.
const LINES_MAX: usize = 10;

/// Which kinds make pods of which part of theirs.
const TEMPLATES: [(&str, &str); 8] = [
    ("cronjobs.batch", "/spec/jobTemplate/spec/template"),
    ("daemonsets.apps", "/spec/template"),
    ("deployments.apps", "/spec/template"),
    ("jobs.batch", "/spec/template"),
    ("podtemplates", "/template"),
    ("replicasets.apps", "/spec/template"),
    ("replicationcontrollers", "/spec/template"),
    ("statefulsets.apps", "/spec/template"),
];

/// Refuses a new pod that the namespace does not take, and warns of what it should not have.
pub(crate) fn admit_pod(
    writing: &Writing<'_>,
    pod: &Value,
    warnings: &mut Vec<String>,
) -> Result<(), Failure> {
    let Some(namespace) = writing.state.object("namespaces", "", writing.namespace) else { return Ok(()) };
    let pod_parts = Pod::of(pod);
    let enforced = Demand::of(&namespace, Mode::Enforce);
    if let Some(words) = violations(&enforced, &pod_parts) {
        return Err(writing.forbidden(pod, &format!("violates PodSecurity \"{enforced}\": {words}")));
    }
    warn(&namespace, &pod_parts, warnings);
    Ok(())
}

/// Warns of pods that this object would make.
pub(crate) fn warn_of_template(writing: &Writing<'_>, object: &Value, warnings: &mut Vec<String>) {
    let place = TEMPLATES.iter().find(|(resource, _)| *resource == &*writing.served.resource);
    let Some(template) = place.and_then(|(_, path)| object.pointer(path)) else { return };
    if let Some(namespace) = writing.state.object("namespaces", "", writing.namespace) {
        warn(&namespace, &Pod::of(template), warnings);
    }
}

fn warn(namespace: &Value, pod: &Pod<'_>, warnings: &mut Vec<String>) {
    let demand = Demand::of(namespace, Mode::Warn);
    if let Some(words) = violations(&demand, pod) {
        warnings.push(format!("would violate PodSecurity \"{demand}\": {words}"));
    }
}

/// Refuses labels that make no sense, and warns of pods that a new demand would not let in again.
pub(crate) fn admit_namespace(
    writing: &Writing<'_>,
    old: Option<&Value>,
    new: &Value,
    warnings: &mut Vec<String>,
) -> Result<(), Failure> {
    let errors = level::problems(old, new);
    if !errors.is_empty() {
        return Err(writing.invalid(object::name(new), errors));
    }
    let demand = Demand::of(new, Mode::Enforce);
    let Some(old) = old.filter(|old| Demand::of(old, Mode::Enforce) != demand) else { return Ok(()) };
    if demand.level > Demand::of(old, Mode::Enforce).level {
        warn_of_pods(writing, object::name(new), &demand, warnings);
    }
    Ok(())
}

/// One line for each way in which pods violate the demand, with the first pod's name.
fn warn_of_pods(writing: &Writing<'_>, namespace: &str, demand: &Demand, warnings: &mut Vec<String>) {
    let pods = objects_in(&writing.state.store, "pods", Some(namespace));
    let mut by_reasons: Vec<(String, &str, usize)> = Vec::new();
    for pod in pods.iter().take(PODS_CHECKED_MAX) {
        let found = demand.level.violations(demand.version, &Pod::of(pod));
        if found.is_empty() {
            continue;
        }
        let reasons = found.iter().map(|violation| violation.reason).collect::<Vec<_>>().join(", ");
        match by_reasons.iter_mut().find(|(known, ..)| *known == reasons) {
            Some((_, _, others)) => *others += 1,
            None => by_reasons.push((reasons, object::name(pod), 0)),
        }
    }
    if by_reasons.is_empty() {
        return;
    }
    warnings.push(format!(
        "existing pods in namespace {namespace:?} violate the new PodSecurity enforce level \"{demand}\""
    ));
    warnings.extend(by_reasons.into_iter().take(LINES_MAX).map(|(reasons, pod, others)| match others {
        0 => format!("{pod}: {reasons}"),
        1 => format!("{pod} (and 1 other pod): {reasons}"),
        _ => format!("{pod} (and {others} other pods): {reasons}"),
    }));
}

/// What a pod has that is demanded not to be, in words.
fn violations(demand: &Demand, pod: &Pod<'_>) -> Option<String> {
    let found = demand.level.violations(demand.version, pod);
    let words: Vec<String> = found.iter().map(ToString::to_string).collect();
    (!words.is_empty()).then(|| words.join(", "))
}

impl Level {
    /// What a pod has that the level, as it was in a version, does not allow.
    fn violations(self, version: level::Version, pod: &Pod<'_>) -> Vec<Violation> {
        match self {
            Level::Privileged => Vec::new(),
            Level::Baseline => {
                let checks = baseline::SHARED.iter().chain(baseline::ALONE);
                let mut found: Vec<(&str, Violation)> =
                    checks.filter_map(|(id, check)| Some((*id, check(pod, version)?))).collect();
                found.sort_by_key(|(id, _)| *id);
                found.into_iter().map(|(_, violation)| violation).collect()
            }
            Level::Restricted => {
                let shared = baseline::SHARED.iter().filter_map(|(_, check)| check(pod, version));
                shared.chain(restricted::CHECKS.iter().filter_map(|check| check(pod, version))).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests;
