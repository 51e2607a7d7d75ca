//! A pod's class of service, by what its containers request and are limited to.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::Quantity;
use crate::fields::{at, items};

/// Only these two resources count.
const COUNTED: [&str; 2] = ["cpu", "memory"];

/// `Guaranteed`, `Burstable` or `BestEffort`, as upstream's `ComputePodQOS` finds it.
pub(super) fn class_of(spec: &Value) -> &'static str {
    let (mut requests, mut limits) = (BTreeMap::new(), BTreeMap::new());
    let mut is_each_limited = true;
    for container in items(spec, "containers").iter().chain(items(spec, "initContainers")) {
        add(&mut requests, at(container, "resources.requests"));
        let limited = add(&mut limits, at(container, "resources.limits"));
        is_each_limited &= limited == COUNTED.len();
    }
    if requests.is_empty() && limits.is_empty() {
        "BestEffort"
    } else if is_each_limited && requests == limits {
        "Guaranteed"
    } else {
        "Burstable"
    }
}

/// Adds the amounts that count, and returns how many there were.
fn add(sums: &mut BTreeMap<&'static str, Quantity>, amounts: &Value) -> usize {
    let mut count = 0;
    for name in COUNTED {
        let amount = Quantity::from_value(&amounts[name]).unwrap_or(Quantity::ZERO);
        if amount > Quantity::ZERO {
            let sum = sums.entry(name).or_insert(Quantity::ZERO);
            *sum = *sum + amount;
            count += 1;
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::class_of;

    #[track_caller]
    fn check(resources: serde_json::Value, expected: &str) {
        let containers: Vec<_> =
            resources.as_array().unwrap().iter().map(|resources| json!({"resources": resources})).collect();
        assert_eq!(class_of(&json!({ "containers": containers })), expected);
    }

    #[test]
    fn the_class_follows_from_cpu_and_memory_of_all_containers() {
        let full = json!({"cpu": "1", "memory": "1Gi"});
        check(json!([{}]), "BestEffort");
        check(json!([{"limits": {"nvidia.com/gpu": "1"}}]), "BestEffort");
        check(json!([{"requests": {"cpu": "0"}}]), "BestEffort");
        check(json!([{"requests": full, "limits": {"cpu": "1000m", "memory": "1024Mi"}}]), "Guaranteed");
        check(json!([{"requests": full, "limits": full}, {}]), "Burstable");
        check(json!([{"requests": {"cpu": "1"}}]), "Burstable");
        check(json!([{"requests": {"cpu": "1"}, "limits": {"cpu": "1"}}]), "Burstable");
    }
}
