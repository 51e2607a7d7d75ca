//! One container of a pod, as CRI is asked for it.

use std::collections::BTreeMap;
use std::path::Path;

use k8s_openapi::api::core::v1::{Container, Pod, PodSpec, VolumeMount};

use super::environment::expand;
use super::hooks::Hook;
use super::resources::{QosClass, QuantityError};
use super::security::RunAsRootError;
use super::spec::{grace_seconds, identity, image};
use super::sub_path::{self, Binding, SubPathError};
use super::volumes::Place;
use super::{paths, resources, security};
use crate::config::NodeConfig;
use crate::containerd::cgroup::CgroupVersion;
use crate::cri::labels::ContainerNotes;
use crate::cri::v1;

const TERMINATION_MESSAGE_PATH: &str = "/dev/termination-log";

/// What the specification asks for cannot be had.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ContainerError {
    #[error(transparent)]
    Quantity(#[from] QuantityError),
    #[error(transparent)]
    RunAsRoot(#[from] RunAsRootError),
    #[error(transparent)]
    SubPath(#[from] SubPathError),
    #[error("volumeMounts[{index}].name: there is no volume {name:?} in the pod")]
    NoVolume { index: usize, name: String },
}

/// All that a container is made of besides its specification.
pub(crate) struct Ingredients<'a> {
    pub(crate) config: &'a NodeConfig,
    pub(crate) pod: &'a Pod,
    pub(crate) spec: &'a PodSpec,
    pub(crate) container: &'a Container,
    pub(crate) image: &'a v1::Image,
    pub(crate) environment: BTreeMap<String, String>,
    /// Where each volume of the pod lies on the host.
    pub(crate) volumes: &'a BTreeMap<String, Place>,
    /// The container whose processes an ephemeral one shares, by its id.
    pub(crate) target_id: Option<String>,
    pub(crate) restart_count: u32,
    /// Memory of the node.
    pub(crate) memory_bytes: i64,
    pub(crate) cgroup_version: CgroupVersion,
}

/// A container as CRI takes it, and what is to be bound before for its mounts.
#[derive(Debug)]
pub(crate) struct Assembled {
    pub(crate) config: v1::ContainerConfig,
    pub(crate) bindings: Vec<Binding>,
}

/// The container as CRI takes it.
pub(crate) fn assemble(ingredients: &Ingredients<'_>) -> Result<Assembled, ContainerError> {
    let Ingredients { pod, spec, container, environment, restart_count, .. } = ingredients;
    let class = QosClass::of(spec);
    let notes = notes(spec, container, *restart_count);
    let expanded = |words: &Option<Vec<String>>| {
        words.iter().flatten().map(|word| expand(word, environment)).collect::<Vec<_>>()
    };
    let env = |(key, value): (&String, &String)| v1::KeyValue { key: key.clone(), value: value.clone() };
    let (mounts, bindings) = mounts(ingredients)?;
    let config = v1::ContainerConfig {
        metadata: Some(v1::ContainerMetadata { name: container.name.clone(), attempt: *restart_count }),
        // By id, so that it is the very image that was looked at, whatever its name comes to mean.
        image: Some(v1::ImageSpec { image: ingredients.image.id.clone() }),
        command: expanded(&container.command),
        args: expanded(&container.args),
        working_dir: container.working_dir.clone().unwrap_or_default(),
        envs: environment.iter().map(env).collect(),
        mounts,
        labels: notes.labels(&identity(pod)),
        annotations: notes.annotations(),
        log_path: paths::log_file(&container.name, *restart_count).display().to_string(),
        stdin: container.stdin == Some(true),
        stdin_once: container.stdin_once == Some(true),
        tty: container.tty == Some(true),
        linux: Some(v1::LinuxContainerConfig {
            resources: Some(resources::of_container(
                container,
                class,
                ingredients.memory_bytes,
                ingredients.cgroup_version,
            )?),
            security_context: Some(security::of_container(
                ingredients.config,
                spec,
                container,
                ingredients.image,
                ingredients.target_id.clone(),
            )?),
        }),
    };
    Ok(Assembled { config, bindings })
}

/// Stands for what of a container, when it changes, demands a new one: its image is all that may change.
pub(crate) fn hash(name: &str, image: &str) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in name.bytes().chain([0]).chain(image.bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    format!("{hash:016x}")
}

fn notes(spec: &PodSpec, container: &Container, restart_count: u32) -> ContainerNotes {
    ContainerNotes {
        name: container.name.clone(),
        restart_count,
        hash: hash(&container.name, image(container)),
        grace_seconds: grace_seconds(spec),
        message_from_log: container.termination_message_policy.as_deref() == Some("FallbackToLogsOnError"),
        pre_stop: Hook::note(container),
    }
}

fn mounts(ingredients: &Ingredients<'_>) -> Result<(Vec<v1::Mount>, Vec<Binding>), ContainerError> {
    let Ingredients { config, pod, container, restart_count, .. } = ingredients;
    let asked = container.volume_mounts.as_deref().unwrap_or_default();
    let (mut mounts, mut bindings) = (Vec::new(), Vec::new());
    for (index, mount) in asked.iter().enumerate() {
        let (mount, binding) = of_volume(index, mount, ingredients)?;
        mounts.push(mount);
        bindings.extend(binding);
    }
    let uid = pod.metadata.uid.as_deref().unwrap_or_default();
    let is_free = |path: &str| !asked.iter().any(|mount| mount.mount_path == path);
    if is_free("/etc/hosts") {
        mounts.push(mount("/etc/hosts", &paths::hosts_file(config, uid), false));
    }
    let message = container.termination_message_path.as_deref().unwrap_or(TERMINATION_MESSAGE_PATH);
    if !message.is_empty() && is_free(message) {
        let file = paths::termination_message_file(config, uid, &container.name, *restart_count);
        mounts.push(mount(message, &file, false));
    }
    Ok((mounts, bindings))
}

fn of_volume(
    index: usize,
    asked: &VolumeMount,
    with: &Ingredients<'_>,
) -> Result<(v1::Mount, Option<Binding>), ContainerError> {
    let volume = with
        .volumes
        .get(&asked.name)
        .ok_or_else(|| ContainerError::NoVolume { index, name: asked.name.clone() })?;
    let uid = with.pod.metadata.uid.as_deref().unwrap_or_default();
    let binding = sub_path::of_mount(index, asked, &with.environment)?.map(|part| Binding {
        volume: volume.path.clone(),
        part,
        place: paths::sub_path_place(with.config, uid, &asked.name, &with.container.name, index),
    });
    let path = asked.mount_path.as_str();
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    let host_path = binding.as_ref().map_or(&volume.path, |binding| &binding.place);
    let mut mount = mount(&path, host_path, asked.read_only == Some(true) || volume.is_read_only);
    if asked.mount_propagation.as_deref() == Some("HostToContainer") {
        mount.propagation = v1::MountPropagation::PropagationHostToContainer.into();
    }
    Ok((mount, binding))
}

fn mount(container_path: &str, host_path: &Path, readonly: bool) -> v1::Mount {
    let host_path = host_path.display().to_string();
    let propagation = v1::MountPropagation::PropagationPrivate.into();
    v1::Mount { container_path: container_path.to_owned(), host_path, readonly, propagation }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use serde_json::{Value, json};

    use super::*;

    fn built(container: Value) -> Result<v1::ContainerConfig, ContainerError> {
        assembled(container).map(|assembled| assembled.config)
    }

    fn assembled(container: Value) -> Result<Assembled, ContainerError> {
        let mut container = container;
        container["name"] = json!("web");
        container["image"] = json!("localhost/hello:1");
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": "web-0", "namespace": "shop", "uid": "1-2"},
            "spec": {
                "containers": [container],
                "volumes": [{"name": "config", "configMap": {"name": "c"}}, {"name": "data", "emptyDir": {}}],
            },
        }))
        .unwrap();
        let spec = pod.spec.as_ref().unwrap();
        let place = |path: &str, is_read_only| Place { path: PathBuf::from(path), is_read_only };
        assemble(&Ingredients {
            config: &crate::config::example(),
            pod: &pod,
            spec,
            container: &spec.containers[0],
            image: &v1::Image { id: "sha256:00".to_owned(), ..v1::Image::default() },
            environment: BTreeMap::from([("PORT".to_owned(), "8080".to_owned())]),
            volumes: &BTreeMap::from([
                ("config".to_owned(), place("/pods/config", true)),
                ("data".to_owned(), place("/pods/data", false)),
            ]),
            target_id: None,
            restart_count: 2,
            memory_bytes: 1 << 30,
            cgroup_version: CgroupVersion::V1,
        })
    }

    #[test]
    fn commands_and_arguments_are_expanded() {
        let config = built(json!({"command": ["httpd"], "args": ["-p", "$(PORT)", "$(NONE)"]})).unwrap();
        assert_eq!(config.command, ["httpd"]);
        assert_eq!(config.args, ["-p", "8080", "$(NONE)"]);
    }

    #[test]
    fn what_is_written_on_the_container_can_be_read_back() {
        let config = built(json!({"terminationMessagePolicy": "FallbackToLogsOnError"})).unwrap();
        let notes = ContainerNotes::read(&config.labels, &config.annotations).unwrap();
        assert_eq!((notes.name.as_str(), notes.restart_count, notes.grace_seconds), ("web", 2, 30));
        assert_eq!(notes.hash, hash("web", "localhost/hello:1"));
        assert!(notes.message_from_log);
        assert_eq!(config.log_path, "web/2.log");
    }

    #[test]
    fn volumes_the_hosts_file_and_the_termination_message_are_mounted() {
        let asked =
            json!([{"name": "config", "mountPath": "/etc/app"}, {"name": "data", "mountPath": "/data"}]);
        let config = built(json!({"volumeMounts": asked})).unwrap();
        let mounts: Vec<_> = config
            .mounts
            .iter()
            .map(|mount| (mount.container_path.as_str(), mount.host_path.as_str(), mount.readonly))
            .collect();
        assert_eq!(
            mounts,
            [
                ("/etc/app", "/pods/config", true),
                ("/data", "/pods/data", false),
                ("/etc/hosts", "/var/lib/kubelet/pods/1-2/etc-hosts", false),
                ("/dev/termination-log", "/var/lib/kubelet/pods/1-2/containers/web/2", false),
            ]
        );
    }

    #[test]
    fn a_part_of_a_volume_is_mounted_from_the_place_it_is_bound_to() {
        let asked = json!([{"name": "data", "mountPath": "/data", "subPathExpr": "port-$(PORT)"}]);
        let Assembled { config, bindings } = assembled(json!({"volumeMounts": asked})).unwrap();
        let place = PathBuf::from("/var/lib/kubelet/pods/1-2/volume-subpaths/data/web/0");
        assert_eq!(config.mounts[0].host_path, place.display().to_string());
        let (volume, part) = (PathBuf::from("/pods/data"), PathBuf::from("port-8080"));
        assert_eq!(bindings, [Binding { volume, part, place }]);
    }

    #[test]
    fn a_mount_of_no_volume_is_named() {
        let refused = built(json!({"volumeMounts": [{"name": "none", "mountPath": "/x"}]})).unwrap_err();
        assert_eq!(refused.to_string(), "volumeMounts[0].name: there is no volume \"none\" in the pod");
    }

    #[test]
    fn a_new_image_changes_the_hash() {
        assert_ne!(hash("web", "a:1"), hash("web", "a:2"));
        assert_ne!(hash("web", "a:1"), hash("weba", ":1"));
    }
}
