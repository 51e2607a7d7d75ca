//! Where the files of a pod lie on the host.

use std::path::PathBuf;

use crate::config::NodeConfig;
use crate::cri::labels::PodIdentity;

/// Folder of the pod's own files, as the kubelet lays them out.
pub(crate) fn pod_dir(config: &NodeConfig, uid: &str) -> PathBuf {
    config.pods_dir.join(uid)
}

/// Folder of the pod's volumes.
pub(crate) fn volumes_dir(config: &NodeConfig, uid: &str) -> PathBuf {
    pod_dir(config, uid).join("volumes")
}

/// Folder of the parts of volumes that containers of the pod mount.
pub(crate) fn sub_paths_dir(config: &NodeConfig, uid: &str) -> PathBuf {
    pod_dir(config, uid).join("volume-subpaths")
}

/// Folder of the pod's volumes of one kind.
pub(crate) fn plugin_dir(config: &NodeConfig, uid: &str, plugin: &str) -> PathBuf {
    volumes_dir(config, uid).join(plugin)
}

/// Where a part of a volume lies for one container.
pub(crate) fn sub_path_place(
    config: &NodeConfig,
    uid: &str,
    volume: &str,
    container: &str,
    index: usize,
) -> PathBuf {
    sub_paths_dir(config, uid).join(volume).join(container).join(index.to_string())
}

/// Folder of the pod's volumes that may hold secrets.
pub(crate) fn secret_dir(config: &NodeConfig, uid: &str) -> PathBuf {
    config.secret_volumes_dir().join(uid)
}

pub(crate) fn hosts_file(config: &NodeConfig, uid: &str) -> PathBuf {
    pod_dir(config, uid).join("etc-hosts")
}

/// The file into which one container may write why it ended.
pub(crate) fn termination_message_file(
    config: &NodeConfig,
    uid: &str,
    container: &str,
    restart_count: u32,
) -> PathBuf {
    pod_dir(config, uid).join("containers").join(container).join(restart_count.to_string())
}

/// Says that the `postStart` hook of one container has run.
pub(crate) fn post_start_mark(
    config: &NodeConfig,
    uid: &str,
    container: &str,
    restart_count: u32,
) -> PathBuf {
    pod_dir(config, uid).join("containers").join(container).join(format!("{restart_count}.post-start"))
}

/// Says that one container is stopped so that another one takes its place.
pub(crate) fn restart_mark(config: &NodeConfig, uid: &str, container: &str, restart_count: u32) -> PathBuf {
    pod_dir(config, uid).join("containers").join(container).join(format!("{restart_count}.restart"))
}

/// Folder of the pod's logs.
pub(crate) fn log_dir(config: &NodeConfig, pod: &PodIdentity) -> PathBuf {
    config.host_pod_logs.join(format!("{}_{}_{}", pod.namespace, pod.name, pod.uid))
}

/// The log of one container, below the pod's folder.
pub(crate) fn log_file(container: &str, restart_count: u32) -> PathBuf {
    PathBuf::from(container).join(format!("{restart_count}.log"))
}
