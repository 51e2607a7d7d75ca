//! Which nodes a pod template fits. Pure.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Node, PodSpec, Taint};

use crate::node_selector::is_any;
use crate::taints::{NO_EXECUTE, tolerates};

/// What decides about a node.
#[derive(PartialEq)]
pub(super) struct Facts<'a> {
    name: Option<&'a str>,
    labels: Option<&'a BTreeMap<String, String>>,
    taints: Option<&'a [Taint]>,
}

pub(super) fn facts(node: &Node) -> Facts<'_> {
    Facts {
        name: node.metadata.name.as_deref(),
        labels: node.metadata.labels.as_ref(),
        taints: node.spec.as_ref().and_then(|spec| spec.taints.as_deref()),
    }
}

/// Whether a pod belongs onto a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    /// It should run there.
    Runs,
    /// It is not sent there, but may stay.
    Stays,
    /// It must not run there.
    Leaves,
}

/// Whether pods with this spec belong onto `node`.
pub(super) fn fit(spec: &PodSpec, node: &Node) -> Fit {
    let name = node.metadata.name.as_deref().unwrap_or_default();
    let is_elsewhere = spec.node_name.as_deref().is_some_and(|wanted| !wanted.is_empty() && wanted != name);
    if is_elsewhere || !is_selected(spec, node) {
        return Fit::Leaves;
    }
    let tolerations = spec.tolerations.as_deref().unwrap_or_default();
    let taints = node.spec.iter().flat_map(|spec| spec.taints.iter().flatten());
    let mut refusing =
        taints.filter(|taint| tolerations.iter().all(|toleration| !tolerates(toleration, taint)));
    match refusing.clone().any(|taint| taint.effect == NO_EXECUTE) {
        true => Fit::Leaves,
        false if refusing.any(|taint| taint.effect == "NoSchedule") => Fit::Stays,
        false => Fit::Runs,
    }
}

fn is_selected(spec: &PodSpec, node: &Node) -> bool {
    let no_labels = BTreeMap::new();
    let labels = node.metadata.labels.as_ref().unwrap_or(&no_labels);
    let has_labels = spec.node_selector.iter().flatten().all(|(key, value)| labels.get(key) == Some(value));
    let affinity = spec.affinity.as_ref().and_then(|affinity| affinity.node_affinity.as_ref());
    let required =
        affinity.and_then(|affinity| affinity.required_during_scheduling_ignored_during_execution.as_ref());
    has_labels && required.is_none_or(|required| is_any(&required.node_selector_terms, node))
}

#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "cases are written in place")]
mod tests {
    use super::*;
    use serde_json::{Value, from_value, json};

    #[track_caller]
    fn check(case: &str, spec: Value, expected: Fit) {
        let mut whole = json!({ "containers": [] });
        whole.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        let node: Node = from_value(json!({
            "metadata": { "name": "one", "labels": { "disk": "ssd", "cores": "8" } },
            "spec": { "taints": [{ "key": "gpu", "value": "yes", "effect": "NoSchedule" }] },
        }))
        .unwrap();
        assert_eq!(fit(&from_value::<PodSpec>(whole).unwrap(), &node), expected, "{case}");
    }

    #[test]
    fn a_pod_fits_by_name_selector_affinity_and_taints() {
        let tolerant = |spec: Value| {
            let mut spec = spec;
            spec["tolerations"] = json!([{ "key": "gpu", "operator": "Exists" }]);
            spec
        };
        let affine = |term: Value| {
            let required = json!({ "nodeSelectorTerms": [term] });
            tolerant(json!({ "affinity": { "nodeAffinity":
                { "requiredDuringSchedulingIgnoredDuringExecution": required } } }))
        };
        let expression = |operator: &str, values: Value| {
            affine(
                json!({ "matchExpressions": [{ "key": "cores", "operator": operator, "values": values }] }),
            )
        };
        check("tolerated", tolerant(json!({})), Fit::Runs);
        check("not tolerated", json!({}), Fit::Stays);
        check("other value", json!({ "tolerations": [{ "key": "gpu", "value": "no" }] }), Fit::Stays);
        check("another node", tolerant(json!({ "nodeName": "two" })), Fit::Leaves);
        check("label", tolerant(json!({ "nodeSelector": { "disk": "ssd" } })), Fit::Runs);
        check("other label", tolerant(json!({ "nodeSelector": { "disk": "hdd" } })), Fit::Leaves);
        check("more than", expression("Gt", json!(["4"])), Fit::Runs);
        check("less than", expression("Lt", json!(["4"])), Fit::Leaves);
        check("absent", expression("DoesNotExist", json!(null)), Fit::Leaves);
        let field = json!({ "key": "metadata.name", "operator": "In", "values": ["one"] });
        check("by name", affine(json!({ "matchFields": [field] })), Fit::Runs);
        check("no term", affine(json!({})), Fit::Leaves);
    }
}
