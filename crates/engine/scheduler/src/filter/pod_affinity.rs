//! The pods beside which a pod must, or must not, be. Pure.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Pod, PodAffinityTerm};

use super::Refusal;
use crate::labels::{place, speaks_of};
use crate::snapshot::{Cluster, NodeState};

type Places = BTreeSet<(String, String)>;

/// What the pods that are there mean for one pod.
pub(crate) struct Relations {
    affinity: Vec<PodAffinityTerm>,
    anti_affinity: Vec<PodAffinityTerm>,
    /// Where pods are of which all required terms speak, term by term.
    wanted: Places,
    /// It is the first of pods that want to be together.
    is_first: bool,
    /// Where pods are that the pod must not meet.
    avoided: Places,
    /// Where pods are that must not meet the pod.
    closed: Places,
}

impl Relations {
    pub(crate) fn of(pod: &Pod, cluster: &Cluster) -> Self {
        let (affinity, anti_affinity) = (affinity_of(pod), anti_affinity_of(pod));
        let namespaces = &cluster.namespaces;
        let all_speak_of = |other: &Pod| affinity.iter().all(|term| speaks_of(term, pod, other, namespaces));
        let (mut wanted, mut avoided, mut closed) = (Places::new(), Places::new(), Places::new());
        for (node, other) in cluster.pods() {
            if !affinity.is_empty() && all_speak_of(other) {
                wanted.extend(affinity.iter().filter_map(|term| at(node, term)));
            }
            let met = anti_affinity.iter().filter(|term| speaks_of(term, pod, other, namespaces));
            avoided.extend(met.filter_map(|term| at(node, term)));
            let theirs = anti_affinity_of(other);
            let meeting = theirs.iter().filter(|term| speaks_of(term, other, pod, namespaces));
            closed.extend(meeting.filter_map(|term| at(node, term)));
        }
        let is_first = wanted.is_empty() && all_speak_of(pod);
        Relations { affinity, anti_affinity, wanted, is_first, avoided, closed }
    }

    pub(super) fn refusal(&self, node: &NodeState) -> Option<Refusal> {
        let is_wanted = self
            .affinity
            .iter()
            .all(|term| at(node, term).is_some_and(|place| self.is_first || self.wanted.contains(&place)));
        let is_in = |places: &Places| {
            places.iter().any(|(topology, value)| place(&node.node, topology) == Some(value.as_str()))
        };
        if !is_wanted {
            Some(Refusal::PodsNotThere)
        } else if !self.anti_affinity.is_empty() && is_in(&self.avoided) {
            Some(Refusal::PodsThere)
        } else if is_in(&self.closed) {
            Some(Refusal::PodsAgainst)
        } else {
            None
        }
    }
}

fn at(node: &NodeState, term: &PodAffinityTerm) -> Option<(String, String)> {
    let value = place(&node.node, &term.topology_key)?;
    Some((term.topology_key.clone(), value.to_owned()))
}

fn affinity_of(pod: &Pod) -> Vec<PodAffinityTerm> {
    let affinity = pod.spec.as_ref().and_then(|spec| spec.affinity.as_ref()?.pod_affinity.as_ref());
    let required =
        affinity.and_then(|affinity| affinity.required_during_scheduling_ignored_during_execution.clone());
    required.unwrap_or_default()
}

fn anti_affinity_of(pod: &Pod) -> Vec<PodAffinityTerm> {
    let affinity = pod.spec.as_ref().and_then(|spec| spec.affinity.as_ref()?.pod_anti_affinity.as_ref());
    let required =
        affinity.and_then(|affinity| affinity.required_during_scheduling_ignored_during_execution.clone());
    required.unwrap_or_default()
}

#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "cases are written in place")]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::testdata::{cluster, pod, zoned};

    fn term(app: &str) -> Value {
        json!([{ "topologyKey": "zone", "labelSelector": { "matchLabels": { "app": app } } }])
    }

    fn with(app: &str, kind: &str, other: &str) -> Value {
        let required = json!({ "requiredDuringSchedulingIgnoredDuringExecution": term(other) });
        json!({ "metadata": { "labels": { "app": app } }, "spec": { "affinity": { kind: required } } })
    }

    /// Node `one` is in zone `a` with a pod `db`, node `two` in zone `b` with nothing.
    #[track_caller]
    fn check(case: &str, there: Value, change: Value, expected: [Option<Refusal>; 2]) {
        let mut there = there;
        there["spec"]["nodeName"] = json!("one");
        let cluster = cluster(&[zoned("one", "a"), zoned("two", "b")], &[pod("db", there)]);
        let relations = Relations::of(&pod("web", change), &cluster);
        let found: Vec<_> = cluster.nodes.iter().map(|node| relations.refusal(node)).collect();
        assert_eq!(found, expected, "{case}");
    }

    #[test]
    fn pods_are_together_or_apart_as_they_ask() {
        let db = json!({ "metadata": { "labels": { "app": "db" } } });
        check("beside", db.clone(), with("web", "podAffinity", "db"), [None, Some(Refusal::PodsNotThere)]);
        check("apart", db.clone(), with("web", "podAntiAffinity", "db"), [Some(Refusal::PodsThere), None]);
        let nobody = Some(Refusal::PodsNotThere);
        check("beside nobody", db.clone(), with("web", "podAffinity", "cache"), [nobody.clone(), nobody]);
        check("the first of its own", db.clone(), with("web", "podAffinity", "web"), [None, None]);
        let shy = with("db", "podAntiAffinity", "web");
        let web = json!({ "metadata": { "labels": { "app": "web" } } });
        check("the other wants to be apart", shy, web, [Some(Refusal::PodsAgainst), None]);
        check("no wish", db, json!({}), [None, None]);
    }
}
