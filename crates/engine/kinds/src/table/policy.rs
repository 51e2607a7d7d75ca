//! Kinds of `coordination.k8s.io`, `node.k8s.io`, `policy` and `scheduling.k8s.io`.

use super::row;
use crate::Kind;
use crate::columns::{lease, policy};
use crate::defaults;
use crate::validation;

pub(super) fn kinds() -> Vec<Kind> {
    vec![
        row("coordination.k8s.io", "v1", "Lease", "leases")
            .namespaced()
            .columns(lease::columns())
            .validate(validation::policy::lease),
        row("node.k8s.io", "v1", "RuntimeClass", "runtimeclasses")
            .columns(policy::runtime_class())
            .validate(validation::policy::runtime_class)
            .validate_update(validation::policy::runtime_class_update),
        row("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets")
            .namespaced()
            .short(&["pdb"])
            .status()
            .columns(policy::disruption_budget())
            .validate(validation::policy::disruption_budget),
        row("scheduling.k8s.io", "v1", "PriorityClass", "priorityclasses")
            .short(&["pc"])
            .columns(policy::priority_class())
            .defaults(defaults::policy::priority_class)
            .validate(validation::policy::priority_class)
            .validate_update(validation::policy::priority_class_update),
    ]
}
