//! Which pods make room for one of higher priority. Pure.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::jiff::Timestamp;

use crate::filter::{Filter, Wanted};
use crate::labels::{priority, selects};
use crate::snapshot::{Cluster, NodeState, nominated_node, uid};

/// Upstream's words for nodes where nothing is gained.
const NOT_HELPFUL: &str = "Preemption is not helpful for scheduling";
const NO_VICTIMS: &str = "No preemption victims found for incoming pod";

/// A node, and the pods that have to leave it.
#[derive(Debug, Clone)]
pub(crate) struct Preemption {
    pub(crate) node: String,
    pub(crate) victims: Vec<Arc<Pod>>,
    /// How many of them a disruption budget wanted to keep.
    violations: usize,
}

/// The least harm that makes room for the pod; or why there is none, in upstream's words.
pub(crate) fn preempt(
    wanted: Wanted<'_>,
    cluster: &Cluster,
    budgets: &[Arc<PodDisruptionBudget>],
) -> Result<Preemption, String> {
    check_eligible(wanted.pod, cluster)?;
    let filter = Filter::new(wanted, cluster);
    let mut unhelpful = BTreeMap::<&str, usize>::new();
    let mut possible = Vec::new();
    for node in &cluster.nodes {
        let can_help = filter.refusals(node).iter().all(crate::filter::Refusal::ends_with_pods);
        let found = if can_help { on_node(wanted, node, cluster, budgets) } else { None };
        match found {
            Some(preemption) => possible.push(preemption),
            None => *unhelpful.entry(if can_help { NO_VICTIMS } else { NOT_HELPFUL }).or_default() += 1,
        }
    }
    possible.into_iter().min_by_key(harm).ok_or_else(|| {
        let reasons: Vec<_> = unhelpful.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
        format!("0/{} nodes are available: {}.", cluster.nodes.len(), reasons.join(", "))
    })
}

fn check_eligible(pod: &Pod, cluster: &Cluster) -> Result<(), String> {
    let policy = pod.spec.as_ref().and_then(|spec| spec.preemption_policy.as_deref());
    if policy == Some("Never") {
        return Err("not eligible due to preemptionPolicy=Never.".to_owned());
    }
    let nominated = nominated_node(pod);
    let is_leaving = |(node, other): (&NodeState, &Pod)| {
        Some(node.name()) == nominated
            && other.metadata.deletion_timestamp.is_some()
            && priority(other) < priority(pod)
    };
    if cluster.pods().any(is_leaving) {
        return Err("not eligible due to a terminating pod on the nominated node.".to_owned());
    }
    Ok(())
}

/// The pods that have to leave this node: of those with lower priority, as few and as unimportant as is enough.
fn on_node(
    wanted: Wanted<'_>,
    node: &NodeState,
    cluster: &Cluster,
    budgets: &[Arc<PodDisruptionBudget>],
) -> Option<Preemption> {
    let own = priority(wanted.pod);
    let mut lower: Vec<_> = node.pods.iter().filter(|pod| priority(pod) < own).cloned().collect();
    if lower.is_empty() || !fits(wanted, node, cluster, &lower) {
        return None;
    }
    lower.sort_by_key(|pod| (Reverse(priority(pod)), started(pod)));
    let (protected, others) = split(&lower, budgets);
    let violations = protected.clone();
    let mut victims = lower.clone();
    // Those that a budget protects are let stay first, then the more important ones.
    for pod in protected.into_iter().chain(others) {
        let without: Vec<_> = victims.iter().filter(|victim| uid(victim) != uid(&pod)).cloned().collect();
        if fits(wanted, node, cluster, &without) {
            victims = without;
        }
    }
    let is_victim = |pod: &&Arc<Pod>| victims.iter().any(|victim| uid(victim) == uid(pod));
    let violations = violations.iter().filter(is_victim).count();
    Some(Preemption { node: node.name().to_owned(), victims, violations })
}

