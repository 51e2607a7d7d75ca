//! Readings of a pod's specification that several modules share.

use std::borrow::Cow;

use k8s_openapi::api::core::v1::{Container, ContainerRestartRule, EphemeralContainer, Pod, PodSpec};

use crate::cri::labels::PodIdentity;

/// What happens to a container that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RestartPolicy {
    Always,
    OnFailure,
    Never,
}

impl RestartPolicy {
    fn read(policy: Option<&str>) -> Self {
        match policy {
            Some("Never") => RestartPolicy::Never,
            Some("OnFailure") => RestartPolicy::OnFailure,
            _ => RestartPolicy::Always,
        }
    }
}

impl RestartPolicy {
    pub(crate) fn of(spec: &PodSpec) -> Self {
        RestartPolicy::read(spec.restart_policy.as_deref())
    }

    /// Whether a container that ended with this code is started again.
    fn restarts_after(self, exit_code: i32) -> bool {
        match self {
            RestartPolicy::Always => true,
            RestartPolicy::OnFailure => exit_code != 0,
            RestartPolicy::Never => false,
        }
    }
}

/// Whether a container that ended with this code is started again: its own rules come before its own policy, and
/// that before the pod's. An init container that succeeded has done its work.
pub(crate) fn restarts_after(
    spec: &PodSpec,
    kind: ContainerKind,
    container: &Container,
    exit_code: i32,
) -> bool {
    match kind {
        ContainerKind::Ephemeral => return false,
        ContainerKind::Sidecar => return true,
        ContainerKind::Init if exit_code == 0 => return false,
        ContainerKind::Init | ContainerKind::Main => {}
    }
    let rules = container.restart_policy_rules.as_deref().unwrap_or_default();
    if rules.iter().any(|rule| asks_for_restart(rule, exit_code)) {
        return true;
    }
    own_policy(spec, container).restarts_after(exit_code)
}

/// Whether a container that its node has ended, for what its probes or hooks found, is started again.
pub(crate) fn restarts_after_kill(spec: &PodSpec, kind: ContainerKind, container: &Container) -> bool {
    match kind {
        ContainerKind::Ephemeral => false,
        ContainerKind::Sidecar => true,
        ContainerKind::Init | ContainerKind::Main => own_policy(spec, container) != RestartPolicy::Never,
    }
}

/// The container's own policy, or the pod's.
fn own_policy(spec: &PodSpec, container: &Container) -> RestartPolicy {
    let own = container.restart_policy.as_deref().map(|policy| RestartPolicy::read(Some(policy)));
    own.unwrap_or_else(|| RestartPolicy::of(spec))
}

fn asks_for_restart(rule: &ContainerRestartRule, exit_code: i32) -> bool {
    let Some(codes) = rule.exit_codes.as_ref().filter(|_| rule.action == "Restart") else { return false };
    let is_listed = codes.values.iter().flatten().any(|code| *code == exit_code);
    match codes.operator.as_str() {
        "In" => is_listed,
        "NotIn" => !is_listed,
        _ => false,
    }
}

/// Which list of the specification a container stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ContainerKind {
    Init,
    /// An init container that goes on beside the others (`restartPolicy: Always`).
    Sidecar,
    Main,
    /// For somebody who looks into a pod that runs.
    Ephemeral,
}

impl ContainerKind {
    /// Name of the list, as in paths of fields.
    pub(crate) fn list(self) -> &'static str {
        match self {
            ContainerKind::Init | ContainerKind::Sidecar => "initContainers",
            ContainerKind::Main => "containers",
            ContainerKind::Ephemeral => "ephemeralContainers",
        }
    }

    /// Whether it lives as long as the pod does, and so is probed.
    pub(crate) fn is_lasting(self) -> bool {
        matches!(self, ContainerKind::Sidecar | ContainerKind::Main)
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

/// The kind of a container in the list of init containers.
pub(crate) fn kind_of_init(container: &Container) -> ContainerKind {
    match container.restart_policy.as_deref() {
        Some("Always") => ContainerKind::Sidecar,
        _ => ContainerKind::Init,
    }
}

/// All containers but the ephemeral ones, with their kind, in the order in which they start.
pub(crate) fn all_containers(spec: &PodSpec) -> impl Iterator<Item = (ContainerKind, &Container)> {
    let init = init_containers(spec).iter().map(|container| (kind_of_init(container), container));
    init.chain(spec.containers.iter().map(|container| (ContainerKind::Main, container)))
}

/// The sidecars, in the order in which they start.
pub(crate) fn sidecars(spec: &PodSpec) -> impl DoubleEndedIterator<Item = &Container> {
    init_containers(spec).iter().filter(|container| kind_of_init(container) == ContainerKind::Sidecar)
}

pub(crate) fn ephemeral_containers(spec: &PodSpec) -> &[EphemeralContainer] {
    spec.ephemeral_containers.as_deref().unwrap_or_default()
}

/// The container of this name, of any kind.
pub(crate) fn container<'a>(spec: &'a PodSpec, name: &str) -> Option<(ContainerKind, Cow<'a, Container>)> {
    if let Some((kind, found)) = all_containers(spec).find(|(_, container)| container.name == name) {
        return Some((kind, Cow::Borrowed(found)));
    }
    let ephemeral = ephemeral_containers(spec).iter().find(|container| container.name == name)?;
    Some((ContainerKind::Ephemeral, Cow::Owned(as_container(ephemeral))))
}

/// What an ephemeral container has in common with the others; the API allows it nothing of the rest.
pub(crate) fn as_container(ephemeral: &EphemeralContainer) -> Container {
    let of = ephemeral.clone();
    Container {
        name: of.name,
        image: of.image,
        image_pull_policy: of.image_pull_policy,
        command: of.command,
        args: of.args,
        working_dir: of.working_dir,
        env: of.env,
        env_from: of.env_from,
        volume_mounts: of.volume_mounts,
        security_context: of.security_context,
        stdin: of.stdin,
        stdin_once: of.stdin_once,
        tty: of.tty,
        termination_message_path: of.termination_message_path,
        termination_message_policy: of.termination_message_policy,
        ..Container::default()
    }
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
