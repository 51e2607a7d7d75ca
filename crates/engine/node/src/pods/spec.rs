//! Readings of a pod's specification that several modules share.

use k8s_openapi::api::core::v1::{Container, Pod, PodSpec};

use crate::cri::labels::PodIdentity;

/// What happens to a container that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RestartPolicy {
    Always,
    OnFailure,
    Never,
}

impl RestartPolicy {
    pub(crate) fn of(spec: &PodSpec) -> Self {
        match spec.restart_policy.as_deref() {
            Some("Never") => RestartPolicy::Never,
            Some("OnFailure") => RestartPolicy::OnFailure,
            _ => RestartPolicy::Always,
        }
    }

    /// Whether a container that ended with this code is started again.
    pub(crate) fn restarts_after(self, exit_code: i32) -> bool {
        match self {
            RestartPolicy::Always => true,
            RestartPolicy::OnFailure => exit_code != 0,
            RestartPolicy::Never => false,
        }
    }
}

/// Which list of the specification a container stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ContainerKind {
    Init,
    Main,
}

impl ContainerKind {
    /// Name of the list, as in paths of fields.
    pub(crate) fn list(self) -> &'static str {
        match self {
            ContainerKind::Init => "initContainers",
            ContainerKind::Main => "containers",
        }
    }
}

pub(crate) fn identity(pod: &Pod) -> PodIdentity {
    PodIdentity {
        namespace: pod.metadata.namespace.clone().unwrap_or_default(),
        name: pod.metadata.name.clone().unwrap_or_default(),
        uid: pod.metadata.uid.clone().unwrap_or_default(),
    }
}

pub(crate) fn init_containers(spec: &PodSpec) -> &[Container] {
    spec.init_containers.as_deref().unwrap_or_default()
}

/// All containers with the list that they stand in, in the order in which they start.
pub(crate) fn all_containers(spec: &PodSpec) -> impl Iterator<Item = (ContainerKind, &Container)> {
    let init = init_containers(spec).iter().map(|container| (ContainerKind::Init, container));
    init.chain(spec.containers.iter().map(|container| (ContainerKind::Main, container)))
}

pub(crate) fn image(container: &Container) -> &str {
    container.image.as_deref().unwrap_or_default()
}

pub(crate) fn uses_host_network(spec: &PodSpec) -> bool {
    spec.host_network == Some(true)
}

/// Seconds that the pod is given to end, when nothing else was asked for.
pub(crate) fn grace_seconds(spec: &PodSpec) -> u64 {
    u64::try_from(spec.termination_grace_period_seconds.unwrap_or(30)).unwrap_or(0)
}
