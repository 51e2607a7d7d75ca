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

#[derive(Debug, Clone, PartialEq, Eq)]
struct Hierarchy {
    mount_point: PathBuf,
    /// A new cgroup of the `cpuset` controller of version 1 takes no process before it is given processors and memory.
    takes_processes: bool,
}

impl Hierarchies {
    pub(crate) fn of_host() -> Result<Self, CgroupError> {
        let path = Path::new("/proc/self/mounts");
        let mounts = std::fs::read_to_string(path).map_err(failed("read", path))?;
        Ok(Hierarchies(mounts.lines().filter_map(parse_mount).collect()))
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

fn parse_mount(line: &str) -> Option<Hierarchy> {
    let mut fields = line.split(' ');
    let (_, mount_point, kind, options) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let takes_processes = match kind {
        "cgroup2" => true,
        "cgroup" => !options.split(',').any(|option| option == "cpuset"),
        _ => return None,
    };
    Some(Hierarchy { mount_point: PathBuf::from(mount_point), takes_processes })
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
        let expected = expected
            .map(|(path, takes_processes)| Hierarchy { mount_point: PathBuf::from(path), takes_processes });
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
