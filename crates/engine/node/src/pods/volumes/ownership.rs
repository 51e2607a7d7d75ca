//! `fsGroup`: all that lies in a volume belongs to the pod's group and can be read and written by it.
//!
//! The pod may be changing the volume meanwhile, so no name is followed twice: everything is reached from the folder
//! that holds it, and no symbolic link is followed.

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, Gid, Mode, OFlags, chownat, fstat, openat};

/// A volume may be this many folders deep.
const DEPTH_MAX: usize = 512;
const FOLDER: u32 = 0o2770;
const FILE: u32 = 0o660;

/// When the ownership of a volume is changed (`fsGroupChangePolicy`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ChangePolicy {
    Always,
    /// Only if its root is not as it should be.
    OnRootMismatch,
}

/// Gives the volume at `root` to `group`.
pub(super) fn give(root: &Path, group: u32, policy: ChangePolicy) -> io::Result<()> {
    let metadata = std::fs::metadata(root)?;
    let is_right = metadata.gid() == group && metadata.mode() & FOLDER == FOLDER;
    if is_right && policy == ChangePolicy::OnRootMismatch {
        return Ok(());
    }
    let folder = openat(rustix::fs::CWD, root, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    give_below(&folder, Gid::from_raw(group), DEPTH_MAX)?;
    // The root last: it says that all of it is done.
    std::os::unix::fs::chown(root, None, Some(group))?;
    std::fs::set_permissions(root, std::fs::Permissions::from_mode(metadata.mode() | FOLDER))
}

fn give_below(folder: &OwnedFd, group: Gid, depth_left: usize) -> io::Result<()> {
    if depth_left == 0 {
        return Err(io::Error::other(format!("the volume is more than {DEPTH_MAX} folders deep")));
    }
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        match give_one(folder, name, group, depth_left) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            given => given?,
        }
    }
    Ok(())
}

fn give_one(folder: &OwnedFd, name: &std::ffi::CStr, group: Gid, depth_left: usize) -> io::Result<()> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = openat(folder, name, flags, Mode::empty())?;
    let status = fstat(&opened)?;
    chownat(&opened, c"", None, Some(group), AtFlags::EMPTY_PATH)?;
    match FileType::from_raw_mode(status.st_mode) {
        FileType::Symlink => Ok(()),
        FileType::Directory => {
            let inner =
                openat(&opened, c".", OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
            give_below(&inner, group, depth_left - 1)?;
            change_mode(opened.as_fd(), status.st_mode | FOLDER)
        }
        _ => change_mode(opened.as_fd(), status.st_mode | FILE),
    }
}

/// By the descriptor, which cannot come to mean something else.
fn change_mode(opened: BorrowedFd<'_>, mode: u32) -> io::Result<()> {
    let path = format!("/proc/self/fd/{}", opened.as_raw_fd());
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode & 0o7777))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::symlink_metadata(path).unwrap().mode() & 0o7777
    }

    /// Only root may give a file to a group that it is not in; the own group will do for what is shown here.
    fn own_group() -> u32 {
        rustix::process::getgid().as_raw()
    }

    #[test]
    fn the_group_may_read_and_write_all_of_a_volume_and_nothing_outside() {
        let outer = tempfile::tempdir().unwrap();
        let (outside, root) = (outer.path().join("outside"), outer.path().join("volume"));
        std::fs::create_dir_all(root.join("a/b")).unwrap();
        for file in [&outside, &root.join("a/b/file")] {
            std::fs::write(file, "x").unwrap();
            std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
        std::os::unix::fs::symlink(&outside, root.join("link")).unwrap();
        give(&root, own_group(), ChangePolicy::Always).unwrap();
        assert_eq!(mode(&root) & FOLDER, FOLDER);
        assert_eq!(mode(&root.join("a/b")) & FOLDER, FOLDER);
        assert_eq!(mode(&root.join("a/b/file")), 0o660);
        assert_eq!(mode(&outside), 0o600);
    }

    #[test]
    fn a_volume_whose_root_is_right_is_left_alone_where_the_pod_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("volume");
        std::fs::create_dir(&root).unwrap();
        give(&root, own_group(), ChangePolicy::OnRootMismatch).unwrap();
        let file = root.join("file");
        std::fs::write(&file, "x").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        give(&root, own_group(), ChangePolicy::OnRootMismatch).unwrap();
        assert_eq!(mode(&file), 0o600);
        give(&root, own_group(), ChangePolicy::Always).unwrap();
        assert_eq!(mode(&file), 0o660);
    }
}
