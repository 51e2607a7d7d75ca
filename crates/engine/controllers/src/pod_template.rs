//! The pod that an owner makes from its template. Pure but for the random name.

use k8s_openapi::api::core::v1::{Pod, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;

use crate::{ownership, suffix};

/// A pod of `owner` as `template` says, with a name that is free.
///
/// The name is chosen here and not by the API, so that it can be expected before the call is made.
pub(crate) fn pod<O: Resource<DynamicType = ()>>(owner: &O, template: &PodTemplateSpec) -> Pod {
    let prefix = format!("{}-", owner.meta().name.as_deref().unwrap_or_default());
    pod_with_prefix(owner, template, prefix)
}

/// As [`pod`], with a name that begins with `prefix`.
pub(crate) fn pod_with_prefix<O: Resource<DynamicType = ()>>(
    owner: &O,
    template: &PodTemplateSpec,
    prefix: String,
) -> Pod {
    let mut pod = named_pod(owner, template, suffix::generated_name(&prefix));
    pod.metadata.generate_name = Some(prefix);
    pod
}

/// A pod of `owner` as `template` says, with this name.
pub(crate) fn named_pod<O: Resource<DynamicType = ()>>(
    owner: &O,
    template: &PodTemplateSpec,
    name: String,
) -> Pod {
    let meta = template.metadata.clone().unwrap_or_default();
    Pod {
        metadata: ObjectMeta {
            name: Some(name),
            namespace: owner.meta().namespace.clone(),
            labels: meta.labels,
            annotations: meta.annotations,
            finalizers: meta.finalizers,
            owner_references: Some(vec![ownership::controller_reference(owner)]),
            ..ObjectMeta::default()
        },
        spec: template.spec.clone(),
        status: None,
    }
}
