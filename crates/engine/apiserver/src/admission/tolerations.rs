//! Pods stay for five minutes on a node that does not answer, unless they say otherwise.

use serde_json::{Value, json};

use crate::object;

const STAY_SECONDS: i64 = 300;
const TAINTS: [&str; 2] = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];

/// Adds the tolerations that a new pod does not have.
pub(crate) fn admit(pod: &mut Value) {
    let tolerations = object::field_mut(pod, "spec").entry("tolerations").or_insert_with(|| json!([]));
    if !tolerations.is_array() {
        *tolerations = json!([]);
    }
    let Some(tolerations) = tolerations.as_array_mut() else { return };
    for taint in TAINTS {
        if !tolerations.iter().any(|toleration| tolerates(toleration, taint)) {
            tolerations.push(json!({
                "key": taint,
                "operator": "Exists",
                "effect": "NoExecute",
                "tolerationSeconds": STAY_SECONDS,
            }));
        }
    }
}

/// Whether it speaks of this taint's effect on running pods; an empty key or effect speaks of all.
fn tolerates(toleration: &Value, taint: &str) -> bool {
    let text = |field: &str| toleration.get(field).and_then(Value::as_str).unwrap_or_default();
    [taint, ""].contains(&text("key")) && ["NoExecute", ""].contains(&text("effect"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(given: Value, expected: &[&str]) {
        let mut pod = json!({"spec": {"tolerations": given}});
        admit(&mut pod);
        let keys: Vec<&str> = pod["spec"]["tolerations"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|toleration| toleration["tolerationSeconds"] == 300)
            .map(|toleration| toleration["key"].as_str().unwrap())
            .collect();
        assert_eq!(keys, expected);
    }

    #[test]
    fn a_pod_that_says_nothing_of_a_taint_tolerates_it_for_a_while() {
        check(Value::Null, &TAINTS);
        check(json!([{"key": "a", "operator": "Exists"}]), &TAINTS);
        check(json!([{"key": TAINTS[0], "operator": "Exists", "effect": "NoExecute"}]), &TAINTS[1..]);
        check(json!([{"key": TAINTS[0], "effect": "NoSchedule"}]), &TAINTS);
        check(json!([{"operator": "Exists"}]), &[]);
    }
}
