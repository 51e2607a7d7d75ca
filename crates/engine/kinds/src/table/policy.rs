//! Kinds of `coordination.k8s.io`, `policy`, `scheduling.k8s.io` and `storage.k8s.io`.

use super::row;
use crate::Kind;
use crate::columns::{lease, policy, storage};
use crate::defaults;

pub(super) fn kinds() -> Vec<Kind> {
    vec![
        row("coordination.k8s.io", "v1", "Lease", "leases").namespaced().columns(lease::columns()),
        row("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets")
            .namespaced()
            .short(&["pdb"])
            .status()
            .columns(policy::disruption_budget()),
        row("scheduling.k8s.io", "v1", "PriorityClass", "priorityclasses")
            .short(&["pc"])
            .columns(policy::priority_class()),
        row("storage.k8s.io", "v1", "StorageClass", "storageclasses")
            .short(&["sc"])
            .columns(storage::class())
            .defaults(defaults::volume::storage_class),
    ]
}
