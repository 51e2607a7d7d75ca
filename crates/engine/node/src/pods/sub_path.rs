//! `subPath` and `subPathExpr`: a part of a volume is mounted instead of the whole.
//!
//! Containers can change their volumes at any time, so a path that was looked at may be a symbolic link to
//! somewhere else a moment later. Therefore the part is opened once, within the volume (the kernel sees to that),
//! and what was opened is bound to a place outside of the volume, from where the container gets it.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::{Component, Path, PathBuf};

use k8s_openapi::api::core::v1::VolumeMount;
use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, fchmod, fstat, mkdirat, openat, openat2};
use rustix::io::Errno;
use rustix::mount::{UnmountFlags, mount_bind_recursive, unmount};

use super::environment::expand;
use crate::config::NodeConfig;
use crate::containerd::mounts::inside;

/// What a container asks for cannot be a part of a volume.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SubPathError {
    #[error("volumeMounts[{index}].subPathExpr: the variable in {found:?} is not set")]
    NotSet { index: usize, found: String },
    #[error("volumeMounts[{index}].subPath: found {found:?}, expected a relative path without ..")]
    Outside { index: usize, found: String },
}

/// The part of the volume that `mount` asks for; `None` if it asks for the whole.
pub(crate) fn of_mount(
    index: usize,
    mount: &VolumeMount,
    environment: &BTreeMap<String, String>,
) -> Result<Option<PathBuf>, SubPathError> {
    let given = |path: &Option<String>| path.clone().filter(|path| !path.is_empty());
    let path = match (given(&mount.sub_path_expr), given(&mount.sub_path)) {
        (Some(expression), _) => {
            let expanded = expand(&expression, environment);
            if expanded.contains("$(") {
                return Err(SubPathError::NotSet { index, found: expression });
            }
            expanded
        }
        (None, Some(path)) => path,
        (None, None) => return Ok(None),
    };
    let is_inside = Path::new(&path)
        .components()
        .all(|component| matches!(component, Component::Normal(_) | Component::CurDir));
    if path.is_empty() || !is_inside {
        return Err(SubPathError::Outside { index, found: path });
    }
    Ok(Some(PathBuf::from(path)))
}

/// A part of a volume, and the place that it is bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Binding {
    pub(crate) volume: PathBuf,
    pub(crate) part: PathBuf,
    pub(crate) place: PathBuf,
}

/// Binds all of them, anew if they were bound before: containers that run keep what they have. It blocks.
pub(crate) fn bind_all(config: &NodeConfig, bindings: Vec<Binding>) -> io::Result<()> {
    if bindings.is_empty() {
        return Ok(());
    }
    inside(config, move || bindings.iter().try_for_each(bind))
}

fn bind(binding: &Binding) -> io::Result<()> {
    let context = |error: io::Error| {
        let (part, volume) = (binding.part.display(), binding.volume.display());
        io::Error::new(error.kind(), format!("subPath {part} of {volume}: {error}"))
    };
    let opened = open(&binding.volume, &binding.part).map_err(context)?;
    let is_folder = FileType::from_raw_mode(fstat(&opened)?.st_mode) == FileType::Directory;
    make_place(&binding.place, is_folder)?;
    let source = format!("/proc/thread-self/fd/{}", opened.as_raw_fd());
    mount_bind_recursive(source, &binding.place).map_err(|error| context(error.into()))
}

/// Opens the part, and makes the folders that are not there, each as open as the volume is: whoever may write into
/// the volume may write into its part. The group of the volume is the kernel's to pass on, by the mode.
fn open(volume: &Path, part: &Path) -> io::Result<OwnedFd> {
    let root = rustix::fs::open(volume, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    match open_inside(&root, part) {
        Err(Errno::NOENT) => {}
        opened => return opened.map_err(explain),
    }
    let mode = Mode::from_raw_mode(fstat(&root)?.st_mode);
    let mut made = PathBuf::new();
    for component in part.components() {
        let parent = if made.as_os_str().is_empty() { Path::new(".") } else { &made };
        let parent = open_inside(&root, parent).map_err(explain)?;
        match mkdirat(&parent, component.as_os_str(), mode) {
            Err(Errno::EXIST) => {}
            result => {
                result?;
                set_mode(&parent, component, mode)?;
            }
        }
        made.push(component);
    }
    open_inside(&root, part).map_err(explain)
}

/// What `mkdir` has made lacks what the umask takes.
fn set_mode(parent: &OwnedFd, folder: Component<'_>, mode: Mode) -> io::Result<()> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = openat(parent, folder.as_os_str(), flags, Mode::empty())?;
    Ok(fchmod(&folder, mode)?)
}

fn open_inside(root: &OwnedFd, path: &Path) -> Result<OwnedFd, Errno> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    openat2(root, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), resolve)
}

