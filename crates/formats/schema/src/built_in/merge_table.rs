//! What k8s-openapi's schemas lack: list types, map keys, atomic maps and patch strategies of the built-in kinds.
//!
//! One row per field whose merging differs from the rule (an object merges field by field, a list is one value). The
//! facts are those of the markers `listType`, `listMapKey`, `mapType`, `structType`, `patchStrategy` and
//! `patchMergeKey` of the Kubernetes API types, version 1.37. List type and patch strategy are separate facts: a
//! Service's ports are told apart by port and protocol when applied, and by port alone in a strategic merge patch.
//!
//! Definitions are named without the parts that all have in common: `core.v1.Pod`.

use std::sync::Arc;

use serde_json::Value;

use crate::{ListType, PatchStrategy, Schema};

/// How one field merges.
#[derive(Clone, Copy)]
pub(super) struct Facts {
    definition: &'static str,
    field: &'static str,
    list: List,
    patch: Patch,
    map: Map,
    retain_keys: bool,
}

#[derive(Clone, Copy)]
enum List {
    Atomic,
    Set,
    Keyed(&'static [&'static str]),
}

#[derive(Clone, Copy)]
enum Patch {
    ByType,
    Adds,
    By(&'static str),
    Replaces,
}

#[derive(Clone, Copy)]
enum Map {
    AsItsDefinition,
    Atomic,
    Granular,
}

const fn row(definition: &'static str, field: &'static str) -> Facts {
    let (list, patch, map) = (List::Atomic, Patch::ByType, Map::AsItsDefinition);
    Facts { definition, field, list, patch, map, retain_keys: false }
}

impl Facts {
    /// List type and patch strategy agree on one key, as they mostly do.
    const fn merged_by(mut self, key: &'static [&'static str; 1]) -> Self {
        self.list = List::Keyed(key);
        self.patched_by(key[0])
    }
    const fn keyed(mut self, keys: &'static [&'static str]) -> Self {
        self.list = List::Keyed(keys);
        self
    }
    const fn set(mut self) -> Self {
        self.list = List::Set;
        self
    }
    const fn patched_by(mut self, key: &'static str) -> Self {
        self.patch = Patch::By(key);
        self
    }
    const fn patched_by_adding(mut self) -> Self {
        self.patch = Patch::Adds;
        self
    }
    const fn replaced_by_patch(mut self) -> Self {
        self.patch = Patch::Replaces;
        self
    }
    const fn retaining_keys(mut self) -> Self {
        self.retain_keys = true;
        self
    }
    const fn atomic(mut self) -> Self {
        self.map = Map::Atomic;
        self
    }
    const fn granular(mut self) -> Self {
        self.map = Map::Granular;
        self
    }

    /// Writes the facts into the field's schema.
    pub(super) fn complete(self, schema: &mut Schema) {
        schema.list_type = match self.list {
            List::Atomic => ListType::Atomic,
            List::Set => ListType::Set,
            List::Keyed(keys) => ListType::Map(keys.iter().map(|key| Arc::from(*key)).collect()),
        };
        match self.patch {
            Patch::ByType => {}
            Patch::Adds => schema.patch_strategy = PatchStrategy::MergeScalars,
            Patch::By(key) => schema.patch_strategy = PatchStrategy::MergeBy(key.into()),
            Patch::Replaces => schema.patch_replaces_object = true,
        }
        match self.map {
            Map::AsItsDefinition => {}
            Map::Atomic => schema.atomic_map = true,
            Map::Granular => schema.atomic_map = false,
        }
        schema.retain_keys = self.retain_keys;
    }
}

