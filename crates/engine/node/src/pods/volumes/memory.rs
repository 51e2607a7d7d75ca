//! emptyDir volumes in memory: a file system of its own for each, so that its limit is the kernel's.

use std::ffi::CString;
use std::io;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;

use rustix::mount::{MountFlags, mount};

use crate::config::NodeConfig;
use crate::containerd::mounts::{inside, is_mounted};

/// Makes the volume at `path`, unless it is there.
pub(super) fn make(
    config: &NodeConfig,
    path: &Path,
    bytes: Option<i64>,
    group: Option<u32>,
) -> io::Result<()> {
    std::fs::create_dir_all(path)?;
    if is_mounted(config, path)? {
        return Ok(());
    }
    let path = path.to_owned();
    let size = bytes.map(|bytes| format!("size={bytes}")).unwrap_or_default();
    let options = CString::new(size).map_err(io::Error::other)?;
    inside(config, move || {
        mount("tmpfs", &path, "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, options.as_c_str())?;
        let set_group_id = if group.is_some() { 0o2000 } else { 0 };
        chown(&path, None, group)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o777 | set_group_id))
    })
}
