//! What a container may do: its user, its capabilities, what of the kernel it sees.

use k8s_openapi::api::core::v1::{
    AppArmorProfile, Container, PodSecurityContext, PodSpec, SeccompProfile, SecurityContext,
};

use super::spec::uses_host_network;
use crate::config::NodeConfig;
use crate::cri::v1;

/// What a container that is not privileged does not see of `/proc` and `/sys`, as the kubelet has it.
const MASKED_PATHS: [&str; 11] = [
    "/proc/asound",
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/firmware",
];

/// What it sees but may not change.
const READ_ONLY_PATHS: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// The container would run as root, and the pod forbids that.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RunAsRootError {
    #[error("container has runAsNonRoot and image will run as root (container: {container})")]
    ImageIsRoot { container: String },
    #[error("container's runAsUser breaks non-root policy (container: {container})")]
    AsksForRoot { container: String },
    #[error(
        "container has runAsNonRoot and image has non-numeric user ({user}), cannot verify user is non-root \
         (container: {container})"
    )]
    Unknown { container: String, user: String },
}

/// The security settings of a container; `image` knows the user that it would run as. `target_id` is the container
/// whose processes it shares, if it does.
pub(crate) fn of_container(
    config: &NodeConfig,
    spec: &PodSpec,
    container: &Container,
    image: &v1::Image,
    target_id: Option<String>,
) -> Result<v1::LinuxContainerSecurityContext, RunAsRootError> {
    let of_pod = spec.security_context.clone().unwrap_or_default();
    let own = container.security_context.clone().unwrap_or_default();
    let asked = own.run_as_user.or(of_pod.run_as_user);
    if own.run_as_non_root.or(of_pod.run_as_non_root) == Some(true) {
        forbid_root(&container.name, asked, image)?;
    }
    let (user, run_as_username) = effective_user(asked, image);
    let privileged = own.privileged == Some(true);
    let owned = |paths: &[&str]| paths.iter().map(|&path| path.to_owned()).collect();
    let procfs_is_open = privileged || own.proc_mount.as_deref() == Some("Unmasked");
    Ok(v1::LinuxContainerSecurityContext {
        capabilities: Some(capabilities(&own)),
        privileged,
        namespace_options: Some(namespaces_of_container(spec, target_id)),
        run_as_user: user.map(|value| v1::Int64Value { value }),
        run_as_username,
        run_as_group: own.run_as_group.or(of_pod.run_as_group).map(|value| v1::Int64Value { value }),
        readonly_rootfs: own.read_only_root_filesystem == Some(true),
        supplemental_groups: groups(&of_pod),
        no_new_privs: own.allow_privilege_escalation == Some(false),
        masked_paths: if procfs_is_open { Vec::new() } else { owned(&MASKED_PATHS) },
        readonly_paths: if procfs_is_open { Vec::new() } else { owned(&READ_ONLY_PATHS) },
        seccomp: Some(seccomp(
            config,
            own.seccomp_profile.as_ref().or(of_pod.seccomp_profile.as_ref()),
            privileged,
        )),
        apparmor: own.app_armor_profile.as_ref().or(of_pod.app_armor_profile.as_ref()).map(app_armor),
    })
}

/// The security settings of the sandbox.
pub(crate) fn of_sandbox(config: &NodeConfig, spec: &PodSpec) -> v1::LinuxSandboxSecurityContext {
    let is_privileged = |container: &Container| {
        container.security_context.as_ref().is_some_and(|own| own.privileged == Some(true))
    };
    let containers = spec.init_containers.iter().flatten().chain(&spec.containers);
    let privileged = containers.into_iter().any(is_privileged);
    v1::LinuxSandboxSecurityContext {
        namespace_options: Some(namespaces(spec)),
        supplemental_groups: spec.security_context.as_ref().map(groups).unwrap_or_default(),
        privileged,
        seccomp: Some(seccomp(config, None, privileged)),
    }
}

