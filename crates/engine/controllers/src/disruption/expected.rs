//! How many pods there should be, as their controllers say.

use std::collections::BTreeMap;
use std::sync::Arc;

use bythos_operator::{Cache, ObjectKey};
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::Resource;

use super::budget::Expected;
use crate::ownership;
use crate::share::{self, Rounding};

/// A pod's controller cannot say how many pods it wants.
#[derive(Debug, thiserror::Error)]
#[error("{kind} {name:?} does not implement the scale subresource, as far as this engine knows it")]
pub(super) struct UnknownScale {
    kind: String,
    name: String,
}

/// The controllers whose scale is known.
pub(super) struct Owners {
    pub(super) deployments: Cache<Deployment>,
    pub(super) replica_sets: Cache<ReplicaSet>,
    pub(super) stateful_sets: Cache<StatefulSet>,
}

impl Owners {
    /// How many pods the budget counts on, and how many of them it wants healthy.
    pub(super) fn expected(
        &self,
        budget: &PodDisruptionBudget,
        pods: &[Arc<Pod>],
    ) -> Result<Expected, UnknownScale> {
        let spec = budget.spec.clone().unwrap_or_default();
        if let Some(unavailable) = &spec.max_unavailable {
            let total = self.wanted(pods)?;
            let healthy = (total - share::of(unavailable, total, Rounding::Up)).max(0);
            return Ok(Expected { total, healthy });
        }
        match &spec.min_available {
            Some(share @ IntOrString::String(_)) => {
                let total = self.wanted(pods)?;
                Ok(Expected { total, healthy: share::of(share, total, Rounding::Up) })
            }
            Some(IntOrString::Int(healthy)) => Ok(Expected { total: count(pods), healthy: *healthy }),
            None => Ok(Expected { total: count(pods), healthy: 0 }),
        }
    }

    /// The sum over the controllers of the pods; pods without one do not count.
    fn wanted(&self, pods: &[Arc<Pod>]) -> Result<i32, UnknownScale> {
        let mut scales = BTreeMap::new();
        for pod in pods {
            if let Some((uid, replicas)) = self.scale_of(pod)? {
                scales.insert(uid, replicas);
            }
        }
        Ok(scales.values().fold(0, |sum: i32, replicas| sum.saturating_add(*replicas)))
    }

    fn scale_of(&self, pod: &Pod) -> Result<Option<(String, i32)>, UnknownScale> {
        let Some(owner) = ownership::controller_of(&pod.metadata) else { return Ok(None) };
        let key =
            ObjectKey::namespaced(pod.metadata.namespace.clone().unwrap_or_default(), owner.name.clone());
        match owner.kind.as_str() {
            "ReplicaSet" => {
                let Some(set) = self.replica_sets.get(&key) else { return Ok(None) };
                let deployment = ObjectKey::of_controller(set.as_ref(), "Deployment");
                Ok(match deployment.and_then(|key| self.deployments.get(&key)) {
                    Some(deployment) => scale(deployment.as_ref(), deployment.spec.replicas),
                    None => scale(set.as_ref(), set.spec.replicas),
                })
            }
            "StatefulSet" => {
                let set = self.stateful_sets.get(&key);
                Ok(set.and_then(|set| scale(set.as_ref(), set.spec.replicas)))
            }
            kind => Err(UnknownScale { kind: kind.to_owned(), name: owner.name.clone() }),
        }
    }
}

fn scale<K: Resource>(owner: &K, replicas: Option<i32>) -> Option<(String, i32)> {
    Some((owner.meta().uid.clone()?, replicas.unwrap_or(1)))
}

fn count(pods: &[Arc<Pod>]) -> i32 {
    i32::try_from(pods.len()).unwrap_or(i32::MAX)
}