fn explain(error: Errno) -> io::Error {
    match error {
        Errno::XDEV => io::Error::other("it leads out of the volume by a symbolic link"),
        error => error.into(),
    }
}

/// Something of the same kind, to be covered. What was bound there before is let go of.
fn make_place(place: &Path, is_folder: bool) -> io::Result<()> {
    while unmount(place, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW).is_ok() {}
    if place.symlink_metadata().is_ok_and(|there| there.is_dir() != is_folder) {
        if is_folder { std::fs::remove_file(place)? } else { std::fs::remove_dir(place)? }
    }
    if is_folder {
        return std::fs::create_dir_all(place);
    }
    if let Some(parent) = place.parent() {
        std::fs::create_dir_all(parent)?;
    }
    std::fs::OpenOptions::new().create(true).append(true).open(place).map(drop)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[track_caller]
    fn check(mut mount: Value, expected: Result<Option<&str>, &str>) {
        mount["name"] = json!("data");
        mount["mountPath"] = json!("/data");
        let mount: VolumeMount = serde_json::from_value(mount).unwrap();
        let environment = [("POD", "web-0"), ("UP", ".."), ("EMPTY", "")];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let found = of_mount(0, &mount, &environment);
        let found = found.as_ref().map(|path| path.as_ref().and_then(|path| path.to_str()));
        assert_eq!(found.map_err(ToString::to_string), expected.map_err(ToOwned::to_owned));
    }

    #[test]
    fn the_part_is_read_and_its_variables_are_expanded() {
        check(json!({}), Ok(None));
        check(json!({"subPath": ""}), Ok(None));
        check(json!({"subPath": "a/b"}), Ok(Some("a/b")));
        check(json!({"subPath": "a/$(POD)"}), Ok(Some("a/$(POD)")));
        check(json!({"subPathExpr": "a/$(POD)"}), Ok(Some("a/web-0")));
    }

    #[test]
    fn what_lies_outside_of_the_volume_is_refused() {
        let outside = |found: &str| {
            format!("volumeMounts[0].subPath: found {found:?}, expected a relative path without ..")
        };
        check(json!({"subPath": "/etc"}), Err(&outside("/etc")));
        check(json!({"subPath": "a/../../b"}), Err(&outside("a/../../b")));
        check(json!({"subPathExpr": "$(UP)/b"}), Err(&outside("../b")));
        check(json!({"subPathExpr": "$(EMPTY)"}), Err(&outside("")));
        let not_set = "volumeMounts[0].subPathExpr: the variable in \"$(NONE)\" is not set";
        check(json!({"subPathExpr": "$(NONE)"}), Err(not_set));
    }

    #[test]
    fn folders_that_are_made_are_as_open_as_the_volume() {
        use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
        let volume = tempfile::tempdir().unwrap();
        for mode in [0o777, 0o2770] {
            std::fs::set_permissions(volume.path(), std::fs::Permissions::from_mode(mode)).unwrap();
            let part = format!("of/{mode:o}");
            open(volume.path(), Path::new(&part)).unwrap();
            assert_eq!(volume.path().join(part).metadata().unwrap().mode() & 0o7777, mode);
        }
    }

    #[test]
    fn folders_are_made_and_links_are_followed_only_within_the_volume() {
        let folder = tempfile::tempdir().unwrap();
        let volume = folder.path().join("volume");
        std::fs::create_dir_all(volume.join("real")).unwrap();
        std::fs::create_dir(folder.path().join("outside")).unwrap();
        open(&volume, Path::new("new/er")).unwrap();
        assert!(volume.join("new/er").is_dir());
        std::os::unix::fs::symlink("real", volume.join("inner")).unwrap();
        open(&volume, Path::new("inner/made")).unwrap();
        assert!(volume.join("real/made").is_dir());
        for (name, target) in [("up", "../outside"), ("absolute", "/etc")] {
            std::os::unix::fs::symlink(target, volume.join(name)).unwrap();
            for part in [name.to_owned(), format!("{name}/made")] {
                let refused = open(&volume, Path::new(&part)).unwrap_err();
                assert_eq!(refused.to_string(), "it leads out of the volume by a symbolic link", "{part}");
            }
        }
        assert!(!folder.path().join("outside/made").exists());
    }
}
