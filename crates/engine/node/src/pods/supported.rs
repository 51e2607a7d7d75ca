//! What a pod may ask for that this node cannot do yet.
//!
//! Such a pod does not start, and says why: it must never run as something else than what its manifest says.

use k8s_openapi::api::core::v1::{Container, Pod, PodSpec, Probe, Volume};

use super::spec::{ContainerKind, all_containers};

/// The first thing that this node cannot do, with its path; `None` if it can run the pod.
pub(crate) fn unsupported(pod: &Pod) -> Option<String> {
    let spec = pod.spec.as_ref()?;
    of_pod(spec).or_else(|| of_containers(spec)).or_else(|| of_volumes(spec))
}

fn of_pod(spec: &PodSpec) -> Option<String> {
    let asked = [
        ("spec.activeDeadlineSeconds", spec.active_deadline_seconds.is_some()),
        ("spec.runtimeClassName", spec.runtime_class_name.is_some()),
        ("spec.hostUsers", spec.host_users == Some(false)),
        ("spec.resourceClaims", spec.resource_claims.as_ref().is_some_and(|claims| !claims.is_empty())),
        ("spec.setHostnameAsFQDN", spec.set_hostname_as_fqdn == Some(true)),
        (
            "spec.securityContext.seccompProfile of type Localhost",
            spec.security_context
                .as_ref()
                .and_then(|context| context.seccomp_profile.as_ref())
                .is_some_and(|profile| profile.type_ == "Localhost"),
        ),
    ];
    first("", &asked)
}

fn of_containers(spec: &PodSpec) -> Option<String> {
    let of_one = |(kind, container): (ContainerKind, &Container)| of_container(kind, container);
    all_containers(spec).find_map(of_one)
}

fn of_container(kind: ContainerKind, container: &Container) -> Option<String> {
    let mounts = container.volume_mounts.as_deref().unwrap_or_default();
    let lifecycle = container.lifecycle.as_ref();
    let security = container.security_context.as_ref();
    let is_grpc = |probe: &Option<Probe>| probe.as_ref().is_some_and(|probe| probe.grpc.is_some());
    let has_sub_path = |path: &Option<String>| path.as_ref().is_some_and(|path| !path.is_empty());
    let asked = [
        ("restartPolicy (a sidecar)", container.restart_policy.is_some()),
        ("lifecycle.postStart", lifecycle.is_some_and(|lifecycle| lifecycle.post_start.is_some())),
        ("lifecycle.preStop", lifecycle.is_some_and(|lifecycle| lifecycle.pre_stop.is_some())),
        ("livenessProbe.grpc", is_grpc(&container.liveness_probe)),
        ("readinessProbe.grpc", is_grpc(&container.readiness_probe)),
        ("startupProbe.grpc", is_grpc(&container.startup_probe)),
        ("volumeDevices", container.volume_devices.as_ref().is_some_and(|devices| !devices.is_empty())),
        (
            "volumeMounts with subPath",
            mounts.iter().any(|mount| has_sub_path(&mount.sub_path) || has_sub_path(&mount.sub_path_expr)),
        ),
        (
            "volumeMounts with mountPropagation",
            mounts.iter().any(|mount| {
                matches!(mount.mount_propagation.as_deref(), Some("HostToContainer" | "Bidirectional"))
            }),
        ),
        (
            "securityContext.seccompProfile of type Localhost",
            security
                .and_then(|context| context.seccomp_profile.as_ref())
                .is_some_and(|profile| profile.type_ == "Localhost"),
        ),
    ];
    first(&format!("spec.{}[{}].", kind.list(), container.name), &asked)
}

fn of_volumes(spec: &PodSpec) -> Option<String> {
    spec.volumes.iter().flatten().find_map(of_volume)
}

fn of_volume(volume: &Volume) -> Option<String> {
    let prefix = format!("spec.volumes[{}]", volume.name);
    if let Some(empty_dir) = &volume.empty_dir {
        let medium = empty_dir.medium.as_deref().unwrap_or_default();
        return first(&prefix, &[(".emptyDir.medium", !medium.is_empty())]);
    }
    if let Some(projected) = &volume.projected {
        let sources = projected.sources.as_deref().unwrap_or_default();
        let is_known = sources.iter().all(|source| {
            source.config_map.is_some() || source.secret.is_some() || source.downward_api.is_some()
        });
        return first(
            &prefix,
            &[(".projected with a source other than configMap, secret and downwardAPI", !is_known)],
        );
    }
    let is_known = volume.config_map.is_some()
        || volume.secret.is_some()
        || volume.host_path.is_some()
        || volume.downward_api.is_some();
    let text = " of a kind other than configMap, secret, emptyDir, hostPath, downwardAPI and projected";
    first(&prefix, &[(text, !is_known)])
}

fn first(prefix: &str, asked: &[(&str, bool)]) -> Option<String> {
    let (what, _) = asked.iter().find(|(_, is_asked)| *is_asked)?;
    Some(format!("{prefix}{what} is not supported yet"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[track_caller]
    fn check(spec: Value, expected: Option<&str>) {
        let pod = Pod { spec: serde_json::from_value(spec).unwrap(), ..Pod::default() };
        assert_eq!(unsupported(&pod).as_deref(), expected);
    }

    fn with_container(mut container: Value) -> Value {
        container["name"] = json!("web");
        json!({"containers": [container]})
    }

    fn with_volume(mut volume: Value) -> Value {
        volume["name"] = json!("data");
        json!({"containers": [], "volumes": [volume]})
    }

    #[test]
    fn an_ordinary_pod_can_run() {
        check(with_container(json!({"readinessProbe": {"httpGet": {"port": 80}}})), None);
        for volume in [
            json!({"emptyDir": {}}),
            json!({"configMap": {"name": "c"}}),
            json!({"secret": {"secretName": "s"}}),
            json!({"hostPath": {"path": "/srv"}}),
            json!({"projected": {"sources": [{"configMap": {"name": "c"}}]}}),
        ] {
            check(with_volume(volume), None);
        }
    }

    #[test]
    fn what_cannot_be_done_is_named_with_its_path() {
        check(
            with_container(json!({"volumeMounts": [{"name": "a", "mountPath": "/a", "subPath": "b"}]})),
            Some("spec.containers[web].volumeMounts with subPath is not supported yet"),
        );
        check(
            json!({"containers": [], "initContainers": [{"name": "side", "restartPolicy": "Always"}]}),
            Some("spec.initContainers[side].restartPolicy (a sidecar) is not supported yet"),
        );
        check(
            with_volume(json!({"persistentVolumeClaim": {"claimName": "c"}})),
            Some(
                "spec.volumes[data] of a kind other than configMap, secret, emptyDir, hostPath, downwardAPI and \
                 projected is not supported yet",
            ),
        );
        check(
            with_volume(json!({"projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}})),
            Some(
                "spec.volumes[data].projected with a source other than configMap, secret and downwardAPI is not \
                 supported yet",
            ),
        );
    }
}
