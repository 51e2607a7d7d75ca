//! `spec.podFailurePolicy`: what a failed pod means. Pure.

use k8s_openapi::api::batch::v1::{
    PodFailurePolicy, PodFailurePolicyOnExitCodesRequirement, PodFailurePolicyOnPodConditionsPattern,
};
use k8s_openapi::api::core::v1::Pod;

use crate::pods;

/// What a failed pod means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The Job has failed, in these words.
    FailJob(String),
    /// The pod's index has failed.
    FailIndex,
    /// Nothing: the pod is replaced and not counted.
    Ignore,
    /// One failure more.
    Count,
}

/// The meaning by the first rule that matches.
pub(super) fn meaning(policy: Option<&PodFailurePolicy>, pod: &Pod) -> Meaning {
    for (number, rule) in policy.iter().flat_map(|policy| &policy.rules).enumerate() {
        let by_code = rule.on_exit_codes.as_ref().and_then(|codes| matching_exit(codes, pod));
        let conditions = rule.on_pod_conditions.iter().flatten();
        let found =
            by_code.or_else(|| conditions.into_iter().find_map(|pattern| matching_condition(pattern, pod)));
        let Some(found) = found else { continue };
        return match rule.action.as_str() {
            "FailJob" => Meaning::FailJob(format!("{found} matching {} rule at index {number}", rule.action)),
            "FailIndex" => Meaning::FailIndex,
            "Ignore" => Meaning::Ignore,
            _ => Meaning::Count,
        };
    }
    Meaning::Count
}

fn matching_exit(codes: &PodFailurePolicyOnExitCodesRequirement, pod: &Pod) -> Option<String> {
    let status = pod.status.as_ref()?;
    let containers = status
        .container_statuses
        .iter()
        .chain(&status.init_container_statuses)
        .flatten()
        .filter(|container| codes.container_name.as_ref().is_none_or(|name| *name == container.name));
    for container in containers {
        let ended = container.state.as_ref().and_then(|state| state.terminated.as_ref());
        let Some(code) = ended.map(|ended| ended.exit_code).filter(|code| *code != 0) else { continue };
        if codes.values.contains(&code) == (codes.operator == "In") {
            let meta = &pod.metadata;
            let (namespace, name) = (meta.namespace.as_deref(), meta.name.as_deref());
            return Some(format!(
                "Container {} for pod {}/{} failed with exit code {code}",
                container.name,
                namespace.unwrap_or_default(),
                name.unwrap_or_default()
            ));
        }
    }
    None
}

fn matching_condition(pattern: &PodFailurePolicyOnPodConditionsPattern, pod: &Pod) -> Option<String> {
    let status = pattern.status.as_deref().unwrap_or("True");
    pods::condition(pod, &pattern.type_).filter(|condition| condition.status == status)?;
    let meta = &pod.metadata;
    let (namespace, name) = (meta.namespace.as_deref(), meta.name.as_deref());
    Some(format!(
        "Pod {}/{} has condition {}",
        namespace.unwrap_or_default(),
        name.unwrap_or_default(),
        pattern.type_
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, from_value, json};

    fn pod(code: i32, condition: &str) -> Pod {
        from_value(json!({
            "metadata": { "name": "p", "namespace": "n" },
            "status": {
                "phase": "Failed",
                "conditions": [{ "type": condition, "status": "True" }],
                "containerStatuses": [{
                    "name": "main", "image": "i", "imageID": "", "ready": false, "restartCount": 0,
                    "state": { "terminated": { "exitCode": code } },
                }],
            },
        }))
        .unwrap()
    }

    #[track_caller]
    fn check(rules: &Value, pod: &Pod, expected: &Meaning) {
        let policy: PodFailurePolicy = from_value(json!({ "rules": rules })).unwrap();
        assert_eq!(meaning(Some(&policy), pod), *expected);
    }

    #[test]
    fn the_first_rule_that_matches_decides() {
        let disrupted = json!({ "action": "Ignore", "onPodConditions": [{ "type": "DisruptionTarget" }] });
        let bug = json!({ "action": "FailJob", "onExitCodes": { "operator": "In", "values": [42] } });
        let other = json!({ "action": "FailIndex", "onExitCodes":
            { "operator": "NotIn", "values": [1, 42], "containerName": "main" } });
        let rules = json!([disrupted, bug, other]);
        check(&rules, &pod(42, "DisruptionTarget"), &Meaning::Ignore);
        let words = "Container main for pod n/p failed with exit code 42 matching FailJob rule at index 1";
        check(&rules, &pod(42, "Ready"), &Meaning::FailJob(words.to_owned()));
        check(&rules, &pod(3, "Ready"), &Meaning::FailIndex);
        check(&rules, &pod(1, "Ready"), &Meaning::Count);
        check(&rules, &pod(0, "Ready"), &Meaning::Count);
        let by_condition =
            json!([{ "action": "FailJob", "onPodConditions": [{ "type": "Bad", "status": "True" }] }]);
        let words = "Pod n/p has condition Bad matching FailJob rule at index 0";
        check(&by_condition, &pod(1, "Bad"), &Meaning::FailJob(words.to_owned()));
        assert_eq!(meaning(None, &pod(1, "Bad")), Meaning::Count);
    }
}