/// Sysctls of the pod's own namespaces.
pub(crate) fn sysctls(spec: &PodSpec) -> std::collections::HashMap<String, String> {
    let sysctls = spec.security_context.iter().flat_map(|context| context.sysctls.iter().flatten());
    sysctls.map(|sysctl| (sysctl.name.clone(), sysctl.value.clone())).collect()
}

fn forbid_root(container: &str, user: Option<i64>, image: &v1::Image) -> Result<(), RunAsRootError> {
    let container = container.to_owned();
    match (user, &image.uid) {
        (Some(0), _) => Err(RunAsRootError::AsksForRoot { container }),
        (Some(_), _) => Ok(()),
        (None, Some(uid)) if uid.value == 0 => Err(RunAsRootError::ImageIsRoot { container }),
        (None, Some(_)) => Ok(()),
        (None, None) if image.username.is_empty() => Err(RunAsRootError::ImageIsRoot { container }),
        (None, None) => Err(RunAsRootError::Unknown { container, user: image.username.clone() }),
    }
}

/// The user by number, or else by name: that of the manifest, or of the image, or else root.
fn effective_user(asked: Option<i64>, image: &v1::Image) -> (Option<i64>, String) {
    match asked.or(image.uid.map(|uid| uid.value)) {
        None if !image.username.is_empty() => (None, image.username.clone()),
        number => (Some(number.unwrap_or(0)), String::new()),
    }
}

fn capabilities(own: &SecurityContext) -> v1::Capability {
    let capabilities = own.capabilities.clone().unwrap_or_default();
    v1::Capability {
        add_capabilities: capabilities.add.unwrap_or_default(),
        drop_capabilities: capabilities.drop.unwrap_or_default(),
    }
}

fn namespaces(spec: &PodSpec) -> v1::NamespaceOption {
    let of =
        |host: Option<bool>, otherwise| if host == Some(true) { v1::NamespaceMode::Node } else { otherwise };
    let own_processes = if spec.share_process_namespace == Some(true) {
        v1::NamespaceMode::Pod
    } else {
        v1::NamespaceMode::Container
    };
    v1::NamespaceOption {
        network: of(Some(uses_host_network(spec)), v1::NamespaceMode::Pod).into(),
        pid: of(spec.host_pid, own_processes).into(),
        ipc: of(spec.host_ipc, v1::NamespaceMode::Pod).into(),
        target_id: String::new(),
    }
}

fn namespaces_of_container(spec: &PodSpec, target_id: Option<String>) -> v1::NamespaceOption {
    let mut namespaces = namespaces(spec);
    if let Some(target_id) = target_id.filter(|_| namespaces.pid() == v1::NamespaceMode::Container) {
        namespaces.pid = v1::NamespaceMode::Target.into();
        namespaces.target_id = target_id;
    }
    namespaces
}

fn groups(of_pod: &PodSecurityContext) -> Vec<i64> {
    let mut groups = of_pod.supplemental_groups.clone().unwrap_or_default();
    groups.extend(of_pod.fs_group);
    groups
}

/// The runtime's own profile, unless the manifest says otherwise.
fn seccomp(config: &NodeConfig, profile: Option<&SeccompProfile>, privileged: bool) -> v1::SecurityProfile {
    if let Some(file) = profile.filter(|profile| profile.type_ == "Localhost" && !privileged) {
        let file = config.seccomp_dir().join(file.localhost_profile.as_deref().unwrap_or_default());
        return v1::SecurityProfile {
            profile_type: v1::security_profile::ProfileType::Localhost.into(),
            localhost_ref: file.display().to_string(),
        };
    }
    let is_unconfined = privileged || profile.is_some_and(|profile| profile.type_ == "Unconfined");
    let profile_type = if is_unconfined {
        v1::security_profile::ProfileType::Unconfined
    } else {
        v1::security_profile::ProfileType::RuntimeDefault
    };
    v1::SecurityProfile { profile_type: profile_type.into(), localhost_ref: String::new() }
}

