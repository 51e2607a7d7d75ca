//! Whether a node reaches the volumes that a pod claims, or can get them. Pure.

use k8s_openapi::api::core::v1::Node;

use super::Refusal;
use crate::volumes::{Claims, is_reached_from, plan};

pub(super) fn refusal(claims: &Claims, node: &Node) -> Option<Refusal> {
    if !claims.bound.iter().all(|volume| is_reached_from(volume, node)) {
        return Some(Refusal::VolumeElsewhere);
    }
    plan(claims, node).is_none().then_some(Refusal::NoVolume)
}