const FIELDS: &[Facts] = &[
    row("admissionregistration.v1.MutatingAdmissionPolicySpec", "matchConditions").merged_by(&["name"]),
    row("admissionregistration.v1.MutatingWebhook", "matchConditions").merged_by(&["name"]),
    row("admissionregistration.v1.MutatingWebhookConfiguration", "webhooks").merged_by(&["name"]),
    row("admissionregistration.v1.ValidatingAdmissionPolicyBindingSpec", "validationActions").set(),
    row("admissionregistration.v1.ValidatingAdmissionPolicySpec", "matchConditions").merged_by(&["name"]),
    row("admissionregistration.v1.ValidatingAdmissionPolicySpec", "variables").merged_by(&["name"]),
    row("admissionregistration.v1.ValidatingAdmissionPolicyStatus", "conditions").keyed(&["type"]),
    row("admissionregistration.v1.ValidatingWebhook", "matchConditions").merged_by(&["name"]),
    row("admissionregistration.v1.ValidatingWebhookConfiguration", "webhooks").merged_by(&["name"]),
    row("apps.v1.DaemonSetStatus", "conditions").merged_by(&["type"]),
    row("apps.v1.DeploymentSpec", "strategy").retaining_keys(),
    row("apps.v1.DeploymentStatus", "conditions").merged_by(&["type"]),
    row("apps.v1.ReplicaSetStatus", "conditions").merged_by(&["type"]),
    row("apps.v1.StatefulSetStatus", "conditions").merged_by(&["type"]),
    row("batch.v1.JobSchedulingConfiguration", "resourceClaims").merged_by(&["name"]),
    row("batch.v1.JobStatus", "conditions").patched_by("type"),
    row("batch.v1.PodFailurePolicyOnExitCodesRequirement", "values").set(),
    row("batch.v1.UncountedTerminatedPods", "failed").set(),
    row("batch.v1.UncountedTerminatedPods", "succeeded").set(),
    row("certificates.v1.CertificateSigningRequestStatus", "conditions").keyed(&["type"]),
    row("certificates.v1.PodCertificateRequestStatus", "conditions").merged_by(&["type"]),
    row("core.v1.Container", "env").merged_by(&["name"]),
    row("core.v1.Container", "ports").keyed(&["containerPort", "protocol"]).patched_by("containerPort"),
    row("core.v1.Container", "volumeDevices").merged_by(&["devicePath"]),
    row("core.v1.Container", "volumeMounts").merged_by(&["mountPath"]),
    row("core.v1.ContainerRestartRuleOnExitCodes", "values").set(),
    row("core.v1.ContainerStatus", "allocatedResourcesStatus").merged_by(&["name"]),
    row("core.v1.ContainerStatus", "volumeMounts").merged_by(&["mountPath"]),
    row("core.v1.EphemeralContainer", "env").merged_by(&["name"]),
    row("core.v1.EphemeralContainer", "ports")
        .keyed(&["containerPort", "protocol"])
        .patched_by("containerPort"),
    row("core.v1.EphemeralContainer", "volumeDevices").merged_by(&["devicePath"]),
    row("core.v1.EphemeralContainer", "volumeMounts").merged_by(&["mountPath"]),
    row("core.v1.NamespaceStatus", "conditions").merged_by(&["type"]),
    row("core.v1.NodeAllocatableResourceClaimStatus", "containers").set(),
    row("core.v1.NodeAllocatableResourceClaimStatus", "mapping").merged_by(&["name"]),
    row("core.v1.NodeAllocatableResourceClaimStatus", "overhead").merged_by(&["name"]),
    row("core.v1.NodePodPreemptionPolicy", "disableResizePreemption").set(),
    row("core.v1.NodeSpec", "podCIDRs").set().patched_by_adding(),
    row("core.v1.NodeStatus", "addresses").merged_by(&["type"]),
    row("core.v1.NodeStatus", "conditions").merged_by(&["type"]),
    row("core.v1.PersistentVolumeClaimStatus", "conditions").merged_by(&["type"]),
    row("core.v1.PersistentVolumeSpec", "claimRef").granular(),
    row("core.v1.PodSpec", "containers").merged_by(&["name"]),
    row("core.v1.PodSpec", "ephemeralContainers").merged_by(&["name"]),
    row("core.v1.PodSpec", "evictionResponders").merged_by(&["name"]),
    row("core.v1.PodSpec", "hostAliases").merged_by(&["ip"]),
    row("core.v1.PodSpec", "imagePullSecrets").merged_by(&["name"]),
    row("core.v1.PodSpec", "initContainers").merged_by(&["name"]),
    row("core.v1.PodSpec", "nodeSelector").atomic(),
    row("core.v1.PodSpec", "resourceClaims").merged_by(&["name"]).retaining_keys(),
    row("core.v1.PodSpec", "schedulingGates").merged_by(&["name"]),
    row("core.v1.PodSpec", "topologySpreadConstraints")
        .keyed(&["topologyKey", "whenUnsatisfiable"])
        .patched_by("topologyKey"),
    row("core.v1.PodSpec", "volumes").merged_by(&["name"]).retaining_keys(),
    row("core.v1.PodStatus", "conditions").merged_by(&["type"]),
    row("core.v1.PodStatus", "hostIPs").patched_by("ip"),
    row("core.v1.PodStatus", "nodeAllocatableResourceClaimStatuses").merged_by(&["resourceClaimName"]),
    row("core.v1.PodStatus", "podIPs").merged_by(&["ip"]),
    row("core.v1.PodStatus", "resourceClaimStatuses").merged_by(&["name"]).retaining_keys(),
    row("core.v1.PodStatus", "volumeHealth").keyed(&["name"]),
    row("core.v1.ReplicationControllerSpec", "selector").atomic(),
    row("core.v1.ReplicationControllerStatus", "conditions").merged_by(&["type"]),
    row("core.v1.ResourceRequirements", "claims").keyed(&["name"]),
    row("core.v1.ResourceStatus", "resources").keyed(&["resourceID"]),
    row("core.v1.ServiceAccount", "secrets").merged_by(&["name"]),
    row("core.v1.ServiceSpec", "ports").keyed(&["port", "protocol"]).patched_by("port"),
    row("core.v1.ServiceSpec", "selector").atomic(),
    row("core.v1.ServiceStatus", "conditions").merged_by(&["type"]),
    row("core.v1.VolumeMount", "bindMountOptions").set(),
    row("discovery.v1.Endpoint", "addresses").set(),
    row("flowcontrol.v1.FlowSchemaStatus", "conditions").merged_by(&["type"]),
    row("flowcontrol.v1.NonResourcePolicyRule", "nonResourceURLs").set(),
    row("flowcontrol.v1.NonResourcePolicyRule", "verbs").set(),
    row("flowcontrol.v1.PriorityLevelConfigurationStatus", "conditions").merged_by(&["type"]),
    row("flowcontrol.v1.ResourcePolicyRule", "apiGroups").set(),
    row("flowcontrol.v1.ResourcePolicyRule", "namespaces").set(),
    row("flowcontrol.v1.ResourcePolicyRule", "resources").set(),
    row("flowcontrol.v1.ResourcePolicyRule", "verbs").set(),
    row("meta.v1.ObjectMeta", "finalizers").set().patched_by_adding(),
    row("meta.v1.ObjectMeta", "ownerReferences").merged_by(&["uid"]),
    row("networking.v1.ServiceCIDRStatus", "conditions").merged_by(&["type"]),
    row("policy.v1.PodDisruptionBudgetSpec", "selector").replaced_by_patch(),
    row("policy.v1.PodDisruptionBudgetStatus", "conditions").merged_by(&["type"]),
    row("resource.v1.AllocatedDeviceStatus", "conditions").keyed(&["type"]),
    row("resource.v1.DeviceRequestAllocationResult", "skipNodeOperations").set(),
    row("resource.v1.DeviceTaintRuleStatus", "conditions").merged_by(&["type"]),
    row("resource.v1.ResourceClaimStatus", "devices").keyed(&["driver", "device", "pool", "shareID"]),
    row("resource.v1.ResourceClaimStatus", "reservedFor").merged_by(&["uid"]),
    row("resource.v1.ResourceSliceSpec", "skipNodeOperations").set(),
    row("storage.v1.CSIDriverSpec", "volumeLifecycleModes").set(),
    row("storage.v1.CSINodeSpec", "drivers").merged_by(&["name"]),
    row("storage.v1.CSINodeStatus", "storageHealth").merged_by(&["name"]),
    row("storagemigration.v1.StorageVersionMigrationStatus", "conditions").merged_by(&["type"]),
    row("apiextensions.v1.CustomResourceDefinitionStatus", "conditions").keyed(&["type"]),
    row("apiregistration.v1.APIServiceStatus", "conditions").merged_by(&["type"]),
];