fn app_armor(profile: &AppArmorProfile) -> v1::SecurityProfile {
    let profile_type = match profile.type_.as_str() {
        "Unconfined" => v1::security_profile::ProfileType::Unconfined,
        "Localhost" => v1::security_profile::ProfileType::Localhost,
        _ => v1::security_profile::ProfileType::RuntimeDefault,
    };
    let localhost_ref = profile.localhost_profile.clone().unwrap_or_default();
    v1::SecurityProfile { profile_type: profile_type.into(), localhost_ref }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn built(
        pod: Value,
        container: Value,
        image: &v1::Image,
    ) -> Result<v1::LinuxContainerSecurityContext, RunAsRootError> {
        let mut spec = json!({"containers": [{"name": "web"}]});
        spec["securityContext"] = pod;
        spec["containers"][0]["securityContext"] = container;
        let spec: PodSpec = serde_json::from_value(spec).unwrap();
        of_container(&crate::config::example(), &spec, &spec.containers[0], image, None)
    }

    fn image(uid: Option<i64>, username: &str) -> v1::Image {
        let uid = uid.map(|value| v1::Int64Value { value });
        v1::Image { uid, username: username.to_owned(), ..v1::Image::default() }
    }

    #[test]
    fn a_container_is_confined_unless_the_manifest_says_otherwise() {
        let context = built(json!({}), json!({}), &image(None, "")).unwrap();
        assert!(!context.privileged);
        assert!(context.masked_paths.contains(&"/proc/kcore".to_owned()));
        let runtime_default = i32::from(v1::security_profile::ProfileType::RuntimeDefault);
        assert_eq!(context.seccomp.unwrap().profile_type, runtime_default);
        let context = built(json!({}), json!({"privileged": true}), &image(None, "")).unwrap();
        assert!(context.privileged && context.masked_paths.is_empty());
    }

    #[test]
    fn a_profile_of_the_host_is_found_in_its_folder() {
        let pod = json!({"seccompProfile": {"type": "Localhost", "localhostProfile": "profiles/audit.json"}});
        let seccomp = built(pod, json!({}), &image(None, "")).unwrap().seccomp.unwrap();
        assert_eq!(seccomp.profile_type, i32::from(v1::security_profile::ProfileType::Localhost));
        assert_eq!(seccomp.localhost_ref, "/var/lib/kubelet/seccomp/profiles/audit.json");
    }

    #[test]
    fn a_container_runs_as_the_user_of_its_image_unless_the_manifest_says_otherwise() {
        let context = |image| built(json!({"runAsGroup": 2}), json!({}), &image).unwrap();
        assert_eq!(context(image(Some(5), "")).run_as_user, Some(v1::Int64Value { value: 5 }));
        assert_eq!(context(image(None, "web")).run_as_username, "web");
        assert_eq!(context(image(None, "web")).run_as_user, None);
        // A group alone means nothing to containerd.
        assert_eq!(context(image(None, "")).run_as_user, Some(v1::Int64Value { value: 0 }));
    }

    #[test]
    fn the_containers_own_settings_go_over_those_of_the_pod() {
        let pod = json!({"runAsUser": 1, "runAsGroup": 2, "fsGroup": 3, "supplementalGroups": [4]});
        let context = built(pod, json!({"runAsUser": 9}), &image(None, "")).unwrap();
        assert_eq!(context.run_as_user, Some(v1::Int64Value { value: 9 }));
        assert_eq!(context.run_as_group, Some(v1::Int64Value { value: 2 }));
        assert_eq!(context.supplemental_groups, [4, 3]);
    }

    #[test]
    fn root_is_refused_where_the_pod_forbids_it() {
        let non_root = || json!({"runAsNonRoot": true});
        assert!(built(non_root(), json!({"runAsUser": 5}), &image(None, "")).is_ok());
        assert!(built(non_root(), json!({}), &image(Some(5), "")).is_ok());
        assert!(built(non_root(), json!({"runAsNonRoot": false}), &image(None, "")).is_ok());
        for (container, image) in [
            (json!({"runAsUser": 0}), image(Some(5), "")),
            (json!({}), image(Some(0), "")),
            (json!({}), image(None, "")),
            (json!({}), image(None, "web")),
        ] {
            assert!(built(non_root(), container, &image).is_err());
        }
    }
}
