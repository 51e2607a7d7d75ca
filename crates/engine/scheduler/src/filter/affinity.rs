//! The nodes that a pod wants: its node selector and its required node affinity. Pure.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Node, NodeSelectorRequirement, NodeSelectorTerm, Pod, TopologySelectorTerm,
};

use super::Refusal;

pub(super) fn refusal(pod: &Pod, node: &Node) -> Option<Refusal> {
    let no_labels = BTreeMap::new();
    let labels = node.metadata.labels.as_ref().unwrap_or(&no_labels);
    let spec = pod.spec.as_ref()?;
    let is_selected = spec.node_selector.iter().flatten().all(|(key, value)| labels.get(key) == Some(value));
    let required = spec.affinity.as_ref().and_then(|affinity| {
        affinity.node_affinity.as_ref()?.required_during_scheduling_ignored_during_execution.as_ref()
    });
    let is_wanted = required.is_none_or(|required| is_any(&required.node_selector_terms, node));
    (!is_selected || !is_wanted).then_some(Refusal::OtherNodeWanted)
}

/// Whether one of the terms speaks of the node.
pub(crate) fn is_any(terms: &[NodeSelectorTerm], node: &Node) -> bool {
    let no_labels = BTreeMap::new();
    let labels = node.metadata.labels.as_ref().unwrap_or(&no_labels);
    terms.iter().any(|term| matches(term, labels, &node.metadata.name))
}

/// Whether a class of storage allows volumes on the node.
pub(crate) fn allows(term: &TopologySelectorTerm, node: &Node) -> bool {
    let labels = node.metadata.labels.as_ref();
    term.match_label_expressions.iter().flatten().all(|requirement| {
        labels
            .and_then(|labels| labels.get(&requirement.key))
            .is_some_and(|value| requirement.values.contains(value))
    })
}

/// An empty term matches nothing, as upstream documents.
fn matches(term: &NodeSelectorTerm, labels: &BTreeMap<String, String>, name: &Option<String>) -> bool {
    let expressions = term.match_expressions.as_deref().unwrap_or_default();
    let fields = term.match_fields.as_deref().unwrap_or_default();
    let field = |requirement: &NodeSelectorRequirement| match requirement.key.as_str() {
        "metadata.name" => name.as_deref(),
        _ => None,
    };
    let label = |requirement: &NodeSelectorRequirement| labels.get(&requirement.key).map(String::as_str);
    !(expressions.is_empty() && fields.is_empty())
        && expressions.iter().all(|requirement| holds(requirement, label(requirement)))
        && fields.iter().all(|requirement| holds(requirement, field(requirement)))
}

fn holds(requirement: &NodeSelectorRequirement, value: Option<&str>) -> bool {
    let values = requirement.values.as_deref().unwrap_or_default();
    let is_listed = || value.is_some_and(|value| values.iter().any(|one| one == value));
    let compared = || {
        let limit: i64 = values.first()?.parse().ok()?;
        Some(value?.parse::<i64>().ok()?.cmp(&limit))
    };
    match requirement.operator.as_str() {
        "In" => is_listed(),
        "NotIn" => !is_listed(),
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        "Gt" => compared().is_some_and(std::cmp::Ordering::is_gt),
        "Lt" => compared().is_some_and(std::cmp::Ordering::is_lt),
        _ => false,
    }
}

#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "cases are written in place")]
mod tests {
    use super::*;
    use crate::testdata;
    use serde_json::{Value, json};

    #[track_caller]
    fn check(case: &str, spec: Value, fits: bool) {
        let node = testdata::node(json!({ "metadata": { "labels": { "cores": "8" } } }));
        let pod = testdata::pod("web", json!({ "spec": spec }));
        assert_eq!(refusal(&pod, &node).is_none(), fits, "{case}");
    }

    fn terms(terms: Value) -> Value {
        let required =
            json!({ "requiredDuringSchedulingIgnoredDuringExecution": { "nodeSelectorTerms": terms } });
        json!({ "affinity": { "nodeAffinity": required } })
    }

    fn one(key: &str, operator: &str, values: Value) -> Value {
        terms(json!([{ "matchExpressions": [{ "key": key, "operator": operator, "values": values }] }]))
    }

    #[test]
    fn a_pod_goes_to_nodes_that_it_wants() {
        check("no wish", json!({}), true);
        check("selected", json!({ "nodeSelector": { "disk": "ssd" } }), true);
        check("not selected", json!({ "nodeSelector": { "disk": "ssd", "gpu": "yes" } }), false);
        check("in", one("disk", "In", json!(["ssd", "nvme"])), true);
        check("not in", one("disk", "NotIn", json!(["ssd"])), false);
        check("not in, label absent", one("gpu", "NotIn", json!(["a"])), true);
        check("exists", one("gpu", "Exists", json!(null)), false);
        check("does not exist", one("gpu", "DoesNotExist", json!(null)), true);
        check("greater", one("cores", "Gt", json!(["4"])), true);
        check("less", one("cores", "Lt", json!(["8"])), false);
        check("compared with a word", one("disk", "Gt", json!(["4"])), false);
        check("an empty term", terms(json!([{}])), false);
        let by_name =
            json!([{ "matchFields": [{ "key": "metadata.name", "operator": "In", "values": ["one"] }] }]);
        check("by name", terms(by_name), true);
        let second = json!([{}, { "matchExpressions": [{ "key": "disk", "operator": "Exists" }] }]);
        check("one term is enough", terms(second), true);
    }
}