/// Definitions whose objects are one value wherever they stand, unless a field says otherwise.
const ATOMIC: &[&str] = &[
    "admissionregistration.v1.MatchResources",
    "admissionregistration.v1.NamedRuleWithOperations",
    "admissionregistration.v1.ParamKind",
    "admissionregistration.v1.ParamRef",
    "admissionregistration.v1.Variable",
    "core.v1.ConfigMapKeySelector",
    "core.v1.EndpointAddress",
    "core.v1.EndpointPort",
    "core.v1.EvictionResponder",
    "core.v1.FileKeySelector",
    "core.v1.LocalObjectReference",
    "core.v1.NodeSelector",
    "core.v1.NodeSelectorTerm",
    "core.v1.ObjectFieldSelector",
    "core.v1.ObjectReference",
    "core.v1.ResourceFieldSelector",
    "core.v1.ScopeSelector",
    "core.v1.SecretKeySelector",
    "core.v1.SecretReference",
    "core.v1.TopologySelectorTerm",
    "core.v1.TypedLocalObjectReference",
    "discovery.v1.EndpointPort",
    "meta.v1.LabelSelector",
    "meta.v1.OwnerReference",
    "networking.v1.ServiceBackendPort",
    "rbac.v1.RoleRef",
    "rbac.v1.Subject",
];

