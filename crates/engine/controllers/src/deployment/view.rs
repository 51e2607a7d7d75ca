//! A Deployment with its ReplicaSets, sorted into the new one and the old ones. Pure.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::{
    Deployment, DeploymentSpec, DeploymentStatus, ReplicaSet, ReplicaSetStatus,
};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::jiff::Timestamp;

use super::desired::Desired;
use crate::ownership;

/// Tells the pods of one template from those of another.
pub(super) const TEMPLATE_HASH: &str = "pod-template-hash";

/// See the module's documentation.
pub(super) struct View<'a> {
    pub(super) deployment: &'a Deployment,
    pub(super) spec: &'a DeploymentSpec,
    pub(super) desired: Desired,
    /// The ReplicaSet of the present template.
    pub(super) new: Option<&'a ReplicaSet>,
    /// All others, oldest first.
    pub(super) old: Vec<&'a ReplicaSet>,
}

impl<'a> View<'a> {
    /// `owned` are the ReplicaSets that the Deployment controls.
    pub(super) fn new(deployment: &'a Deployment, owned: &'a [Arc<ReplicaSet>]) -> View<'a> {
        let spec = &deployment.spec;
        let mut old: Vec<&ReplicaSet> = owned.iter().map(AsRef::as_ref).collect();
        old.sort_by_key(|set| (created(set), set.metadata.name.clone()));
        let new = old.iter().position(|set| has_template(set, &spec.template)).map(|index| old.remove(index));
        View { deployment, spec, desired: Desired::of(spec), new, old }
    }

    /// Old and new.
    pub(super) fn all(&self) -> impl Iterator<Item = &'a ReplicaSet> + Clone {
        self.old.iter().copied().chain(self.new)
    }

    /// Those that want pods.
    pub(super) fn active(&self) -> impl Iterator<Item = &'a ReplicaSet> {
        self.all().filter(|set| size(set) > 0)
    }

    /// The pods that all ReplicaSets want.
    pub(super) fn total_size(&self) -> i32 {
        self.all().map(size).sum()
    }

    /// The pods that are available, of all ReplicaSets.
    pub(super) fn total_available(&self) -> i32 {
        self.all().map(available).sum()
    }

    /// The status as it was last written.
    pub(super) fn status(&self) -> DeploymentStatus {
        self.deployment.status.clone().unwrap_or_default()
    }

    /// Whether `set` is this Deployment's own, and of its present template.
    pub(super) fn is_of_present_template(&self, set: &ReplicaSet) -> bool {
        let uid = self.deployment.metadata.uid.as_deref().unwrap_or_default();
        ownership::is_controlled_by(&set.metadata, uid) && has_template(set, &self.spec.template)
    }
}

/// How many pods `set` wants.
pub(super) fn size(set: &ReplicaSet) -> i32 {
    set.spec.replicas.unwrap_or(1)
}

/// How many available pods `set` has.
pub(super) fn available(set: &ReplicaSet) -> i32 {
    number(set, |status| status.available_replicas)
}

/// How many pods `set` has.
pub(super) fn actual(set: &ReplicaSet) -> i32 {
    number(set, |status| Some(status.replicas))
}

/// A count of the status; zero where it is left out.
pub(super) fn number(set: &ReplicaSet, field: impl Fn(&ReplicaSetStatus) -> Option<i32>) -> i32 {
    set.status.as_ref().and_then(field).unwrap_or_default()
}

/// Whether the status of `set` speaks of its present spec.
pub(super) fn is_observed(set: &ReplicaSet) -> bool {
    let observed = set.status.as_ref().and_then(|status| status.observed_generation);
    observed >= set.metadata.generation
}

/// The template without the label that only ReplicaSets add.
pub(super) fn without_hash(template: &PodTemplateSpec) -> PodTemplateSpec {
    let mut template = template.clone();
    if let Some(labels) = template.metadata.as_mut().and_then(|meta| meta.labels.as_mut()) {
        labels.remove(TEMPLATE_HASH);
    }
    template
}

fn has_template(set: &ReplicaSet, template: &PodTemplateSpec) -> bool {
    let own = set.spec.template.as_ref();
    own.is_some_and(|own| without_hash(own) == without_hash(template))
}

fn created(set: &ReplicaSet) -> Option<Timestamp> {
    set.metadata.creation_timestamp.as_ref().map(|time| time.0)
}
