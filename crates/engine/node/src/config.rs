//! Where the node of one engine keeps its things, and the names it goes by on the host.

use std::net::IpAddr;
use std::path::PathBuf;

use crate::images::clean_up::ImageGcPolicy;

/// Everything the node must be told. Nothing below reads the environment or guesses a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeConfig {
    /// Data folder of this engine, for example `/var/lib/bythos`.
    pub root: PathBuf,
    /// Folder of sockets and of what does not outlive a boot, for example `/run/bythos/<id>`. Short: the path of a
    /// socket has at most 107 bytes.
    pub run_dir: PathBuf,
    /// Eight hexadecimal digits that name cgroups and links of this engine.
    pub id: String,
    /// Name of the Node object.
    pub node_name: String,
    /// Address of the cluster's DNS server, which pods are given.
    pub cluster_dns: IpAddr,
    /// Domain of cluster names, `cluster.local`.
    pub cluster_domain: String,
    /// Network of pods, for example `10.42.0.0/16`.
    pub pod_network: String,
    /// The node's own address, its `InternalIP`.
    pub node_address: IpAddr,
    /// Folder of container logs: `/var/log/pods` at the default root.
    pub host_pod_logs: PathBuf,
    /// Folder of volumes and other files of pods: `/var/lib/kubelet/pods` at the default root.
    pub pods_dir: PathBuf,
    /// Folder of the CNI configuration, which engine/network writes.
    pub cni_conf_dir: PathBuf,
    /// Folder of the CNI plugins, `/usr/lib/cni` on Debian.
    pub cni_bin_dir: PathBuf,
    /// When images that nobody uses are removed.
    pub image_gc: ImageGcPolicy,
}

impl NodeConfig {
    /// The socket on which this engine's containerd answers.
    pub fn containerd_socket(&self) -> PathBuf {
        self.run_dir.join("containerd.sock")
    }

    /// Where containerd's log is written.
    pub fn containerd_log(&self) -> PathBuf {
        self.root.join("log/containerd.log")
    }

    /// The cgroup, below the root of each hierarchy, that holds containerd and all pods of this engine.
    pub(crate) fn cgroup(&self) -> String {
        format!("bythos-{}", self.id)
    }

    /// Folder of seccomp profiles, beside that of the pods: `/var/lib/kubelet/seccomp` at the default root.
    pub(crate) fn seccomp_dir(&self) -> PathBuf {
        self.pods_dir.with_file_name("seccomp")
    }

    /// Folder of manifests of static pods.
    pub(crate) fn manifests_dir(&self) -> PathBuf {
        self.root.join("manifests")
    }

    /// Folders of persistent volumes, by the volume's name.
    pub(crate) fn claimed_volumes_dir(&self) -> PathBuf {
        self.root.join("volumes")
    }

    /// See [`crate::containerd::parking`].
    pub(crate) fn parking_socket(&self) -> PathBuf {
        self.run_dir.join("parked.sock")
    }

    pub(crate) fn containerd_config_file(&self) -> PathBuf {
        self.root.join("containerd.toml")
    }

    /// Images, snapshots and what containerd remembers of containers.
    pub(crate) fn containerd_root(&self) -> PathBuf {
        self.root.join("containerd")
    }

    pub(crate) fn containerd_state(&self) -> PathBuf {
        self.run_dir.join("containerd")
    }

    /// Which process containerd is; see [`crate::containerd`].
    pub(crate) fn containerd_identity_file(&self) -> PathBuf {
        self.run_dir.join("containerd.process")
    }

    /// What containerd and its shims see as `/run/containerd`.
    pub(crate) fn shim_dir(&self) -> PathBuf {
        self.run_dir.join("shims")
    }

    /// What containerd and the CNI plugins see as `/var/lib/cni`.
    pub(crate) fn cni_state_dir(&self) -> PathBuf {
        self.run_dir.join("cni/state")
    }

    /// Volumes that may hold secrets. They live on the memory-backed `/run`, so that a secret never reaches a disk
    /// and no mount is needed for it.
    pub(crate) fn secret_volumes_dir(&self) -> PathBuf {
        self.run_dir.join("volumes")
    }
}

#[cfg(test)]
pub(crate) fn example() -> NodeConfig {
    NodeConfig {
        root: "/var/lib/bythos".into(),
        run_dir: "/run/bythos/0a1b2c3d".into(),
        id: "0a1b2c3d".to_owned(),
        node_name: "host".to_owned(),
        cluster_dns: IpAddr::from([10, 43, 0, 10]),
        cluster_domain: "cluster.local".to_owned(),
        pod_network: "10.42.0.0/16".to_owned(),
        node_address: IpAddr::from([192, 0, 2, 1]),
        host_pod_logs: "/var/log/pods".into(),
        pods_dir: "/var/lib/kubelet/pods".into(),
        cni_conf_dir: "/run/bythos/0a1b2c3d/cni/net.d".into(),
        cni_bin_dir: "/usr/lib/cni".into(),
        image_gc: ImageGcPolicy::default(),
    }
}
