//! In which order objects are applied: what defines kinds, namespaces and classes goes before what uses them. Pure.

use super::object::{Id, Object};

/// The stages, in their order, as in Flux.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// CustomResourceDefinitions, Namespaces and ClusterRoles.
    Definitions,
    /// StorageClasses and all others of that kind of name.
    Classes,
    /// Everything else.
    Resources,
}

impl Stage {
    pub(super) const ALL: [Stage; 3] = [Stage::Definitions, Stage::Classes, Stage::Resources];

    pub(super) fn of(id: &Id) -> Stage {
        match (id.group.as_str(), id.kind.as_str()) {
            ("apiextensions.k8s.io", "CustomResourceDefinition")
            | ("", "Namespace")
            | ("rbac.authorization.k8s.io", "ClusterRole") => Stage::Definitions,
            (_, kind) if kind.ends_with("Class") => Stage::Classes,
            _ => Stage::Resources,
        }
    }
}

/// Kinds that others wait for, in the order in which Flux applies them.
const FIRST: [&str; 23] = [
    "CustomResourceDefinition",
    "Namespace",
    "ClusterRole",
    "ClusterClass",
    "RuntimeClass",
    "PriorityClass",
    "StorageClass",
    "VolumeSnapshotClass",
    "IngressClass",
    "GatewayClass",
    "ClusterRoleBinding",
    "ResourceQuota",
    "ServiceAccount",
    "Role",
    "RoleBinding",
    "ConfigMap",
    "Secret",
    "Service",
    "LimitRange",
    "Deployment",
    "StatefulSet",
    "CronJob",
    "PodDisruptionBudget",
];

/// Kinds that could hold up others.
const LAST: [&str; 2] = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];

/// Sorts by stage, then by Flux' order of kinds, then by name. Deleting goes the other way round.
pub(super) fn sort(objects: &mut [Object]) {
    objects.sort_by_cached_key(|object| order(&object.id));
}

/// The place of an object among others.
pub(super) fn order(id: &Id) -> (Stage, usize, Id) {
    let rank = match (FIRST.iter().position(|kind| *kind == id.kind), LAST.contains(&id.kind.as_str())) {
        (Some(index), _) => index,
        (None, false) => FIRST.len(),
        (None, true) => FIRST.len() + 1,
    };
    (Stage::of(id), rank, id.clone())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_others_need_comes_first() {
        let object = |api_version: &str, kind: &str| {
            Object::of(json!({ "apiVersion": api_version, "kind": kind, "metadata": { "name": "x" } }))
        };
        let mut objects = [
            object("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration"),
            object("shop.example/v1", "Toy"),
            object("apps/v1", "Deployment"),
            object("v1", "ConfigMap"),
            object("storage.k8s.io/v1", "StorageClass"),
            object("v1", "Namespace"),
            object("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
        ];
        sort(&mut objects);
        let kinds: Vec<&str> = objects.iter().map(|object| object.id.kind.as_str()).collect();
        assert_eq!(
            kinds,
            [
                "CustomResourceDefinition",
                "Namespace",
                "StorageClass",
                "ConfigMap",
                "Deployment",
                "Toy",
                "ValidatingWebhookConfiguration"
            ]
        );
    }
}
