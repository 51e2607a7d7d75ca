//! The built-in kinds: what k8s-openapi knows of them, completed by our table of list types and merge keys.
//!
//! A kind is expanded when it is first asked for and kept from then on. Kinds share the definitions they have in
//! common, so that a pod's specification is in memory once for Pods, Deployments and all others that hold one. With
//! their descriptions the definitions are only made to be published (`published`), and not kept.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use k8s_openapi::api::{
    admissionregistration::v1 as admissionregistration, apps::v1 as apps,
    authentication::v1 as authentication, authorization::v1 as authorization, autoscaling::v1 as autoscaling,
    autoscaling::v2 as autoscaling_v2, batch::v1 as batch, certificates::v1 as certificates,
    coordination::v1 as coordination, core::v1 as core, discovery::v1 as discovery, events::v1 as events,
    flowcontrol::v1 as flowcontrol, networking::v1 as networking, node::v1 as node, policy::v1 as policy,
    rbac::v1 as rbac, resource::v1 as resource, scheduling::v1 as scheduling, storage::v1 as storage,
    storagemigration::v1 as storagemigration,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1 as apiextensions;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1 as apiregistration;
use schemars::{JsonSchema, SchemaGenerator};

use crate::Schema;

mod expand;
mod merge_table;
mod published;

pub use published::{Definitions, definition_name};

/// One built-in kind.
struct BuiltIn {
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    definition: fn() -> std::borrow::Cow<'static, str>,
    generate: fn(&mut SchemaGenerator) -> schemars::Schema,
}

const fn kind<T: k8s_openapi::Resource + JsonSchema>() -> BuiltIn {
    BuiltIn {
        group: T::GROUP,
        version: T::VERSION,
        kind: T::KIND,
        definition: T::schema_name,
        generate: T::json_schema,
    }
}

const KINDS: &[BuiltIn] = &[
    kind::<admissionregistration::MutatingAdmissionPolicy>(),
    kind::<admissionregistration::MutatingAdmissionPolicyBinding>(),
    kind::<admissionregistration::MutatingWebhookConfiguration>(),
    kind::<admissionregistration::ValidatingAdmissionPolicy>(),
    kind::<admissionregistration::ValidatingAdmissionPolicyBinding>(),
    kind::<admissionregistration::ValidatingWebhookConfiguration>(),
    kind::<apiregistration::APIService>(),
    kind::<core::Binding>(),
    kind::<core::ComponentStatus>(),
    kind::<core::ConfigMap>(),
    kind::<core::Endpoints>(),
    kind::<core::Event>(),
    kind::<core::LimitRange>(),
    kind::<core::Namespace>(),
    kind::<core::Node>(),
    kind::<core::PersistentVolume>(),
    kind::<core::PersistentVolumeClaim>(),
    kind::<core::Pod>(),
    kind::<core::PodTemplate>(),
    kind::<core::ReplicationController>(),
    kind::<core::ResourceQuota>(),
    kind::<core::Secret>(),
    kind::<core::Service>(),
    kind::<core::ServiceAccount>(),
    kind::<apps::ControllerRevision>(),
    kind::<apps::DaemonSet>(),
    kind::<apps::Deployment>(),
    kind::<apps::ReplicaSet>(),
    kind::<apps::StatefulSet>(),
    kind::<apiextensions::CustomResourceDefinition>(),
    kind::<authentication::SelfSubjectReview>(),
    kind::<authentication::TokenRequest>(),
    kind::<authentication::TokenReview>(),
    kind::<authorization::LocalSubjectAccessReview>(),
    kind::<authorization::SelfSubjectAccessReview>(),
    kind::<authorization::SelfSubjectRulesReview>(),
    kind::<authorization::SubjectAccessReview>(),
    kind::<autoscaling::HorizontalPodAutoscaler>(),
    kind::<autoscaling::Scale>(),
    kind::<autoscaling_v2::HorizontalPodAutoscaler>(),
    kind::<batch::CronJob>(),
    kind::<batch::Job>(),
    kind::<certificates::CertificateSigningRequest>(),
    kind::<certificates::ClusterTrustBundle>(),
    kind::<certificates::PodCertificateRequest>(),
    kind::<coordination::Lease>(),
    kind::<discovery::EndpointSlice>(),
    kind::<events::Event>(),
    kind::<flowcontrol::FlowSchema>(),
    kind::<flowcontrol::PriorityLevelConfiguration>(),
    kind::<networking::IPAddress>(),
    kind::<networking::Ingress>(),
    kind::<networking::IngressClass>(),
    kind::<networking::NetworkPolicy>(),
    kind::<networking::ServiceCIDR>(),
    kind::<node::RuntimeClass>(),
    kind::<policy::Eviction>(),
    kind::<policy::PodDisruptionBudget>(),
    kind::<rbac::ClusterRole>(),
    kind::<rbac::ClusterRoleBinding>(),
    kind::<rbac::Role>(),
    kind::<rbac::RoleBinding>(),
    kind::<resource::DeviceClass>(),
    kind::<resource::DeviceTaintRule>(),
    kind::<resource::ResourceClaim>(),
    kind::<resource::ResourceClaimTemplate>(),
    kind::<resource::ResourceSlice>(),
    kind::<scheduling::PriorityClass>(),
    kind::<storage::CSIDriver>(),
    kind::<storage::CSINode>(),
    kind::<storage::CSIStorageCapacity>(),
    kind::<storage::StorageClass>(),
    kind::<storage::VolumeAttachment>(),
    kind::<storage::VolumeAttributesClass>(),
    kind::<storagemigration::StorageVersionMigration>(),
];

/// Definitions by their OpenAPI name, those of kinds included, and scalars by their type and format.
type Expanded = BTreeMap<String, Arc<Schema>>;

static EXPANDED: Mutex<Expanded> = Mutex::new(Expanded::new());

/// The schema of a built-in kind, expanded on first use and then kept; `None` if there is no such kind.
pub fn built_in(group: &str, version: &str, kind: &str) -> Option<Arc<Schema>> {
    let row = row(group, version, kind)?;
    Some(expanded(&(row.definition)(), row.generate))
}

fn row(group: &str, version: &str, kind: &str) -> Option<&'static BuiltIn> {
    KINDS.iter().find(|row| row.group == group && row.version == version && row.kind == kind)
}

/// The schema of `metadata`, which every kind has.
pub(crate) fn object_meta() -> Arc<Schema> {
    expanded(&ObjectMeta::schema_name(), ObjectMeta::json_schema)
}

fn expanded(definition: &str, generate: fn(&mut SchemaGenerator) -> schemars::Schema) -> Arc<Schema> {
    // Every entry is whole at any time: a panic elsewhere leaves nothing half written.
    let mut shared = EXPANDED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(schema) = shared.get(definition) {
        return schema.clone();
    }
    let mut generator = SchemaGenerator::default();
    let root = generate(&mut generator);
    expand::Expansion { generated: generator.definitions(), shared: &mut shared }
        .add(definition, root.as_value())
}

#[cfg(test)]
mod tests;