fn fits(wanted: Wanted<'_>, node: &NodeState, cluster: &Cluster, gone: &[Arc<Pod>]) -> bool {
    let left = node.without(|pod| gone.iter().any(|one| uid(one) == uid(pod)));
    let nodes = cluster.nodes.iter().map(|other| if other.name() == node.name() { &left } else { other });
    let cluster = Cluster { nodes: nodes.cloned().collect(), namespaces: cluster.namespaces.clone() };
    Filter::new(wanted, &cluster).refusals(&left).is_empty()
}

/// Those whose end a disruption budget does not allow any more, and the others.
fn split(pods: &[Arc<Pod>], budgets: &[Arc<PodDisruptionBudget>]) -> (Vec<Arc<Pod>>, Vec<Arc<Pod>>) {
    let allowed = |budget: &PodDisruptionBudget| {
        budget.status.as_ref().and_then(|status| status.disruptions_allowed).unwrap_or(0)
    };
    let mut left: Vec<i32> = budgets.iter().map(|budget| allowed(budget)).collect();
    pods.iter().cloned().partition(|pod| {
        let mut is_protected = false;
        for (budget, left) in budgets.iter().zip(&mut left).filter(|(budget, _)| covers(budget, pod)) {
            *left -= 1;
            is_protected |= *left < 0;
            // A pod that the budget has seen leaving is counted already.
            let disrupted = budget.status.as_ref().and_then(|status| status.disrupted_pods.as_ref());
            if disrupted
                .is_some_and(|pods| pod.metadata.name.as_ref().is_some_and(|name| pods.contains_key(name)))
            {
                *left += 1;
            }
        }
        is_protected
    })
}

fn covers(budget: &PodDisruptionBudget, pod: &Pod) -> bool {
    let selector = budget.spec.as_ref().and_then(|spec| spec.selector.as_ref());
    budget.metadata.namespace == pod.metadata.namespace && selects(selector, pod.metadata.labels.as_ref())
}

/// Compared in upstream's order: budgets, the most important victim, all victims together, how many, and last the
/// victims that have run the shortest.
fn harm(preemption: &Preemption) -> (usize, i32, i64, usize, Reverse<Option<Timestamp>>) {
    let priorities = preemption.victims.iter().map(|pod| priority(pod));
    let highest = priorities.clone().max().unwrap_or(i32::MIN);
    let sum = priorities.map(i64::from).sum();
    let most_important = preemption.victims.iter().filter(|pod| priority(pod) == highest);
    let earliest = most_important.filter_map(|pod| started(pod)).min();
    (preemption.violations, highest, sum, preemption.victims.len(), Reverse(earliest))
}

