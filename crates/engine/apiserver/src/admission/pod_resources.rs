//! What a pod requests or is limited to as a whole.

use serde_json::Value;

use super::amounts::{Amounts, add, amounts, raise};
use crate::object;

/// The sum of a pod's containers, or the most that its init containers need at a time; sidecars count with either.
/// `field` is `requests` or `limits`; `spec` is the pod's.
pub(crate) fn of_pod(spec: &Value, field: &str) -> Amounts {
    let (mut sum, mut sidecars, mut most_at_start) = (Amounts::new(), Amounts::new(), Amounts::new());
    for container in list(spec, "containers") {
        add(&mut sum, &of_container(container, field));
    }
    for container in list(spec, "initContainers") {
        let own = of_container(container, field);
        if object::text_at(container, "/restartPolicy") == Some("Always") {
            add(&mut sum, &own);
            add(&mut sidecars, &own);
            raise(&mut most_at_start, &sidecars);
        } else {
            let mut needed = sidecars.clone();
            add(&mut needed, &own);
            raise(&mut most_at_start, &needed);
        }
    }
    raise(&mut sum, &most_at_start);
    // What is said of the pod as a whole stands for its containers.
    sum.extend(amounts(spec.get("resources").and_then(|resources| resources.get(field))));
    for (name, amount) in amounts(spec.get("overhead")) {
        // An overhead does not limit what was not limited.
        if field == "requests" || sum.contains_key(&name) {
            add(&mut sum, &Amounts::from([(name, amount)]));
        }
    }
    sum
}

/// What one container requests or is limited to.
pub(crate) fn of_container(container: &Value, field: &str) -> Amounts {
    amounts(container.get("resources").and_then(|resources| resources.get(field)))
}

/// A pod's containers, those that come before them, or both.
pub(crate) fn list<'a>(spec: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    spec.get(field).and_then(Value::as_array).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::amounts::listed;
    use super::*;

    fn container(cpu: &str, restart_policy: &str) -> Value {
        json!({"restartPolicy": restart_policy, "resources": {"requests": {"cpu": cpu}}})
    }

    #[track_caller]
    fn check(containers: &[&str], init: &[(&str, &str)], expected: &str) {
        let containers: Vec<Value> = containers.iter().map(|cpu| container(cpu, "")).collect();
        let init: Vec<Value> = init.iter().map(|(cpu, policy)| container(cpu, policy)).collect();
        let spec = json!({"containers": containers, "initContainers": init});
        assert_eq!(listed(&of_pod(&spec, "requests")), expected);
    }

    #[test]
    fn init_containers_count_where_they_need_more_than_what_comes_after() {
        check(&["100m", "200m"], &[], "cpu=300m");
        check(&["100m"], &[("500m", ""), ("400m", "")], "cpu=500m");
        check(&["100m"], &[("50m", "")], "cpu=100m");
    }

    #[test]
    fn sidecars_count_beside_those_that_come_after_them() {
        check(&["100m"], &[("200m", "Always")], "cpu=300m");
        check(&["100m"], &[("200m", "Always"), ("500m", "")], "cpu=700m");
        check(&["100m"], &[("500m", ""), ("200m", "Always")], "cpu=500m");
    }

    #[test]
    fn an_overhead_is_requested_but_limits_only_what_is_limited() {
        let spec = json!({
            "containers": [{"resources": {"requests": {"cpu": "1"}, "limits": {"memory": "1Gi"}}}],
            "overhead": {"cpu": "250m", "memory": "1Gi"},
        });
        assert_eq!(listed(&of_pod(&spec, "requests")), "cpu=1250m,memory=1Gi");
        assert_eq!(listed(&of_pod(&spec, "limits")), "memory=2Gi");
    }
}
