//! Which of the nodes that can take a pod is best: the one that has most left afterwards. Pure.

use crate::demand::Demand;
use crate::snapshot::NodeState;

/// The resources that count, with equal weight, as upstream's least-allocated score.
const COUNTED: [&str; 2] = ["cpu", "memory"];

/// Between 0 (nothing left) and 1 (all left).
pub(crate) fn left_afterwards(demand: &Demand, node: &NodeState) -> f64 {
    let left = COUNTED.iter().map(|&resource| {
        let amount = |amounts: &crate::demand::Amounts| amounts.get(resource).copied().unwrap_or_default();
        let given = amount(&node.allocatable);
        given.minus(amount(&node.taken)).minus(amount(&demand.amounts)).fraction_of(given)
    });
    left.sum::<f64>() / COUNTED.len() as f64
}