fn started(pod: &Pod) -> Option<Timestamp> {
    pod.status.as_ref()?.start_time.as_ref().map(|time| time.0)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json};

    use super::*;
    use crate::demand::Demand;
    use crate::testdata::{cluster, node, pod, zoned};
    use crate::volumes::Claims;

    fn asking(name: &str, node: &str, priority: i32, cpu: &str) -> Arc<Pod> {
        let requests = json!({ "requests": { "cpu": cpu } });
        let mut spec =
            json!({ "priority": priority, "containers": [{ "name": "c", "resources": requests }] });
        if !node.is_empty() {
            spec["nodeName"] = json!(node);
        }
        pod(name, json!({ "metadata": { "labels": { "app": name } }, "spec": spec }))
    }

    #[track_caller]
    fn check(
        case: &str,
        pods: &[Arc<Pod>],
        budgets: Value,
        pod: &Pod,
        expected: Result<(&str, &[&str]), &str>,
    ) {
        let cluster = cluster(&[zoned("one", "a"), zoned("two", "b")], pods);
        let budgets: Vec<PodDisruptionBudget> = from_value(budgets).unwrap();
        let budgets: Vec<_> = budgets.into_iter().map(Arc::new).collect();
        let demand = Demand::of(pod).unwrap();
        let wanted = Wanted { pod, demand: &demand, claims: &Claims::default() };
        let found = preempt(wanted, &cluster, &budgets);
        let names = |preemption: &Preemption| {
            let victims = preemption.victims.iter().filter_map(|pod| pod.metadata.name.clone());
            (preemption.node.clone(), victims.collect::<Vec<_>>())
        };
        let expected = expected.map(|(node, victims)| {
            (node.to_owned(), victims.iter().map(|&name| name.to_owned()).collect::<Vec<_>>())
        });
        assert_eq!(found.as_ref().map(names).map_err(String::as_str), expected, "{case}");
    }

    fn budget(app: &str, allowed: i32) -> Value {
        json!({ "metadata": { "namespace": "default" },
            "spec": { "selector": { "matchLabels": { "app": app } } },
            "status": { "disruptionsAllowed": allowed, "currentHealthy": 1, "desiredHealthy": 1, "expectedPods": 1 } })
    }

    #[test]
    fn the_least_important_pods_make_room() {
        let new = asking("new", "", 100, "2");
        let there = [
            asking("a", "one", 10, "2"),
            asking("b", "one", 5, "2"),
            asking("c", "two", 20, "2"),
            asking("d", "two", 20, "2"),
        ];
        check("the lowest", &there, json!([]), &new, Ok(("one", &["b"])));
        let protected = json!([budget("b", 0)]);
        check("a budget counts more", &there, protected, &new, Ok(("one", &["a"])));
        check("a budget that allows it", &there, json!([budget("b", 1)]), &new, Ok(("one", &["b"])));
        let both = json!([budget("a", 0), budget("b", 0)]);
        check("another node", &there, both, &new, Ok(("two", &["d"])));
    }

    #[test]
    fn who_cannot_gain_is_told_in_upstreams_words() {
        let there = [asking("a", "one", 10, "4"), asking("b", "two", 10, "4")];
        let none = "0/2 nodes are available: 2 No preemption victims found for incoming pod.";
        check("equals stay", &there, json!([]), &asking("new", "", 10, "2"), Err(none));
        let never = "0/2 nodes are available: 2 Preemption is not helpful for scheduling.";
        check("never fits", &there, json!([]), &asking("new", "", 100, "40"), Err(never));
        let mut polite = (*asking("new", "", 100, "2")).clone();
        polite.spec.as_mut().unwrap().preemption_policy = Some("Never".to_owned());
        check("polite", &there, json!([]), &polite, Err("not eligible due to preemptionPolicy=Never."));
        let mut nominated = (*asking("new", "", 100, "2")).clone();
        nominated.status = Some(from_value(json!({ "nominatedNodeName": "one" })).unwrap());
        let mut leaving = (*there[0]).clone();
        leaving.metadata.deletion_timestamp = Some(from_value(json!("2026-01-01T00:00:00Z")).unwrap());
        let words = "not eligible due to a terminating pod on the nominated node.";
        check(
            "room is being made",
            &[Arc::new(leaving), there[1].clone()],
            json!([]),
            &nominated,
            Err(words),
        );
    }

    #[test]
    fn a_pod_that_keeps_away_from_others_can_make_them_leave() {
        let alone = node(json!({}));
        let shy = json!({ "podAntiAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": [
            { "topologyKey": "kubernetes.io/hostname", "labelSelector": { "matchLabels": { "app": "a" } } }] } });
        let new = pod("new", json!({ "spec": { "priority": 1, "affinity": shy } }));
        let cluster = cluster(&[alone], &[asking("a", "one", 0, "1"), asking("b", "one", 0, "1")]);
        let demand = Demand::of(&new).unwrap();
        let wanted = Wanted { pod: &new, demand: &demand, claims: &Claims::default() };
        let victims = preempt(wanted, &cluster, &[]).unwrap().victims;
        let names: Vec<_> = victims.iter().map(|pod| pod.metadata.name.as_deref().unwrap()).collect();
        assert_eq!(names, ["a"]);
    }
}
