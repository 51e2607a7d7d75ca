//! Files that change all at once, as the kubelet's do.
//!
//! The files lie in a folder that is never changed; `..data` is a link to it; what the container opens are links
//! through `..data`. A new set of files is a new folder, and one rename of the link.

use std::collections::BTreeSet;
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::give_to_group;
use super::projection::Payload;

const DATA: &str = "..data";
const NEW_DATA: &str = "..data_tmp";

/// Makes the volume at `volume` hold just `payload`; `group` may read it.
pub(super) fn write(volume: &Path, payload: &Payload, group: Option<u32>) -> io::Result<()> {
    let folder = name_of(payload, group);
    std::fs::create_dir_all(volume)?;
    let before = std::fs::read_link(volume.join(DATA)).ok();
    if before.as_deref() != Some(Path::new(&folder)) {
        std::fs::set_permissions(volume, std::fs::Permissions::from_mode(0o755))?;
        write_folder(&volume.join(&folder), payload, group)?;
        replace_link(Path::new(&folder), &volume.join(DATA), &volume.join(NEW_DATA))?;
    }
    link_files(volume, payload)?;
    remove_leftovers(volume, payload, &folder)
}

/// The name says what the folder holds, so that a volume which is right already is left alone.
fn name_of(payload: &Payload, group: Option<u32>) -> String {
    let mut hash = Sha256::new();
    hash.update(format!("{group:?}"));
    for (path, file) in payload {
        hash.update(format!("\0{path}\0{:o}\0{:?}\0{}\0", file.mode, file.owner, file.bytes.len()));
        hash.update(&file.bytes);
    }
    hash.finalize().iter().take(12).fold(String::from(".."), |name, byte| name + &format!("{byte:02x}"))
}

fn write_folder(folder: &Path, payload: &Payload, group: Option<u32>) -> io::Result<()> {
    // One that a crash left behind may be incomplete.
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    make_folder(folder, group)?;
    let group_reads = if group.is_some() { 0o040 } else { 0 };
    for (path, file) in payload {
        let path = folder.join(path);
        if let Some(parent) = path.parent().filter(|parent| !parent.exists()) {
            std::fs::create_dir_all(parent)?;
            make_folder(parent, group)?;
        }
        let mut opened = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        opened.write_all(&file.bytes)?;
        std::os::unix::fs::fchown(&opened, file.owner, group)?;
        opened.set_permissions(std::fs::Permissions::from_mode(file.mode | group_reads))?;
    }
    Ok(())
}

fn make_folder(folder: &Path, group: Option<u32>) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    give_to_group(folder, group)?;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755))
}

fn link_files(volume: &Path, payload: &Payload) -> io::Result<()> {
    for name in visible_names(payload) {
        let target = Path::new(DATA).join(name);
        let link = volume.join(name);
        if std::fs::read_link(&link).ok().as_deref() != Some(&target) {
            replace_link(&target, &link, &volume.join(NEW_DATA))?;
        }
    }
    Ok(())
}

fn visible_names(payload: &Payload) -> BTreeSet<&str> {
    payload.keys().filter_map(|path| path.split('/').next()).collect()
}

fn replace_link(target: &Path, link: &Path, temporary: &Path) -> io::Result<()> {
    match std::fs::remove_file(temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    std::os::unix::fs::symlink(target, temporary)?;
    std::fs::rename(temporary, link)
}

fn remove_leftovers(volume: &Path, payload: &Payload, folder: &str) -> io::Result<()> {
    let visible = visible_names(payload);
    for entry in std::fs::read_dir(volume)? {
        let entry = entry?;
        let name = entry.file_name();
        let keep = name.to_str().is_some_and(|name| name == DATA || name == folder || visible.contains(name));
        if keep {
            continue;
        }
        if entry.file_type()?.is_dir() {
            std::fs::remove_dir_all(entry.path())?;
        } else {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::super::projection::File;
    use super::*;

    fn payload(files: &[(&str, &str)]) -> Payload {
        let file = |(path, text): &(&str, &str)| {
            ((*path).to_owned(), File { bytes: text.as_bytes().to_vec(), mode: 0o640, owner: None })
        };
        files.iter().map(file).collect()
    }

    fn names(volume: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(volume).unwrap();
        let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| !name.starts_with(".."));
        names.sort();
        names
    }

    #[test]
    fn files_are_seen_through_one_link() {
        let folder = tempfile::tempdir().unwrap();
        let volume = folder.path().join("config");
        write(&volume, &payload(&[("a", "1"), ("sub/b", "2")]), None).unwrap();
        assert_eq!(names(&volume), ["a", "sub"]);
        assert_eq!(std::fs::read_to_string(volume.join("a")).unwrap(), "1");
        assert_eq!(std::fs::read_to_string(volume.join("sub/b")).unwrap(), "2");
        assert_eq!(std::fs::read_link(volume.join("a")).unwrap(), Path::new("..data/a"));
        assert_eq!(std::fs::metadata(volume.join("a")).unwrap().mode() & 0o777, 0o640);
    }

    #[test]
    fn a_change_replaces_all_files_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let volume = folder.path().join("config");
        write(&volume, &payload(&[("a", "1"), ("b", "2")]), None).unwrap();
        write(&volume, &payload(&[("a", "3"), ("c", "4")]), None).unwrap();
        assert_eq!(names(&volume), ["a", "c"]);
        assert_eq!(std::fs::read_to_string(volume.join("a")).unwrap(), "3");
        assert_eq!(std::fs::read_dir(&volume).unwrap().count(), 4);
    }

    #[test]
    fn what_is_right_already_is_not_written_again() {
        let folder = tempfile::tempdir().unwrap();
        let volume = folder.path().join("config");
        write(&volume, &payload(&[("a", "1")]), None).unwrap();
        let before = std::fs::metadata(volume.join("a")).unwrap().ino();
        write(&volume, &payload(&[("a", "1")]), None).unwrap();
        assert_eq!(std::fs::metadata(volume.join("a")).unwrap().ino(), before);
    }

    #[test]
    fn what_a_crash_left_behind_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let volume = folder.path().join("config");
        let wanted = payload(&[("a", "1")]);
        let unfinished = volume.join(name_of(&wanted, None));
        std::fs::create_dir_all(&unfinished).unwrap();
        std::fs::write(unfinished.join("a"), "half").unwrap();
        std::os::unix::fs::symlink("nowhere", volume.join(NEW_DATA)).unwrap();
        write(&volume, &wanted, None).unwrap();
        assert_eq!(std::fs::read_to_string(volume.join("a")).unwrap(), "1");
    }
}
