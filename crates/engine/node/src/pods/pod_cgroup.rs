//! The cgroup of a pod as a whole, and of the class that it belongs to, so that neither the pause process nor many
//! small containers together get more than the manifest gives the pod.

use k8s_openapi::api::core::v1::{Pod, PodSpec};

use super::resources::{PERIOD_MICROSECONDS, PodLimits, QosClass, QuantityError};
use super::{sandbox, spec};
use crate::containerd::cgroup::{CgroupError, Hierarchies, Settings};
use crate::node::Node;

/// The cgroup cannot be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PodCgroupError {
    #[error(transparent)]
    Quantity(#[from] QuantityError),
    #[error(transparent)]
    Cgroup(#[from] CgroupError),
}

/// Makes the cgroup of the pod with its limits.
pub(crate) fn prepare(node: &Node, pod: &Pod, pod_spec: &PodSpec) -> Result<(), PodCgroupError> {
    let limits = PodLimits::of(pod_spec)?;
    let class = QosClass::of(pod_spec);
    let hierarchies = Hierarchies::of_host()?;
    if let Some(cpu_shares) = shares_of_class(node, class) {
        let name = format!("{}/{}", node.config.cgroup(), class.cgroup());
        hierarchies.configure(&name, &Settings { cpu_shares, ..Settings::default() })?;
    }
    let name = sandbox::cgroup(&node.config, &spec::identity(pod).uid, class);
    let settings = Settings {
        cpu_shares: limits.cpu_shares,
        cpu_quota: limits.cpu_quota.map(|quota| (quota, PERIOD_MICROSECONDS)),
        memory_bytes: limits.memory_bytes,
    };
    Ok(hierarchies.configure(&name, &settings)?)
}

/// A class weighs as much as its pods together; guaranteed pods lie in no cgroup of their class.
fn shares_of_class(node: &Node, class: QosClass) -> Option<i64> {
    match class {
        QosClass::Guaranteed => None,
        QosClass::BestEffort => Some(2),
        QosClass::Burstable => {
            let pods = node.wanted_pods();
            let specs = pods.iter().filter_map(|pod| pod.spec.as_ref());
            let burstable = specs.filter(|spec| QosClass::of(spec) == QosClass::Burstable);
            let shares = burstable.filter_map(|spec| Some(PodLimits::of(spec).ok()?.cpu_shares)).sum::<i64>();
            Some(shares.max(2))
        }
    }
}
