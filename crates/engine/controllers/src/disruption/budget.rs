//! The status of a PodDisruptionBudget. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bythos_operator::{Next, condition};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

use super::expected::UnknownScale;
use crate::pods;

/// How long a pod that was let go counts as gone while it is still there.
const LETTING_GO_MAX: Duration = Duration::from_secs(120);
const ALLOWED: &str = "DisruptionAllowed";

/// What the budget counts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Expected {
    pub(super) total: i32,
    pub(super) healthy: i32,
}

/// The status that the budget should have, and when to look again because a pod that was let go stays.
pub(super) fn status(
    budget: &PodDisruptionBudget,
    matching: &[Arc<Pod>],
    expected: Result<Expected, UnknownScale>,
    now: Timestamp,
) -> (PodDisruptionBudgetStatus, Next) {
    let before = budget.status.clone().unwrap_or_default();
    let generation = budget.metadata.generation;
    let mut conditions = before.conditions.clone().unwrap_or_default();
    let expected = match expected {
        Ok(expected) => expected,
        Err(error) => {
            condition::set(&mut conditions, ALLOWED, false, "SyncFailed", error.to_string(), generation);
            let conditions = Some(conditions);
            let zero = Some(0);
            let status = PodDisruptionBudgetStatus {
                conditions,
                disruptions_allowed: zero,
                current_healthy: before.current_healthy.or(zero),
                desired_healthy: before.desired_healthy.or(zero),
                expected_pods: before.expected_pods.or(zero),
                observed_generation: generation,
                ..before
            };
            return (status, Next::Wait);
        }
    };
    let (disrupted, soonest) = still_disrupted(&before, matching, now);
    let is_healthy = |pod: &&Arc<Pod>| {
        let name = pod.metadata.name.as_deref().unwrap_or_default();
        pods::is_ready(pod) && !pods::is_terminating(pod) && !disrupted.contains_key(name)
    };
    let healthy = i32::try_from(matching.iter().filter(is_healthy).count()).unwrap_or(i32::MAX);
    let allowed = if expected.total > 0 { (healthy - expected.healthy).max(0) } else { 0 };
    let reason = if allowed > 0 { "SufficientPods" } else { "InsufficientPods" };
    condition::set(&mut conditions, ALLOWED, allowed > 0, reason, "", generation);
    let status = PodDisruptionBudgetStatus {
        conditions: Some(conditions),
        current_healthy: Some(healthy),
        desired_healthy: Some(expected.healthy),
        disrupted_pods: Some(disrupted).filter(|disrupted| !disrupted.is_empty()),
        disruptions_allowed: Some(allowed),
        expected_pods: Some(expected.total),
        observed_generation: generation,
    };
    (status, soonest.map_or(Next::Wait, Next::After))
}

/// The pods that were let go and are not on their way yet, and how long the first of them counts as gone.
fn still_disrupted(
    before: &PodDisruptionBudgetStatus,
    matching: &[Arc<Pod>],
    now: Timestamp,
) -> (BTreeMap<String, Time>, Option<Duration>) {
    let (mut disrupted, mut soonest) = (BTreeMap::new(), None::<Duration>);
    for (name, since) in before.disrupted_pods.iter().flatten() {
        let pod = matching.iter().find(|pod| pod.metadata.name.as_ref() == Some(name));
        let age = Duration::try_from(now.duration_since(since.0)).unwrap_or_default();
        let rest = LETTING_GO_MAX.saturating_sub(age);
        if pod.is_some_and(|pod| !pods::is_terminating(pod)) && !rest.is_zero() {
            disrupted.insert(name.clone(), since.clone());
            soonest = Some(soonest.map_or(rest, |soonest| soonest.min(rest)));
        }
    }
    (disrupted, soonest)
}

#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "cases are written in place")]
mod tests {
    use super::*;
    use serde_json::{from_value, json};

    fn pod(name: &str, ready: bool) -> Arc<Pod> {
        let ready = if ready { "True" } else { "False" };
        let status = json!({ "conditions": [{ "type": "Ready", "status": ready }] });
        Arc::new(from_value(json!({ "metadata": { "name": name }, "status": status })).unwrap())
    }

    #[track_caller]
    fn check(
        pods: &[Arc<Pod>],
        disrupted: serde_json::Value,
        total: i32,
        healthy: i32,
        expected: (i32, i32),
    ) {
        let budget: PodDisruptionBudget =
            from_value(json!({ "metadata": {}, "status": { "disruptedPods": disrupted } })).unwrap();
        let now = "2026-01-01T00:02:00Z".parse().unwrap();
        let (status, _) = status(&budget, pods, Ok(Expected { total, healthy }), now);
        assert_eq!(
            (status.current_healthy, status.disruptions_allowed),
            (Some(expected.0), Some(expected.1))
        );
        let condition = &status.conditions.unwrap()[0];
        assert_eq!(condition.status == "True", expected.1 > 0);
    }

    #[test]
    fn as_many_pods_may_go_as_are_healthy_beyond_what_is_wanted() {
        let three = [pod("a", true), pod("b", true), pod("c", false)];
        check(&three, json!({}), 3, 1, (2, 1));
        check(&three, json!({}), 3, 2, (2, 0));
        check(&three, json!({}), 3, 3, (2, 0));
        check(&[], json!({}), 0, 0, (0, 0));
        check(&three, json!({ "a": "2026-01-01T00:01:30Z" }), 3, 1, (1, 0));
        check(&three, json!({ "a": "2026-01-01T00:00:00Z" }), 3, 1, (2, 1));
    }
}
