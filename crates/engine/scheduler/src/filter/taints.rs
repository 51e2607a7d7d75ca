//! Taints that keep pods away, and the pods that tolerate them. Pure.

use k8s_openapi::api::core::v1::{Node, Pod, Taint, Toleration};

use super::Refusal;

const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";
const NOT_READY: &str = "node.kubernetes.io/not-ready";
const NO_SCHEDULE: &str = "NoSchedule";
const NO_EXECUTE: &str = "NoExecute";
const PREFER_NO_SCHEDULE: &str = "PreferNoSchedule";

pub(super) fn refusal(pod: &Pod, node: &Node) -> Option<Refusal> {
    let tolerations = pod.spec.iter().flat_map(|spec| spec.tolerations.iter().flatten());
    let is_tolerated = |taint: &Taint| tolerations.clone().any(|toleration| tolerates(toleration, taint));
    if is_cordoned(node) && !is_tolerated(&taint(UNSCHEDULABLE)) {
        return Some(Refusal::Unschedulable);
    }
    let given = node.spec.iter().flat_map(|spec| spec.taints.iter().flatten()).cloned();
    let not_ready = (!is_ready(node)).then(|| taint(NOT_READY));
    let mut keeping_away =
        given.chain(not_ready).filter(|taint| taint.effect == NO_SCHEDULE || taint.effect == NO_EXECUTE);
    let first = keeping_away.find(|taint| !is_tolerated(taint))?;
    Some(Refusal::Tainted { key: first.key, value: first.value.unwrap_or_default() })
}

/// How many taints that only discourage are not tolerated.
pub(crate) fn discouraging(pod: &Pod, node: &Node) -> usize {
    let tolerations = pod.spec.iter().flat_map(|spec| spec.tolerations.iter().flatten());
    let taints = node.spec.iter().flat_map(|spec| spec.taints.iter().flatten());
    let discouraging = taints.filter(|taint| taint.effect == PREFER_NO_SCHEDULE);
    discouraging.filter(|taint| !tolerations.clone().any(|toleration| tolerates(toleration, taint))).count()
}

fn is_cordoned(node: &Node) -> bool {
    node.spec.as_ref().and_then(|spec| spec.unschedulable).unwrap_or_default()
}

/// Upstream's node life cycle controller turns a node's readiness into a taint. There is none here, so the
/// condition is read as the taint that it would set.
fn is_ready(node: &Node) -> bool {
    let conditions = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

fn taint(key: &str) -> Taint {
    Taint { key: key.to_owned(), effect: NO_SCHEDULE.to_owned(), ..Taint::default() }
}

fn tolerates(toleration: &Toleration, taint: &Taint) -> bool {
    let given = |field: &Option<String>| field.clone().filter(|text| !text.is_empty());
    let effect_matches = given(&toleration.effect).is_none_or(|effect| effect == taint.effect);
    let key_matches = given(&toleration.key).is_none_or(|key| key == taint.key);
    let value_matches = match toleration.operator.as_deref().unwrap_or_default() {
        "Exists" => true,
        "" | "Equal" => {
            given(&toleration.key).is_some()
                && toleration.value.as_deref().unwrap_or_default()
                    == taint.value.as_deref().unwrap_or_default()
        }
        _ => false,
    };
    effect_matches && key_matches && value_matches
}

#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "cases are written in place")]
mod tests {
    use super::*;
    use crate::testdata;
    use serde_json::{Value, json};

    #[track_caller]
    fn check(case: &str, node: Value, tolerations: Value, expected: Option<&str>) {
        let pod = testdata::pod("web", json!({ "spec": { "tolerations": tolerations } }));
        let refusal = refusal(&pod, &testdata::node(node)).map(|refusal| refusal.to_string());
        assert_eq!(refusal.as_deref(), expected, "{case}");
    }

    #[test]
    fn a_pod_stays_away_from_what_it_does_not_tolerate() {
        let cordoned = json!({ "spec": { "unschedulable": true } });
        let not_ready = json!({ "status": { "conditions": [{ "type": "Ready", "status": "Unknown" }] } });
        let tainted =
            json!({ "spec": { "taints": [{ "key": "gpu", "value": "a", "effect": "NoSchedule" }] } });
        let discouraged = json!({ "spec": { "taints": [{ "key": "gpu", "effect": "PreferNoSchedule" }] } });
        let any = json!([{ "operator": "Exists" }]);

        check("fine", json!({}), json!([]), None);
        check("cordoned", cordoned.clone(), json!([]), Some("node(s) were unschedulable"));
        check("cordoned, tolerated", cordoned, any.clone(), None);
        let words = "node(s) had untolerated taint {node.kubernetes.io/not-ready: }";
        check("not ready", not_ready.clone(), json!([]), Some(words));
        check("not ready, tolerated", not_ready, json!([{ "key": NOT_READY, "operator": "Exists" }]), None);
        let words = "node(s) had untolerated taint {gpu: a}";
        check("tainted", tainted.clone(), json!([]), Some(words));
        check("tolerated by value", tainted.clone(), json!([{ "key": "gpu", "value": "a" }]), None);
        check("another value", tainted.clone(), json!([{ "key": "gpu", "value": "b" }]), Some(words));
        check(
            "another effect",
            tainted.clone(),
            json!([{ "key": "gpu", "operator": "Exists", "effect": "NoExecute" }]),
            Some(words),
        );
        check("everything tolerated", tainted, any, None);
        check("only discouraged", discouraged, json!([]), None);
    }
}
