//! In which order kinds are made and taken away.

use std::cmp::Ordering;

/// Those that others need come first.
const INSTALLED: [&str; 38] = [
    "PriorityClass",
    "Namespace",
    "NetworkPolicy",
    "ResourceQuota",
    "LimitRange",
    "PodSecurityPolicy",
    "PodDisruptionBudget",
    "ServiceAccount",
    "Secret",
    "SecretList",
    "ConfigMap",
    "StorageClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleList",
    "ClusterRoleBinding",
    "ClusterRoleBindingList",
    "Role",
    "RoleList",
    "RoleBinding",
    "RoleBindingList",
    "Service",
    "DaemonSet",
    "Pod",
    "ReplicationController",
    "ReplicaSet",
    "Deployment",
    "HorizontalPodAutoscaler",
    "StatefulSet",
    "Job",
    "CronJob",
    "IngressClass",
    "Ingress",
    "APIService",
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
];

fn place(kind: &str) -> Option<usize> {
    INSTALLED.iter().position(|known| *known == kind)
}

/// Kinds that are not known come last, by name.
pub fn install_order(left: &str, right: &str) -> Ordering {
    by_place(left, right, place(left), place(right))
}

/// The other way round; kinds that are not known come last here as well, and services before what they lead to.
pub fn uninstall_order(left: &str, right: &str) -> Ordering {
    let reversed = |kind: &str| match kind {
        // Nothing is led to what is about to end.
        "Service" => place("Ingress").map(|ingress| INSTALLED.len() - ingress + 1),
        "MutatingWebhookConfiguration"
        | "ValidatingWebhookConfiguration"
        | "APIService"
        | "Ingress"
        | "IngressClass" => place(kind).map(|place| INSTALLED.len() - place - 1),
        _ => place(kind).map(|place| INSTALLED.len() - place + 1),
    };
    by_place(left, right, reversed(left), reversed(right))
}

fn by_place(left: &str, right: &str, left_place: Option<usize>, right_place: Option<usize>) -> Ordering {
    match (left_place, right_place) {
        (Some(left), Some(right)) => left.cmp(&right),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => left.cmp(right),
    }
}
