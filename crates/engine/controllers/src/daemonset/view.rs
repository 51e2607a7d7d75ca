//! A DaemonSet with its revisions, and its pods node by node. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::apps::v1::{ControllerRevision, DaemonSet, DaemonSetSpec};
use k8s_openapi::api::core::v1::{Node, Pod, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use k8s_openapi::jiff::Timestamp;

use super::placement::{self, Fit};
use super::{build, hash_of};
use crate::pods::{self, Availability};
use crate::revisions::{POD_REVISION, Revisions};
use crate::share::{self, Rounding};

/// One node and the set's pods for it, oldest first.
pub(super) struct Place {
    pub(super) fit: Fit,
    pub(super) pods: Vec<Arc<Pod>>,
}

/// How many pods a rollout may add and take away at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) surge_max: usize,
    pub(super) unavailable_max: usize,
}

/// See the module's documentation.
pub(super) struct View<'a> {
    pub(super) set: &'a DaemonSet,
    /// With the tolerations that every daemon has.
    pub(super) template: PodTemplateSpec,
    /// Of the present template.
    pub(super) hash: String,
    pub(super) collisions: i32,
    /// By the name of the node; also nodes that are gone and still have pods.
    pub(super) places: BTreeMap<String, Place>,
    pub(super) now: Timestamp,
    spec: &'a DaemonSetSpec,
}

impl<'a> View<'a> {
    /// `pods` are those that the set controls.
    pub(super) fn new(
        set: &'a DaemonSet,
        revisions: &Revisions,
        pods: &[Arc<Pod>],
        nodes: &[Arc<Node>],
        now: Timestamp,
    ) -> View<'a> {
        let spec = &set.spec;
        let template = build::template(&spec.template);
        let pod_spec = template.spec.clone().unwrap_or_default();
        let mut places = BTreeMap::new();
        for node in nodes {
            let place = Place { fit: placement::fit(&pod_spec, node), pods: Vec::new() };
            places.insert(node.metadata.name.clone().unwrap_or_default(), place);
        }
        for pod in pods {
            let Some(node) = build::node_of(pod) else { continue };
            let gone = || Place { fit: Fit::Leaves, pods: Vec::new() };
            places.entry(node.to_owned()).or_insert_with(gone).pods.push(pod.clone());
        }
        for place in places.values_mut() {
            let created = |pod: &Pod| pod.metadata.creation_timestamp.as_ref().map(|time| time.0);
            place.pods.sort_by_key(|pod| (created(pod), pod.metadata.name.clone()));
        }
        let hash = hash_of(set, &revisions.current).to_owned();
        View { set, template, hash, collisions: revisions.collisions, places, now, spec }
    }

    /// How many nodes should have a pod.
    pub(super) fn desired(&self) -> usize {
        self.places.values().filter(|place| place.fit == Fit::Runs).count()
    }

    /// The bounds of a rollout; none where pods are replaced by hand.
    pub(super) fn rolling(&self) -> Option<Bounds> {
        let strategy = self.spec.update_strategy.as_ref();
        if strategy.and_then(|strategy| strategy.type_.as_deref()) == Some("OnDelete") {
            return None;
        }
        let rolling = strategy.and_then(|strategy| strategy.rolling_update.as_ref());
        let total = i32::try_from(self.desired()).unwrap_or(i32::MAX);
        let bound = |given: Option<&IntOrString>, default| {
            let default = IntOrString::Int(default);
            usize::try_from(share::of(given.unwrap_or(&default), total, Rounding::Up)).unwrap_or_default()
        };
        let surge_max = bound(rolling.and_then(|rolling| rolling.max_surge.as_ref()), 0);
        let unavailable_max = bound(rolling.and_then(|rolling| rolling.max_unavailable.as_ref()), 1);
        // Both are shares that come to nothing, and a rollout would never move.
        let is_stuck = surge_max == 0 && unavailable_max == 0;
        Some(Bounds { surge_max, unavailable_max: if is_stuck { 1 } else { unavailable_max } })
    }

    pub(super) fn is_updated(&self, pod: &Pod) -> bool {
        let labels = pod.metadata.labels.as_ref();
        labels.and_then(|labels| labels.get(POD_REVISION)) == Some(&self.hash)
    }

    pub(super) fn availability(&self, pod: &Pod) -> Availability {
        let seconds = u64::try_from(self.spec.min_ready_seconds.unwrap_or_default()).unwrap_or_default();
        pods::availability(pod, Duration::from_secs(seconds), self.now)
    }

    pub(super) fn is_available(&self, pod: &Pod) -> bool {
        !pods::is_terminating(pod) && self.availability(pod) == Availability::Available
    }

    /// Whether pods are of this revision.
    pub(super) fn is_used(&self, revision: &ControllerRevision) -> bool {
        let hash = hash_of(self.set, revision);
        let mut pods = self.places.values().flat_map(|place| &place.pods);
        pods.any(|pod| {
            let labels = pod.metadata.labels.as_ref();
            labels.and_then(|labels| labels.get(POD_REVISION)).is_some_and(|own| own == hash)
        })
    }
}
