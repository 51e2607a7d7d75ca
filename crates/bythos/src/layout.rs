//! Where everything lies on the host.

use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

/// The root where `--root` is not given.
pub(crate) const DEFAULT_ROOT: &str = "/var/lib/bythos";
const RUN: &str = "/run/bythos";

/// The folders and files of one engine. At the default root the paths that charts mount exist; any other root
/// keeps all folders below itself. Sockets always live below `/run/bythos/<id>`: their paths are limited to 107
/// bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Data of this engine.
    pub(crate) root: PathBuf,
    /// Settings and kubeconfig.
    pub(crate) etc: PathBuf,
    /// Eight hexadecimal digits that tell this engine's cgroups, links, tables and sockets from another's.
    pub(crate) id: String,
}

impl Layout {
    /// The layout below `root`, an absolute path without links.
    pub(crate) fn new(root: &Path) -> Layout {
        let etc =
            if root == Path::new(DEFAULT_ROOT) { PathBuf::from("/etc/bythos") } else { root.join("etc") };
        let digest = Sha256::digest(root.as_os_str().as_encoded_bytes());
        let id = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        Layout { root: root.to_owned(), etc, id }
    }

    fn is_default(&self) -> bool {
        self.root == Path::new(DEFAULT_ROOT)
    }

    pub(crate) fn run(&self) -> PathBuf {
        Path::new(RUN).join(&self.id)
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.root.join("store")
    }

    pub(crate) fn authority(&self) -> PathBuf {
        self.root.join("authority")
    }

    pub(crate) fn authority_certificate(&self) -> PathBuf {
        self.authority().join("ca.crt")
    }

    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.etc.join("kubeconfig.yaml")
    }

    pub(crate) fn settings(&self) -> PathBuf {
        self.etc.join("config.yaml")
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.root.join("log")
    }

    pub(crate) fn part_data(&self, part: &str) -> PathBuf {
        self.root.join("parts").join(part)
    }

    pub(crate) fn cni_configuration(&self) -> PathBuf {
        self.run().join("cni/net.d")
    }

    pub(crate) fn pod_logs(&self) -> PathBuf {
        if self.is_default() { PathBuf::from("/var/log/pods") } else { self.root.join("log/pods") }
    }

    pub(crate) fn pods(&self) -> PathBuf {
        if self.is_default() { PathBuf::from("/var/lib/kubelet/pods") } else { self.root.join("pods") }
    }

    /// Every folder that `uninstall` removes.
    pub(crate) fn all(&self) -> Vec<PathBuf> {
        vec![self.root.clone(), self.etc.clone(), self.run(), self.pod_logs(), self.pods()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_root_keeps_everything_but_sockets_below_itself() {
        let layout = Layout::new(Path::new("/srv/cloud"));
        let outside: Vec<_> =
            layout.all().into_iter().filter(|path| !path.starts_with("/srv/cloud")).collect();
        assert_eq!(outside, [layout.run()]);
    }

    #[test]
    fn two_roots_have_two_ids_and_one_root_has_one() {
        let first = Layout::new(Path::new("/srv/a"));
        assert_eq!(first.id.len(), 8);
        assert_ne!(first.id, Layout::new(Path::new("/srv/b")).id);
        assert_eq!(first, Layout::new(Path::new("/srv/a")));
    }
}
