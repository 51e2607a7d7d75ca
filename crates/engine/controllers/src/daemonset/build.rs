//! The pod for one node, and the template with the tolerations that every daemon has. Pure but for the random name.

use k8s_openapi::api::core::v1::{
    NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, Pod, PodSpec, PodTemplateSpec, Toleration,
};

use super::view::View;
use crate::pod_template;
use crate::revisions::POD_REVISION;

/// Written by the API server when the template changes; clients read it on pods.
const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";
const GENERATION_LABEL: &str = "pod-template-generation";

/// The template as pods are made from it.
pub(super) fn template(template: &PodTemplateSpec) -> PodTemplateSpec {
    let mut template = template.clone();
    let spec = template.spec.get_or_insert_default();
    let wanted = tolerations(spec.host_network.unwrap_or_default());
    let own = spec.tolerations.get_or_insert_default();
    for toleration in wanted {
        if !own.contains(&toleration) {
            own.push(toleration);
        }
    }
    template
}

/// What is true of a node that a daemon has to mend or to watch does not keep the daemon away.
fn tolerations(is_on_host_network: bool) -> Vec<Toleration> {
    let conditions = [
        ("not-ready", "NoExecute"),
        ("unreachable", "NoExecute"),
        ("disk-pressure", "NoSchedule"),
        ("memory-pressure", "NoSchedule"),
        ("pid-pressure", "NoSchedule"),
        ("unschedulable", "NoSchedule"),
    ];
    let network = is_on_host_network.then_some(("network-unavailable", "NoSchedule"));
    let toleration = |(name, effect): (&str, &str)| Toleration {
        key: Some(format!("node.kubernetes.io/{name}")),
        operator: Some("Exists".to_owned()),
        effect: Some(effect.to_owned()),
        ..Toleration::default()
    };
    conditions.into_iter().chain(network).map(toleration).collect()
}

/// A new pod for this node.
pub(super) fn pod(view: &View<'_>, node: &str) -> Pod {
    let mut pod = pod_template::pod(view.set, &view.template);
    let labels = pod.metadata.labels.get_or_insert_default();
    labels.insert(POD_REVISION.to_owned(), view.hash.clone());
    let annotations = view.set.metadata.annotations.as_ref();
    if let Some(generation) = annotations.and_then(|annotations| annotations.get(TEMPLATE_GENERATION)) {
        labels.insert(GENERATION_LABEL.to_owned(), generation.clone());
    }
    bind_to(pod.spec.get_or_insert_default(), node);
    pod
}

/// In place of the template's own demands on nodes, which this node meets.
fn bind_to(spec: &mut PodSpec, node: &str) {
    let affinity = spec.affinity.get_or_insert_default().node_affinity.get_or_insert_default();
    let by_name = NodeSelectorRequirement {
        key: "metadata.name".to_owned(),
        operator: "In".to_owned(),
        values: Some(vec![node.to_owned()]),
    };
    let term = NodeSelectorTerm { match_expressions: None, match_fields: Some(vec![by_name]) };
    affinity.required_during_scheduling_ignored_during_execution =
        Some(NodeSelector { node_selector_terms: vec![term] });
}

/// The node that a pod was made for.
pub(super) fn node_of(pod: &Pod) -> Option<&str> {
    let spec = pod.spec.as_ref()?;
    if let Some(node) = spec.node_name.as_deref().filter(|node| !node.is_empty()) {
        return Some(node);
    }
    let affinity = spec.affinity.as_ref()?.node_affinity.as_ref()?;
    let required = affinity.required_during_scheduling_ignored_during_execution.as_ref()?;
    let field = required.node_selector_terms.first()?.match_fields.as_ref()?.first()?;
    field.values.as_ref()?.first().map(String::as_str)
}
