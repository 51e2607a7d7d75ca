//! How evenly the pods of one sort lie over places. Pure.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Pod, TopologySpreadConstraint};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};

use super::{Refusal, affinity, taints};
use crate::labels::{place, selects};
use crate::snapshot::{Cluster, NodeState};

/// Whether a constraint keeps pods away from nodes, or only prefers others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strictness {
    DoNotSchedule,
    ScheduleAnyway,
}

impl Strictness {
    fn of(constraint: &TopologySpreadConstraint) -> Self {
        match constraint.when_unsatisfiable.as_str() {
            "ScheduleAnyway" => Strictness::ScheduleAnyway,
            _ => Strictness::DoNotSchedule,
        }
    }
}

/// One constraint of a pod, with what is there.
pub(crate) struct Spread {
    topology: String,
    skew_max: i64,
    /// Places count as empty while there are fewer of them.
    places_min: usize,
    is_counted_itself: bool,
    /// How many pods of the sort each place has.
    pods: BTreeMap<String, i64>,
}

impl Spread {
    /// The constraints of this strictness.
    pub(crate) fn all(pod: &Pod, strictness: Strictness, cluster: &Cluster) -> Vec<Spread> {
        let constraints = pod.spec.iter().flat_map(|spec| spec.topology_spread_constraints.iter().flatten());
        let of_strictness: Vec<_> =
            constraints.filter(|constraint| Strictness::of(constraint) == strictness).collect();
        let topologies: Vec<&str> = of_strictness.iter().map(|one| one.topology_key.as_str()).collect();
        let of_one =
            |constraint: &&TopologySpreadConstraint| Spread::of(pod, constraint, &topologies, cluster);
        of_strictness.iter().map(of_one).collect()
    }

    fn of(
        pod: &Pod,
        constraint: &TopologySpreadConstraint,
        topologies: &[&str],
        cluster: &Cluster,
    ) -> Spread {
        let selector = selector(pod, constraint);
        let is_of_sort = |other: &Pod| selects(selector.as_ref(), other.metadata.labels.as_ref());
        let mut pods = BTreeMap::new();
        for node in cluster.nodes.iter().filter(|node| counts(pod, constraint, topologies, node)) {
            let Some(value) = place(&node.node, &constraint.topology_key) else { continue };
            let same = node.pods.iter().filter(|other| {
                other.metadata.namespace == pod.metadata.namespace
                    && other.metadata.deletion_timestamp.is_none()
                    && is_of_sort(other)
            });
            *pods.entry(value.to_owned()).or_default() += i64::try_from(same.count()).unwrap_or(i64::MAX);
        }
        Spread {
            topology: constraint.topology_key.clone(),
            skew_max: i64::from(constraint.max_skew),
            places_min: usize::try_from(constraint.min_domains.unwrap_or(1)).unwrap_or(1),
            is_counted_itself: is_of_sort(pod),
            pods,
        }
    }

    pub(super) fn refusal(&self, node: &NodeState) -> Option<Refusal> {
        let Some(value) = place(&node.node, &self.topology) else { return Some(Refusal::NoPlace) };
        let fewest = if self.pods.len() < self.places_min {
            0
        } else {
            self.pods.values().min().copied().unwrap_or_default()
        };
        let there = self.pods.get(value).copied().unwrap_or_default();
        let skew = there + i64::from(self.is_counted_itself) - fewest;
        (skew > self.skew_max).then_some(Refusal::Uneven)
    }

    /// How many pods of the sort are in the node's place.
    pub(crate) fn there(&self, node: &NodeState) -> i64 {
        let value = place(&node.node, &self.topology);
        value.and_then(|value| self.pods.get(value)).copied().unwrap_or_default()
    }
}

/// With the pod's own values of the labels that are named alone.
fn selector(pod: &Pod, constraint: &TopologySpreadConstraint) -> Option<LabelSelector> {
    let mut selector = constraint.label_selector.clone()?;
    let labels = pod.metadata.labels.as_ref();
    for key in constraint.match_label_keys.iter().flatten() {
        let Some(value) = labels.and_then(|labels| labels.get(key)) else { continue };
        selector.match_expressions.get_or_insert_default().push(LabelSelectorRequirement {
            key: key.clone(),
            operator: "In".to_owned(),
            values: Some(vec![value.clone()]),
        });
    }
    Some(selector)
}

/// Whether pods on the node are counted: it must have all places, and be one that the pod could be on.
fn counts(pod: &Pod, constraint: &TopologySpreadConstraint, topologies: &[&str], node: &NodeState) -> bool {
    let has_places = topologies.iter().all(|topology| place(&node.node, topology).is_some());
    let is_ignored = constraint.node_affinity_policy.as_deref() == Some("Ignore");
    let honors_taints = constraint.node_taints_policy.as_deref() == Some("Honor");
    has_places
        && (is_ignored || affinity::refusal(pod, &node.node).is_none())
        && (!honors_taints || taints::refusal(pod, &node.node).is_none())
}

#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "cases are written in place")]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;
    use crate::testdata::{cluster, node, pod, zoned};

    fn web(name: &str, node: &str) -> Arc<Pod> {
        let labels = json!({ "app": "web", "version": "1" });
        pod(name, json!({ "metadata": { "labels": labels }, "spec": { "nodeName": node } }))
    }

    /// Zones `a` with two pods, `b` with one, and a node without a zone.
    #[track_caller]
    fn check(case: &str, change: Value, expected: [Option<Refusal>; 3]) {
        let mut constraint = json!({
            "maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": { "matchLabels": { "app": "web" } },
        });
        for (key, value) in change.as_object().into_iter().flatten() {
            constraint[key] = value.clone();
        }
        let nodes = [zoned("one", "a"), zoned("two", "b"), node(json!({ "metadata": { "name": "three" } }))];
        let cluster = cluster(&nodes, &[web("1", "one"), web("2", "one"), web("3", "two")]);
        let labels = json!({ "app": "web", "version": "2" });
        let spec = json!({ "topologySpreadConstraints": [constraint] });
        let new = pod("new", json!({ "metadata": { "labels": labels }, "spec": spec }));
        let spreads = Spread::all(&new, Strictness::DoNotSchedule, &cluster);
        let found = cluster
            .nodes
            .iter()
            .map(|node| (node.name().to_owned(), spreads.iter().find_map(|spread| spread.refusal(node))));
        let of = |name: &str| found.clone().find(|(known, _)| known == name).unwrap().1;
        assert_eq!([of("one"), of("two"), of("three")], expected, "{case}");
    }

    #[test]
    fn pods_are_spread_over_places() {
        let no_place = Some(Refusal::NoPlace);
        check("uneven", json!({}), [Some(Refusal::Uneven), None, no_place.clone()]);
        check("a larger skew", json!({ "maxSkew": 2 }), [None, None, no_place.clone()]);
        let uneven = Some(Refusal::Uneven);
        check("too few places", json!({ "minDomains": 3 }), [uneven.clone(), uneven, no_place.clone()]);
        check("counted by version", json!({ "matchLabelKeys": ["version"] }), [None, None, no_place]);
        check("only preferred", json!({ "whenUnsatisfiable": "ScheduleAnyway" }), [None, None, None]);
    }
}
