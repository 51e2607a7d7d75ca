//! Which objects a quota looks at: those in all of its scopes.

use bythos_kinds::LabelSelector;
use serde_json::{Value, json};

use crate::object;

/// Whether the quota looks at an object of this resource. A quota with scopes looks at pods alone.
pub(super) fn covers(quota: &Value, resource: &str, object: &Value) -> bool {
    let named = object::strings(quota.pointer("/spec/scopes"));
    let selected = quota.pointer("/spec/scopeSelector/matchExpressions").and_then(Value::as_array);
    let selected = selected.map(Vec::as_slice).unwrap_or_default();
    if named.is_empty() && selected.is_empty() {
        return true;
    }
    resource == "pods"
        && named.iter().all(|scope| is_in(scope, &Value::Null, object))
        && selected.iter().all(|expression| {
            is_in(object::text_at(expression, "/scopeName").unwrap_or_default(), expression, object)
        })
}

fn is_in(scope: &str, expression: &Value, pod: &Value) -> bool {
    let is_set = |pointer: &str| pod.pointer(pointer).is_some_and(|value| !value.is_null());
    let is_best_effort = || object::text_at(pod, "/status/qosClass") == Some("BestEffort");
    match scope {
        "Terminating" => is_set("/spec/activeDeadlineSeconds"),
        "NotTerminating" => !is_set("/spec/activeDeadlineSeconds"),
        "BestEffort" => is_best_effort(),
        "NotBestEffort" => !is_best_effort(),
        "PriorityClass" => is_of_class(expression, pod),
        "CrossNamespacePodAffinity" => crosses_namespaces(pod),
        _ => false,
    }
}

/// Whether the pod's priority class is one of those that the expression names; any, if it names none.
fn is_of_class(expression: &Value, pod: &Value) -> bool {
    let class = object::text_at(pod, "/spec/priorityClassName");
    let operator = object::text_at(expression, "/operator").unwrap_or("Exists");
    if operator == "Exists" {
        return class.is_some();
    }
    let selector = json!({"matchExpressions": [
        {"key": "PriorityClass", "operator": operator, "values": expression.get("values")}]});
    let labels = class.map_or(Value::Null, |class| json!({"PriorityClass": class}));
    LabelSelector::from_object(&selector).ok().flatten().is_some_and(|selector| selector.matches(&labels))
}

/// Whether an affinity of the pod looks beyond its own namespace.
fn crosses_namespaces(pod: &Value) -> bool {
    let crosses = |term: &Value| {
        term["namespaces"].as_array().is_some_and(|names| !names.is_empty())
            || !term["namespaceSelector"].is_null()
    };
    let affinity = pod.pointer("/spec/affinity").unwrap_or(&Value::Null);
    ["podAffinity", "podAntiAffinity"].iter().any(|kind| {
        let list = |field: &str| affinity[*kind][field].as_array().map(Vec::as_slice).unwrap_or_default();
        list("requiredDuringSchedulingIgnoredDuringExecution").iter().any(crosses)
            || list("preferredDuringSchedulingIgnoredDuringExecution")
                .iter()
                .any(|weighted| crosses(&weighted["podAffinityTerm"]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(spec: Value, pod: Value, expected: bool) {
        assert_eq!(covers(&json!({"spec": spec}), "pods", &pod), expected, "{spec} {pod}");
    }

    #[test]
    fn a_quota_looks_at_pods_in_all_of_its_scopes() {
        let pod = json!({"spec": {"activeDeadlineSeconds": 5}, "status": {"qosClass": "BestEffort"}});
        check(json!({}), pod.clone(), true);
        check(json!({"scopes": ["Terminating", "BestEffort"]}), pod.clone(), true);
        check(json!({"scopes": ["Terminating", "NotBestEffort"]}), pod.clone(), false);
        check(json!({"scopes": ["NotTerminating"]}), pod, false);
        let quota = json!({"spec": {"scopes": ["BestEffort"]}});
        assert!(!covers(&quota, "services", &json!({})));
    }

    #[test]
    fn priority_classes_are_selected() {
        let by = |operator: &str, values: Value| {
            json!({"scopeSelector": {"matchExpressions": [
                {"scopeName": "PriorityClass", "operator": operator, "values": values}]}})
        };
        let high = json!({"spec": {"priorityClassName": "high"}});
        check(by("In", json!(["high", "low"])), high.clone(), true);
        check(by("In", json!(["low"])), high.clone(), false);
        check(by("NotIn", json!(["low"])), high.clone(), true);
        check(by("Exists", Value::Null), high, true);
        check(by("Exists", Value::Null), json!({"spec": {}}), false);
        check(by("DoesNotExist", Value::Null), json!({"spec": {}}), true);
    }

    #[test]
    fn affinities_that_cross_namespaces_are_seen() {
        let spec = json!({"scopes": ["CrossNamespacePodAffinity"]});
        let term = json!({"topologyKey": "a", "namespaces": ["b"]});
        let pod = json!({"spec": {"affinity": {"podAntiAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "podAffinityTerm": term}]}}}});
        check(spec.clone(), pod, true);
        check(spec, json!({"spec": {}}), false);
    }
}
