//! What a pod may ask for that this node cannot do yet.
//!
//! Such a pod does not start, and says why: it must never run as something else than what its manifest says.
//!
//! Most of it is what containerd 1.6 has no word for: user namespaces, image volumes, strict groups, stop signals,
//! recursive read-only mounts. Mounts of a container cannot reach the host (`Bidirectional`), for containerd has a
//! mount namespace of its own. SELinux options are without effect, as on any host without SELinux.

use k8s_openapi::api::core::v1::{Container, Pod, PodSpec, Volume, VolumeProjection};

use super::spec::{ContainerKind, all_containers};

/// The first thing that this node cannot do, with its path; `None` if it can run the pod.
pub(crate) fn unsupported(pod: &Pod) -> Option<String> {
    let spec = pod.spec.as_ref()?;
    of_pod(spec).or_else(|| of_containers(spec)).or_else(|| of_volumes(spec))
}

fn of_pod(spec: &PodSpec) -> Option<String> {
    let context = spec.security_context.as_ref();
    let groups_policy = context.and_then(|context| context.supplemental_groups_policy.as_deref());
    let asked = [
        ("spec.runtimeClassName", spec.runtime_class_name.is_some()),
        ("spec.hostUsers: false", spec.host_users == Some(false)),
        ("spec.resourceClaims", spec.resource_claims.as_ref().is_some_and(|claims| !claims.is_empty())),
        ("spec.securityContext.supplementalGroupsPolicy: Strict", groups_policy == Some("Strict")),
        ("spec.os.name: windows", spec.os.as_ref().is_some_and(|os| os.name == "windows")),
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
    let rules = container.restart_policy_rules.as_deref().unwrap_or_default();
    let asked = [
        ("lifecycle.stopSignal", lifecycle.is_some_and(|lifecycle| lifecycle.stop_signal.is_some())),
        ("volumeDevices", container.volume_devices.as_ref().is_some_and(|devices| !devices.is_empty())),
        (
            "volumeMounts with mountPropagation: Bidirectional",
            mounts.iter().any(|mount| mount.mount_propagation.as_deref() == Some("Bidirectional")),
        ),
        (
            "volumeMounts with recursiveReadOnly: Enabled",
            mounts.iter().any(|mount| mount.recursive_read_only.as_deref() == Some("Enabled")),
        ),
        (
            "volumeMounts with bindMountOptions",
            mounts.iter().any(|mount| mount.bind_mount_options.as_ref().is_some_and(|o| !o.is_empty())),
        ),
        (
            "restartPolicyRules with another action than Restart",
            rules.iter().any(|rule| rule.action != "Restart"),
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
        return first(&prefix, &[(".emptyDir.medium other than Memory", !matches!(medium, "" | "Memory"))]);
    }
    if let Some(projected) = &volume.projected {
        let is_unknown = |source: &VolumeProjection| {
            source.cluster_trust_bundle.is_some() || source.pod_certificate.is_some()
        };
        let sources = projected.sources.as_deref().unwrap_or_default();
        let text = ".projected with clusterTrustBundle or podCertificate";
        return first(&prefix, &[(text, sources.iter().any(is_unknown))]);
    }
    let is_known = volume.config_map.is_some()
        || volume.secret.is_some()
        || volume.host_path.is_some()
        || volume.downward_api.is_some()
        || volume.persistent_volume_claim.is_some()
        || volume.ephemeral.is_some();
    let text = " of a kind other than configMap, secret, emptyDir, hostPath, downwardAPI, projected, \
                persistentVolumeClaim and ephemeral";
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
            json!({"emptyDir": {"medium": "Memory"}}),
            json!({"persistentVolumeClaim": {"claimName": "c"}}),
            json!({"projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}),
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
        let mount = json!({"name": "a", "mountPath": "/a", "mountPropagation": "Bidirectional"});
        check(
            with_container(json!({"volumeMounts": [mount]})),
            Some(
                "spec.containers[web].volumeMounts with mountPropagation: Bidirectional is not supported yet",
            ),
        );
        check(
            with_container(json!({"volumeDevices": [{"name": "a", "devicePath": "/dev/a"}]})),
            Some("spec.containers[web].volumeDevices is not supported yet"),
        );
        check(
            json!({"containers": [], "hostUsers": false}),
            Some("spec.hostUsers: false is not supported yet"),
        );
        check(
            with_volume(json!({"image": {"reference": "localhost/data:1"}})),
            Some(
                "spec.volumes[data] of a kind other than configMap, secret, emptyDir, hostPath, downwardAPI, \
                 projected, persistentVolumeClaim and ephemeral is not supported yet",
            ),
        );
        check(
            with_volume(json!({"emptyDir": {"medium": "HugePages"}})),
            Some("spec.volumes[data].emptyDir.medium other than Memory is not supported yet"),
        );
    }
}
