//! The cgroups of this engine, in each hierarchy that the host has mounted, of version 1 or 2.

use std::io;
use std::path::{Path, PathBuf};

/// A cgroup cannot be made, read or removed.
#[derive(Debug, thiserror::Error)]
#[error("failed to {action} {path:?}")]
pub(crate) struct CgroupError {
    action: &'static str,
    path: PathBuf,
    #[source]
    source: io::Error,
}

/// The mounted hierarchies of the host.
#[derive(Debug, Clone)]
pub(crate) struct Hierarchies(Vec<Hierarchy>);

/// What version of cgroups holds the controllers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CgroupVersion {
    V1,
    V2,
}

/// Limits of a cgroup, in the terms of version 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    /// From 2 to 262144.
    pub(crate) cpu_shares: i64,
    /// Microseconds of processor, and the period in which they may be used.
    pub(crate) cpu_quota: Option<(i64, i64)>,
    pub(crate) memory_bytes: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Hierarchy {
    mount_point: PathBuf,
    version: CgroupVersion,
    /// A new cgroup of the `cpuset` controller of version 1 takes no process before it is given processors and memory.
    takes_processes: bool,
}

impl Hierarchies {
    pub(crate) fn of_host() -> Result<Self, CgroupError> {
        let path = Path::new("/proc/self/mounts");
        let mounts = std::fs::read_to_string(path).map_err(failed("read", path))?;
        Ok(Hierarchies(mounts.lines().filter_map(parse_mount).collect()))
    }

    /// The version of the hierarchies that have controllers: a lone one of version 2 beside others has none.
    pub(crate) fn version(&self) -> CgroupVersion {
        let is_v2 = |hierarchy: &Hierarchy| hierarchy.version == CgroupVersion::V2;
        if !self.0.is_empty() && self.0.iter().all(is_v2) { CgroupVersion::V2 } else { CgroupVersion::V1 }
    }

    /// Makes cgroup `name` where its limits are set, and sets them.
    pub(crate) fn configure(&self, name: &str, settings: &Settings) -> Result<(), CgroupError> {
        for hierarchy in &self.0 {
            let files = settings.files(hierarchy.version);
            let is_offered = |root: &Path| files.iter().any(|(file, _)| root.join(file).exists());
            let path = hierarchy.mount_point.join(name);
            match hierarchy.version {
                CgroupVersion::V1 if !is_offered(&hierarchy.mount_point) => continue,
                CgroupVersion::V1 => {}
                CgroupVersion::V2 => hand_down_controllers(&hierarchy.mount_point, name)?,
            }
            std::fs::create_dir_all(&path).map_err(failed("create cgroup", &path))?;
            for (file, value) in files {
                let file = path.join(file);
                if file.exists() {
                    std::fs::write(&file, value).map_err(failed("write", &file))?;
                }
            }
        }
        Ok(())
    }

    /// Makes cgroup `name` everywhere and returns the files that a process joins it by.
    pub(crate) fn create(&self, name: &str) -> Result<Vec<PathBuf>, CgroupError> {
        let mut joined_by = Vec::new();
        for hierarchy in self.0.iter().filter(|hierarchy| hierarchy.takes_processes) {
            let path = hierarchy.mount_point.join(name);
            std::fs::create_dir_all(&path).map_err(failed("create cgroup", &path))?;
            joined_by.push(path.join("cgroup.procs"));
        }
        Ok(joined_by)
    }

    /// The processes of cgroup `name` and of all below it.
    pub(crate) fn processes(&self, name: &str) -> Result<Vec<i32>, CgroupError> {
        let mut processes = Vec::new();
        for tree in self.trees(name) {
            for group in groups_below(&tree)? {
                let path = group.join("cgroup.procs");
                match std::fs::read_to_string(&path) {
                    Ok(text) => processes.extend(text.lines().filter_map(|line| line.parse::<i32>().ok())),
                    Err(error) if is_gone(&error) => {}
                    Err(source) => return Err(failed("read", &path)(source)),
                }
            }
        }
        processes.sort_unstable();
        processes.dedup();
        Ok(processes)
    }

