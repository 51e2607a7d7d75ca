//! Mounts in containerd's own mount namespace, where containers are put together. The host never sees them, and they
//! end with the namespace or with the folder that they lie on.

use std::io;
use std::os::fd::AsFd as _;
use std::path::Path;

use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space};

use super::process::ProcessIdentity;
use crate::config::NodeConfig;

/// Runs `work` in the mount namespace of this engine's containerd, on a thread of its own. It blocks.
pub(crate) fn inside<T: Send + 'static>(
    config: &NodeConfig,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let containerd = containerd(config)?;
    let thread = std::thread::Builder::new().name("mounts".to_owned()).spawn(move || {
        enter(containerd)?;
        work()
    })?;
    thread.join().unwrap_or_else(|panicked| std::panic::resume_unwind(panicked))
}

/// Whether something is mounted on `path` there.
pub(crate) fn is_mounted(config: &NodeConfig, path: &Path) -> io::Result<bool> {
    let mounts = std::fs::read_to_string(format!("/proc/{}/mountinfo", containerd(config)?.pid))?;
    Ok(mounts.lines().filter_map(mount_point).any(|mount_point| Path::new(&mount_point) == path))
}

fn containerd(config: &NodeConfig) -> io::Result<ProcessIdentity> {
    ProcessIdentity::of_containerd(&config.containerd_identity_file())
        .ok_or_else(|| io::Error::other("containerd does not run"))
}

fn enter(containerd: ProcessIdentity) -> io::Result<()> {
    let namespace = std::fs::File::open(format!("/proc/{}/ns/mnt", containerd.pid))?;
    if !containerd.is_alive() {
        return Err(io::Error::other("containerd has just ended"));
    }
    unshare_working_folder()?;
    Ok(move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Mount))?)
}

/// The kernel lets no thread change its mount namespace that shares its working folder with others.
#[expect(deprecated, reason = "its danger lies in UnshareFlags::FILES alone, which is not asked for")]
fn unshare_working_folder() -> io::Result<()> {
    Ok(rustix::thread::unshare(UnshareFlags::FS)?)
}

/// The fifth field of a line of mountinfo; blanks and backslashes in it are written as octal numbers.
fn mount_point(line: &str) -> Option<String> {
    let escaped = line.split(' ').nth(4)?;
    let octal = [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")];
    Some(octal.iter().fold(escaped.to_owned(), |path, (code, character)| path.replace(code, character)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mount_point_is_read_with_its_blanks() {
        let line = "36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 - ext3 /dev/root rw";
        assert_eq!(mount_point(line).as_deref(), Some("/mnt 2"));
        assert_eq!(mount_point(""), None);
    }
}
