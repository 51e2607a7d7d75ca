//! Whether a node has enough left of what a pod asks for. Pure.

use super::Refusal;
use crate::demand::Demand;
use crate::quantity::Amount;
use crate::snapshot::{NodeState, PODS};

/// Every resource of which too little is left.
pub(super) fn refusals(demand: &Demand, node: &NodeState) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    let places = node.allocatable.get(PODS).copied().unwrap_or_default();
    if Amount::whole(i64::try_from(node.pods.len()).unwrap_or(i64::MAX)).plus(Amount::whole(1)) > places {
        refusals.push(Refusal::TooManyPods);
    }
    for (resource, wanted) in demand.amounts.iter().filter(|(_, wanted)| !wanted.is_zero()) {
        let given = node.allocatable.get(resource).copied().unwrap_or_default();
        let taken = node.taken.get(resource).copied().unwrap_or_default();
        if *wanted > given.minus(taken) {
            let never = *wanted > given;
            refusals.push(Refusal::Insufficient { resource: resource.clone(), never });
        }
    }
    refusals
}

#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "cases are written in place")]
mod tests {
    use super::*;
    use crate::testdata;
    use serde_json::{Value, json};

    fn asking(requests: Value) -> Value {
        json!({ "spec": { "containers": [{ "name": "c", "resources": { "requests": requests } }] } })
    }

    #[track_caller]
    fn check(case: &str, places: &str, requests: Value, expected: &[&str]) {
        let node = testdata::node(json!({ "status": { "allocatable": { "pods": places } } }));
        let there = testdata::pod("there", json!({ "spec": { "nodeName": "one" } }));
        let demand = Demand::of(&testdata::pod("web", asking(requests))).unwrap();
        let refusals = refusals(&demand, &testdata::state(&node, &[there]));
        let words: Vec<_> = refusals.iter().map(ToString::to_string).collect();
        assert_eq!(words, expected, "{case}");
    }

    #[test]
    fn a_pod_fits_into_what_others_leave() {
        check("exactly what is left", "2", json!({ "cpu": "3", "memory": "7Gi" }), &[]);
        check("a little more", "2", json!({ "cpu": "3001m", "memory": "7Gi" }), &["Insufficient cpu"]);
        check("no place", "1", json!({}), &["Too many pods"]);
        check(
            "nothing fits",
            "1",
            json!({ "cpu": "9", "memory": "9Gi" }),
            &["Too many pods", "Insufficient cpu", "Insufficient memory"],
        );
        check("the node has none", "2", json!({ "example.com/gpu": "1" }), &["Insufficient example.com/gpu"]);
        check("none of what it has not", "2", json!({ "example.com/gpu": "0" }), &[]);
    }
}