    /// Removes cgroup `name` and all below it. They must hold no process any more.
    pub(crate) fn remove(&self, name: &str) -> Result<(), CgroupError> {
        for tree in self.trees(name) {
            for group in groups_below(&tree)? {
                match std::fs::remove_dir(&group) {
                    Err(source) if !is_gone(&source) => return Err(failed("remove cgroup", &group)(source)),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn trees(&self, name: &str) -> impl Iterator<Item = PathBuf> {
        self.0.iter().map(move |hierarchy| hierarchy.mount_point.join(name))
    }
}

impl Settings {
    /// The files to write, with their text.
    fn files(&self, version: CgroupVersion) -> Vec<(&'static str, String)> {
        let mut files = Vec::new();
        match version {
            CgroupVersion::V1 => {
                let (quota, period) = self.cpu_quota.unwrap_or((-1, 100_000));
                files.push(("cpu.shares", self.cpu_shares.to_string()));
                files.push(("cpu.cfs_period_us", period.to_string()));
                files.push(("cpu.cfs_quota_us", quota.to_string()));
                files.push(("memory.limit_in_bytes", self.memory_bytes.unwrap_or(-1).to_string()));
            }
            CgroupVersion::V2 => {
                // The same conversion as runc's and the kubelet's.
                let weight = 1 + (self.cpu_shares.max(2) - 2) * 9999 / 262_142;
                let cpu_max = match self.cpu_quota {
                    Some((quota, period)) => format!("{quota} {period}"),
                    None => "max 100000".to_owned(),
                };
                let memory_max =
                    self.memory_bytes.map_or_else(|| "max".to_owned(), |bytes| bytes.to_string());
                files.push(("cpu.weight", weight.to_string()));
                files.push(("cpu.max", cpu_max));
                files.push(("memory.max", memory_max));
            }
        }
        files
    }
}

/// In version 2 a cgroup has the controllers that each one above it passes on.
fn hand_down_controllers(mount_point: &Path, name: &str) -> Result<(), CgroupError> {
    let mut group = mount_point.to_owned();
    for part in name.split('/') {
        let file = group.join("cgroup.subtree_control");
        for controller in ["+cpu", "+memory"] {
            // A controller that the host keeps for itself cannot limit anything here.
            if let Err(error) = std::fs::write(&file, controller) {
                tracing::debug!(file = %file.display(), controller, %error, "a controller is not passed on");
            }
        }
        group.push(part);
        std::fs::create_dir_all(&group).map_err(failed("create cgroup", &group))?;
    }
    Ok(())
}

fn parse_mount(line: &str) -> Option<Hierarchy> {
    let mut fields = line.split(' ');
    let (_, mount_point, kind, options) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let (version, takes_processes) = match kind {
        "cgroup2" => (CgroupVersion::V2, true),
        "cgroup" => (CgroupVersion::V1, !options.split(',').any(|option| option == "cpuset")),
        _ => return None,
    };
    Some(Hierarchy { mount_point: PathBuf::from(mount_point), version, takes_processes })
}

/// The cgroup and all below it, children before their parents; none if it does not exist.
fn groups_below(tree: &Path) -> Result<Vec<PathBuf>, CgroupError> {
    let mut groups = Vec::new();
    let mut unread = vec![tree.to_owned()];
    while let Some(group) = unread.pop() {
        let entries = match std::fs::read_dir(&group) {
            Ok(entries) => entries,
            Err(error) if is_gone(&error) => continue,
            Err(source) => return Err(failed("read", &group)(source)),
        };
        for entry in entries.filter_map(Result::ok) {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                unread.push(entry.path());
            }
        }
        groups.push(group);
    }
    groups.reverse();
    Ok(groups)
}

fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
        || error.raw_os_error() == Some(rustix::io::Errno::NODEV.raw_os_error())
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> CgroupError {
    let path = path.to_owned();
    move |source| CgroupError { action, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: Option<(&str, bool)>) {
        let version = if line.starts_with("cgroup2") { CgroupVersion::V2 } else { CgroupVersion::V1 };
        let expected = expected.map(|(path, takes_processes)| Hierarchy {
            mount_point: PathBuf::from(path),
            version,
            takes_processes,
        });
        assert_eq!(parse_mount(line), expected);
    }

    #[test]
    fn mounts_of_both_versions_are_hierarchies() {
        check("cgroup2 /sys/fs/cgroup cgroup2 rw 0 0", Some(("/sys/fs/cgroup", true)));
        check("cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0", Some(("/sys/fs/cgroup/memory", true)));
        check("cgroup /sys/fs/cgroup/cpuset cgroup rw,cpuset 0 0", Some(("/sys/fs/cgroup/cpuset", false)));
        check("proc /proc proc rw,relatime 0 0", None);
        check("", None);
    }

    #[test]
    fn limits_are_written_in_the_terms_of_the_version() {
        let settings =
            Settings { cpu_shares: 1024, cpu_quota: Some((50_000, 100_000)), memory_bytes: Some(64) };
        let texts = |settings: Settings, version| {
            settings
                .files(version)
                .into_iter()
                .map(|(file, text)| format!("{file}={text}"))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            texts(settings, CgroupVersion::V1),
            [
                "cpu.shares=1024",
                "cpu.cfs_period_us=100000",
                "cpu.cfs_quota_us=50000",
                "memory.limit_in_bytes=64"
            ]
        );
        let v2 = ["cpu.weight=39", "cpu.max=50000 100000", "memory.max=64"];
        assert_eq!(texts(settings, CgroupVersion::V2), v2);
        let none = Settings { cpu_shares: 2, ..Settings::default() };
        assert_eq!(texts(none, CgroupVersion::V2), ["cpu.weight=1", "cpu.max=max 100000", "memory.max=max"]);
    }

    #[test]
    fn a_cgroup_is_made_and_limited_in_each_hierarchy_that_can_limit_it() {
        let folder = tempfile::tempdir().unwrap();
        let root = |name: &str| folder.path().join(name);
        // Folders stand in for the kernel's: its files appear with a cgroup, so those of the pod are there before.
        for (hierarchy, file) in [("cpu", "cpu.shares"), ("unified", "memory.max")] {
            std::fs::create_dir_all(root(hierarchy).join("bythos/pod")).unwrap();
            std::fs::write(root(hierarchy).join(file), "").unwrap();
            std::fs::write(root(hierarchy).join("bythos/pod").join(file), "").unwrap();
        }
        std::fs::create_dir_all(root("freezer")).unwrap();
        let hierarchy =
            |name: &str, version| Hierarchy { mount_point: root(name), version, takes_processes: true };
        let hierarchies = Hierarchies(vec![
            hierarchy("cpu", CgroupVersion::V1),
            hierarchy("freezer", CgroupVersion::V1),
            hierarchy("unified", CgroupVersion::V2),
        ]);
        assert_eq!(hierarchies.version(), CgroupVersion::V1);
        let settings = Settings { cpu_shares: 7, cpu_quota: None, memory_bytes: Some(64) };
        hierarchies.configure("bythos/pod", &settings).unwrap();
        let read = |path: &str| std::fs::read_to_string(root(path)).unwrap();
        assert_eq!(read("cpu/bythos/pod/cpu.shares"), "7");
        assert_eq!(read("unified/bythos/pod/memory.max"), "64");
        assert_eq!(read("unified/bythos/cgroup.subtree_control"), "+memory");
        assert!(!root("freezer/bythos").exists());
    }

    #[test]
    fn children_are_listed_before_their_parents() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("a/b")).unwrap();
        std::fs::create_dir_all(folder.path().join("c")).unwrap();
        let groups = groups_below(folder.path()).unwrap();
        assert_eq!(groups.len(), 4);
        let place = |end: &str| groups.iter().position(|group| group.ends_with(end)).unwrap();
        assert!(place("a/b") < place("a"));
        assert_eq!(groups.last().unwrap(), folder.path());
    }

    #[test]
    fn a_cgroup_that_is_not_there_is_empty() {
        assert!(groups_below(Path::new("/sys/fs/cgroup/bythos-none")).unwrap().is_empty());
    }
}