/// Defaults that tell list items apart, or without which a required field would be missed: upstream fills them in
/// before it looks.
const DEFAULTS: &[(&str, &str, &str)] = &[
    ("core.v1.ContainerPort", "protocol", "TCP"),
    ("core.v1.LocalObjectReference", "name", ""),
    ("core.v1.ServicePort", "protocol", "TCP"),
    ("rbac.v1.RoleRef", "apiGroup", "rbac.authorization.k8s.io"),
];

/// The definition's name as it stands in this table.
fn short(definition: &str) -> &str {
    const PREFIXES: [&str; 4] = [
        "io.k8s.api.",
        "io.k8s.apimachinery.pkg.apis.",
        "io.k8s.apiextensions-apiserver.pkg.apis.",
        "io.k8s.kube-aggregator.pkg.apis.",
    ];
    PREFIXES.iter().find_map(|prefix| definition.strip_prefix(prefix)).unwrap_or(definition)
}

pub(super) fn facts(definition: &str, field: &str) -> Option<Facts> {
    let definition = short(definition);
    FIELDS.iter().find(|facts| facts.definition == definition && facts.field == field).copied()
}

pub(super) fn is_atomic(definition: &str) -> bool {
    ATOMIC.contains(&short(definition))
}

/// The default of a field, if the table has one.
pub(super) fn default(definition: &str, field: &str) -> Option<Value> {
    let definition = short(definition);
    let row = DEFAULTS.iter().find(|row| row.0 == definition && row.1 == field)?;
    Some(Value::String(row.2.to_owned()))
}

/// What of `required` is really demanded. Upstream's API server reads what is missing in a status as zero, an object
/// without `metadata` as one with an empty one, and the time of an event of the core group is only looked for in new
/// ones of `events.k8s.io`.
pub(super) fn required(definition: &str, required: Vec<Arc<str>>) -> Vec<Arc<str>> {
    let definition = short(definition);
    let reported = definition.ends_with("Status") || definition.ends_with("Condition");
    if reported || matches!(definition, "core.v1.NodeSystemInfo" | "events.v1.Event") {
        return Vec::new();
    }
    required.into_iter().filter(|field| &**field != "metadata").collect()
}

#[cfg(test)]
pub(super) fn rows() -> impl Iterator<Item = (&'static str, &'static str, bool)> {
    let fields = FIELDS.iter().map(|facts| {
        let is_list = !matches!((facts.list, facts.patch), (List::Atomic, Patch::ByType | Patch::Replaces));
        (facts.definition, facts.field, is_list)
    });
    fields.chain(DEFAULTS.iter().map(|row| (row.0, row.1, false)))
}

#[cfg(test)]
pub(super) fn atomic() -> &'static [&'static str] {
    ATOMIC
}

#[cfg(test)]
pub(super) fn short_name(definition: &str) -> &str {
    short(definition)
}
