//! The sandbox of a pod, as CRI is asked for it.

use k8s_openapi::api::core::v1::{Pod, PodSpec};

use super::network::{HostnameError, Resolver};
use super::resources::QosClass;
use super::{network, paths, security, spec};
use crate::config::NodeConfig;
use crate::cri::v1;

/// `attempt` counts the sandboxes that this pod has had.
pub(crate) fn config(
    config: &NodeConfig,
    pod: &Pod,
    pod_spec: &PodSpec,
    attempt: u32,
) -> Result<v1::PodSandboxConfig, HostnameError> {
    let identity = spec::identity(pod);
    Ok(v1::PodSandboxConfig {
        metadata: Some(v1::PodSandboxMetadata {
            name: identity.name.clone(),
            uid: identity.uid.clone(),
            namespace: identity.namespace.clone(),
            attempt,
        }),
        // The host's own name cannot be set, and need not be.
        hostname: match spec::uses_host_network(pod_spec) {
            true => String::new(),
            false => network::hostname(config, pod, pod_spec)?,
        },
        log_directory: paths::log_dir(config, &identity).display().to_string(),
        dns_config: Some(resolver(config, pod, pod_spec).config),
        labels: identity.labels(),
        annotations: Default::default(),
        linux: Some(v1::LinuxPodSandboxConfig {
            cgroup_parent: format!("/{}", cgroup(config, &identity.uid, QosClass::of(pod_spec))),
            security_context: Some(security::of_sandbox(config, pod_spec)),
            sysctls: security::sysctls(pod_spec),
        }),
    })
}

/// What the pod looks names up with, on this host as it is now.
pub(crate) fn resolver(config: &NodeConfig, pod: &Pod, pod_spec: &PodSpec) -> Resolver {
    network::resolver(config, &spec::identity(pod).namespace, pod_spec, &network::host_resolver())
}

/// The cgroup of the pod, below the root of each hierarchy.
pub(crate) fn cgroup(config: &NodeConfig, uid: &str, class: QosClass) -> String {
    match class.cgroup() {
        "" => format!("{}/pod{uid}", config.cgroup()),
        folder => format!("{}/{folder}/pod{uid}", config.cgroup()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_sandbox_lies_in_the_cgroup_of_its_class_and_carries_the_pods_labels() {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": "web-0", "namespace": "shop", "uid": "1-2"},
            "spec": {"containers": [{"name": "web"}]},
        }))
        .unwrap();
        let sandbox = config(&crate::config::example(), &pod, pod.spec.as_ref().unwrap(), 3).unwrap();
        assert_eq!(sandbox.metadata.unwrap().attempt, 3);
        assert_eq!(sandbox.log_directory, "/var/log/pods/shop_web-0_1-2");
        assert_eq!(sandbox.linux.unwrap().cgroup_parent, "/bythos-0a1b2c3d/besteffort/pod1-2");
        assert_eq!(sandbox.labels["io.kubernetes.pod.uid"], "1-2");
    }
}
