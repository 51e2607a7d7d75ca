//! A StatefulSet with its revisions and pods, by ordinal. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::apps::v1::{StatefulSet, StatefulSetSpec, StatefulSetStatus};
use k8s_openapi::api::core::v1::{Pod, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use k8s_openapi::jiff::Timestamp;

use super::identity;
use crate::pods::{self, Availability};
use crate::revisions::{self, Revisions};
use crate::share::{self, Rounding};

/// See the module's documentation.
pub(super) struct View<'a> {
    pub(super) set: &'a StatefulSet,
    pub(super) spec: &'a StatefulSetSpec,
    pub(super) collisions: i32,
    /// Name of the revision of the present template.
    pub(super) update_revision: String,
    /// Name of the revision from before a rollout that is not complete.
    pub(super) current_revision: String,
    current_template: Option<PodTemplateSpec>,
    pods: BTreeMap<i32, Arc<Pod>>,
    now: Timestamp,
}

impl<'a> View<'a> {
    /// `pods` are those that the set controls.
    pub(super) fn new(
        set: &'a StatefulSet,
        revisions: &Revisions,
        pods: &[Arc<Pod>],
        now: Timestamp,
    ) -> View<'a> {
        let recorded = set.status.as_ref().and_then(|status| status.current_revision.as_deref());
        let current = recorded.and_then(|name| revisions.named(name)).unwrap_or(&revisions.current);
        let by_ordinal = pods.iter().filter_map(|pod| Some((identity::ordinal(set, pod)?, pod.clone())));
        View {
            set,
            spec: &set.spec,
            collisions: revisions.collisions,
            update_revision: revisions::name(&revisions.current).to_owned(),
            current_revision: revisions::name(current).to_owned(),
            current_template: revisions::template(current),
            pods: by_ordinal.collect(),
            now,
        }
    }

    pub(super) fn before(&self) -> StatefulSetStatus {
        self.set.status.clone().unwrap_or_default()
    }

    pub(super) fn replicas(&self) -> i32 {
        self.spec.replicas.unwrap_or(1).max(0)
    }

    /// The ordinals that the set wants, in their order.
    pub(super) fn ordinals(&self) -> std::ops::Range<i32> {
        let start = self.spec.ordinals.as_ref().and_then(|ordinals| ordinals.start).unwrap_or_default();
        start..start.saturating_add(self.replicas())
    }

    /// The pod with this ordinal.
    pub(super) fn pod(&self, ordinal: i32) -> Option<&Arc<Pod>> {
        self.pods.get(&ordinal)
    }

    /// All pods, by ordinal.
    pub(super) fn members(&self) -> impl DoubleEndedIterator<Item = &Arc<Pod>> {
        self.pods.values()
    }

    /// Whether a pod is beyond what the set wants.
    pub(super) fn is_condemned(&self, pod: &Pod) -> bool {
        identity::ordinal(self.set, pod).is_some_and(|ordinal| !self.ordinals().contains(&ordinal))
    }

    /// Whether pods come one after the other.
    pub(super) fn is_ordered(&self) -> bool {
        self.spec.pod_management_policy.as_deref() != Some("Parallel")
    }

    /// Whether pods of another revision are replaced without being asked.
    pub(super) fn is_rolling(&self) -> bool {
        let strategy = self.spec.update_strategy.as_ref();
        strategy.and_then(|strategy| strategy.type_.as_deref()) != Some("OnDelete")
    }

    /// How many pods from the first one keep their revision.
    pub(super) fn partition(&self) -> i32 {
        let rolling =
            self.spec.update_strategy.as_ref().and_then(|strategy| strategy.rolling_update.as_ref());
        rolling.and_then(|rolling| rolling.partition).unwrap_or_default()
    }

    /// How many pods a rollout may take away at a time.
    pub(super) fn unavailable_max(&self) -> i32 {
        let rolling =
            self.spec.update_strategy.as_ref().and_then(|strategy| strategy.rolling_update.as_ref());
        let one = IntOrString::Int(1);
        let bound = rolling.and_then(|rolling| rolling.max_unavailable.as_ref()).unwrap_or(&one);
        share::of(bound, self.replicas(), Rounding::Down).max(1)
    }

    /// The revision and template of a new pod with this ordinal: below the partition, those from before the rollout.
    pub(super) fn version_of(&self, ordinal: i32) -> (&str, PodTemplateSpec) {
        let first_updated = self.ordinals().start.saturating_add(self.partition());
        let kept = self.current_template.clone().filter(|_| self.is_rolling() && ordinal < first_updated);
        match kept {
            Some(template) => (&self.current_revision, template),
            None => (&self.update_revision, self.spec.template.clone()),
        }
    }

    /// Whether pods, or the rollout, still need the revision of this name.
    pub(super) fn is_used(&self, revision: &str) -> bool {
        revision == self.current_revision
            || revision == self.update_revision
            || self.members().any(|pod| identity::revision(pod) == revision)
    }

    pub(super) fn availability(&self, pod: &Pod) -> Availability {
        let seconds = u64::try_from(self.spec.min_ready_seconds.unwrap_or_default()).unwrap_or_default();
        pods::availability(pod, Duration::from_secs(seconds), self.now)
    }

    /// Whether a pod runs, is ready for long enough, and stays.
    pub(super) fn is_available(&self, pod: &Pod) -> bool {
        is_running(pod) && !pods::is_terminating(pod) && self.availability(pod) == Availability::Available
    }

    /// When the next pod becomes available by mere passing of time.
    pub(super) fn next_availability(&self) -> Option<Duration> {
        let soon =
            self.members().filter(|pod| is_running(pod)).filter_map(|pod| match self.availability(pod) {
                Availability::AvailableIn(rest) => Some(rest),
                _ => None,
            });
        soon.min()
    }
}

pub(super) fn is_running(pod: &Pod) -> bool {
    pods::phase(pod) == "Running"
}
