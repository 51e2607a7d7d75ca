//! Whether a node reaches the volumes that a pod claims. Pure.

use k8s_openapi::api::core::v1::Node;

use super::{Refusal, affinity};
use crate::volumes::{Claims, Unbound};

pub(super) fn refusal(claims: &Claims, node: &Node) -> Option<Refusal> {
    let reaches = |volume: &k8s_openapi::api::core::v1::PersistentVolume| {
        let required = volume.spec.as_ref().and_then(|spec| spec.node_affinity.as_ref()?.required.as_ref());
        required.is_none_or(|required| affinity::is_any(&required.node_selector_terms, node))
    };
    if !claims.bound.iter().all(|volume| reaches(volume)) {
        return Some(Refusal::VolumeElsewhere);
    }
    let is_possible = |claim: &Unbound| {
        let is_selected = claim.selected_node.as_deref().is_none_or(|name| Some(name) == name_of(node));
        let topologies = claim.class.allowed_topologies.as_deref().unwrap_or_default();
        let is_allowed = topologies.is_empty() || topologies.iter().any(|term| affinity::allows(term, node));
        claim.is_provisioned() && is_selected && is_allowed
    };
    (!claims.unbound.iter().all(is_possible)).then_some(Refusal::NoVolume)
}

fn name_of(node: &Node) -> Option<&str> {
    node.metadata.name.as_deref()
}
