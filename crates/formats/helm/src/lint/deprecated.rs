//! Versions of kinds that Kubernetes no longer wants, or no longer has.
//!
//! <https://kubernetes.io/docs/reference/using-api/deprecation-guide/>

/// What became of a version of some kinds. The numbers are minor versions of Kubernetes 1.
struct Deprecated {
    api_version: &'static str,
    kinds: &'static [&'static str],
    since: u32,
    gone: u32,
    instead: &'static str,
}

const fn row(
    api_version: &'static str,
    kinds: &'static [&'static str],
    since: u32,
    gone: u32,
    instead: &'static str,
) -> Deprecated {
    Deprecated { api_version, kinds, since, gone, instead }
}

const ROLES: &[&str] = &["Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"];
const WEBHOOKS: &[&str] = &["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];
const FLOWS: &[&str] = &["FlowSchema", "PriorityLevelConfiguration"];
const SCALERS: &[&str] = &["HorizontalPodAutoscaler"];

const ALL: [Deprecated; 23] = [
    row("extensions/v1beta1", &["Ingress"], 14, 22, "networking.k8s.io/v1"),
    row("extensions/v1beta1", &["DaemonSet", "Deployment", "ReplicaSet"], 8, 16, "apps/v1"),
    row("extensions/v1beta1", &["NetworkPolicy"], 9, 16, "networking.k8s.io/v1"),
    row("apps/v1beta1", &["Deployment", "StatefulSet"], 8, 16, "apps/v1"),
    row("apps/v1beta2", &["DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"], 9, 16, "apps/v1"),
    row("networking.k8s.io/v1beta1", &["Ingress", "IngressClass"], 19, 22, "networking.k8s.io/v1"),
    row("rbac.authorization.k8s.io/v1alpha1", ROLES, 17, 22, "rbac.authorization.k8s.io/v1"),
    row("rbac.authorization.k8s.io/v1beta1", ROLES, 17, 22, "rbac.authorization.k8s.io/v1"),
    row("admissionregistration.k8s.io/v1beta1", WEBHOOKS, 16, 22, "admissionregistration.k8s.io/v1"),
    row("coordination.k8s.io/v1beta1", &["Lease"], 19, 22, "coordination.k8s.io/v1"),
    row("scheduling.k8s.io/v1beta1", &["PriorityClass"], 14, 22, "scheduling.k8s.io/v1"),
    row(
        "storage.k8s.io/v1beta1",
        &["StorageClass", "CSIDriver", "CSINode", "VolumeAttachment"],
        19,
        22,
        "storage.k8s.io/v1",
    ),
    row("storage.k8s.io/v1beta1", &["CSIStorageCapacity"], 24, 27, "storage.k8s.io/v1"),
    row("batch/v1beta1", &["CronJob"], 21, 25, "batch/v1"),
    row("policy/v1beta1", &["PodDisruptionBudget"], 21, 25, "policy/v1"),
    row("discovery.k8s.io/v1beta1", &["EndpointSlice"], 21, 25, "discovery.k8s.io/v1"),
    row("events.k8s.io/v1beta1", &["Event"], 22, 25, "events.k8s.io/v1"),
    row("autoscaling/v2beta1", SCALERS, 22, 25, "autoscaling/v2"),
    row("autoscaling/v2beta2", SCALERS, 23, 26, "autoscaling/v2"),
    row("flowcontrol.apiserver.k8s.io/v1beta1", FLOWS, 23, 26, "flowcontrol.apiserver.k8s.io/v1"),
    row("flowcontrol.apiserver.k8s.io/v1beta2", FLOWS, 26, 29, "flowcontrol.apiserver.k8s.io/v1"),
    row("flowcontrol.apiserver.k8s.io/v1beta3", FLOWS, 29, 32, "flowcontrol.apiserver.k8s.io/v1"),
    row("policy/v1beta1", &["PodSecurityPolicy"], 21, 25, ""),
];

/// Whether a cluster of that minor version still wants the kind in that version.
pub(super) fn check(api_version: &str, kind: &str, minor: u32) -> Result<(), String> {
    let is_this = |one: &&Deprecated| one.api_version == api_version && one.kinds.contains(&kind);
    let found = ALL.iter().find(is_this).filter(|one| minor >= one.since);
    let Some(Deprecated { since, gone, instead, .. }) = found else { return Ok(()) };
    let instead = if instead.is_empty() { String::new() } else { format!("; use {instead} {kind}") };
    Err(format!("{api_version} {kind} is deprecated in v1.{since}+, unavailable in v1.{gone}+{instead}"))
}
