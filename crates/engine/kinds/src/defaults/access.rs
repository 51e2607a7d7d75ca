//! RoleBindings and ClusterRoleBindings.

use serde_json::Value;

use crate::fields::{fill, items_in, text};

const RBAC: &str = "rbac.authorization.k8s.io";

pub(crate) fn binding(binding: &mut Value) {
    if let Some(reference) = binding.get_mut("roleRef") {
        fill(reference, "apiGroup", RBAC);
    }
    for subject in items_in(binding, "subjects") {
        if matches!(text(subject, "kind"), "User" | "Group") {
            fill(subject, "apiGroup", RBAC);
        }
    }
}
