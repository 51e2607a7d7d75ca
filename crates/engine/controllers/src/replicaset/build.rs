//! The pod that a ReplicaSet makes. Pure but for the random name.

use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::{ownership, suffix};

/// A pod of `set` as its template says.
///
/// The name is chosen here and not by the API, so that it can be expected before the call is made.
pub(super) fn pod(set: &ReplicaSet) -> Pod {
    let template = set.spec.template.clone().unwrap_or_default();
    let meta = template.metadata.unwrap_or_default();
    let prefix = format!("{}-", set.metadata.name.as_deref().unwrap_or_default());
    Pod {
        metadata: ObjectMeta {
            name: Some(suffix::generated_name(&prefix)),
            generate_name: Some(prefix),
            namespace: set.metadata.namespace.clone(),
            labels: meta.labels,
            annotations: meta.annotations,
            finalizers: meta.finalizers,
            owner_references: Some(vec![ownership::controller_reference(set)]),
            ..ObjectMeta::default()
        },
        spec: template.spec,
        status: None,
    }
}
