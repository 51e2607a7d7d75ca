//! What a pod's status says, in the words of the controllers. Pure.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Pod, PodCondition};
use k8s_openapi::jiff::Timestamp;

/// Where a pod stands with regard to being available, that is ready for a minimum time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Availability {
    /// Ready for long enough.
    Available,
    /// Ready, and available after this time if nothing changes.
    AvailableIn(Duration),
    /// Not ready.
    Unready,
}

/// The pod's phase; empty before it has one.
pub(crate) fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default()
}

/// Whether the pod has ended for good.
pub(crate) fn is_finished(pod: &Pod) -> bool {
    matches!(phase(pod), "Succeeded" | "Failed")
}

/// Whether the pod is on its way out.
pub(crate) fn is_terminating(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_some()
}

/// Whether the pod counts as a replica: neither ended nor on its way out.
pub(crate) fn is_active(pod: &Pod) -> bool {
    !is_finished(pod) && !is_terminating(pod)
}

/// Whether the pod is on its way out and nothing runs of it any more: it never had a node, or the node is done with
/// it, and only finalizers keep it.
pub(crate) fn is_over(pod: &Pod) -> bool {
    let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).unwrap_or_default();
    is_terminating(pod) && (node.is_empty() || pod.metadata.deletion_grace_period_seconds == Some(0))
}

/// Since when the pod is ready. The inner time is absent where whoever wrote the condition left it out.
pub(crate) fn ready_since(pod: &Pod) -> Option<Option<Timestamp>> {
    let ready = condition(pod, "Ready").filter(|condition| condition.status == "True")?;
    Some(ready.last_transition_time.as_ref().map(|time| time.0))
}

/// Whether the pod is ready.
pub(crate) fn is_ready(pod: &Pod) -> bool {
    ready_since(pod).is_some()
}

/// Whether the pod has been ready for `min_ready`.
pub(crate) fn availability(pod: &Pod, min_ready: Duration, now: Timestamp) -> Availability {
    let Some(since) = ready_since(pod) else { return Availability::Unready };
    if min_ready.is_zero() {
        return Availability::Available;
    }
    let Some(since) = since else { return Availability::AvailableIn(min_ready) };
    let ready_for = Duration::try_from(now.duration_since(since)).unwrap_or_default();
    match min_ready.checked_sub(ready_for) {
        None | Some(Duration::ZERO) => Availability::Available,
        Some(remaining) => Availability::AvailableIn(remaining),
    }
}

/// The condition of this type.
pub(crate) fn condition<'a>(pod: &'a Pod, type_: &str) -> Option<&'a PodCondition> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    conditions.iter().find(|condition| condition.type_ == type_)
}

#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "cases are written in place")]
mod tests {
    use super::*;
    use serde_json::{from_value, json};

    #[track_caller]
    fn check(condition: serde_json::Value, min_ready_seconds: u64, expected: Availability) {
        let pod: Pod = from_value(json!({ "status": { "conditions": [condition] } })).unwrap();
        let now = "2026-01-01T00:01:00Z".parse().unwrap();
        assert_eq!(availability(&pod, Duration::from_secs(min_ready_seconds), now), expected);
    }

    #[test]
    fn a_pod_is_available_when_it_has_been_ready_for_the_minimum_time() {
        let ready =
            json!({ "type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:40Z" });
        check(ready.clone(), 0, Availability::Available);
        check(ready.clone(), 20, Availability::Available);
        check(ready, 30, Availability::AvailableIn(Duration::from_secs(10)));
        check(json!({ "type": "Ready", "status": "False" }), 0, Availability::Unready);
        check(json!({ "type": "Ready", "status": "True" }), 0, Availability::Available);
    }
}
