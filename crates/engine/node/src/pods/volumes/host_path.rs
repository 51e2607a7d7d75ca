//! hostPath volumes: what the pod expects to find on the host, and what is made for it.

use std::io;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

/// The host does not have what the pod expects.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HostPathError {
    #[error("hostPath type check failed: {path:?} is not a {expected}")]
    OtherType { path: PathBuf, expected: &'static str },
    #[error("failed to make {path:?}")]
    Make {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// Checks `path`, or makes it, as `type_` asks (`hostPath.type`).
pub(super) fn check(path: &Path, type_: &str) -> Result<(), HostPathError> {
    let made =
        |made: io::Result<()>| made.map_err(|source| HostPathError::Make { path: path.to_owned(), source });
    match type_ {
        "DirectoryOrCreate" if !path.exists() => made(std::fs::create_dir_all(path)),
        "FileOrCreate" if !path.exists() => made(std::fs::File::create(path).map(drop)),
        "Directory" | "DirectoryOrCreate" => expect(path, "directory", |kind| kind.is_dir()),
        "File" | "FileOrCreate" => expect(path, "file", |kind| kind.is_file()),
        "Socket" => expect(path, "socket", |kind| kind.is_socket()),
        "CharDevice" => expect(path, "character device", |kind| kind.is_char_device()),
        "BlockDevice" => expect(path, "block device", |kind| kind.is_block_device()),
        _ => Ok(()),
    }
}

fn expect(
    path: &Path,
    expected: &'static str,
    is_expected: impl Fn(&std::fs::FileType) -> bool,
) -> Result<(), HostPathError> {
    match std::fs::metadata(path) {
        Ok(metadata) if is_expected(&metadata.file_type()) => Ok(()),
        _ => Err(HostPathError::OtherType { path: path.to_owned(), expected }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_checked_and_what_may_be_made_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        let made = folder.path().join("a/b");
        assert!(check(&file, "File").is_err());
        check(&file, "FileOrCreate").unwrap();
        check(&file, "File").unwrap();
        assert!(check(&file, "Directory").is_err());
        check(&made, "DirectoryOrCreate").unwrap();
        check(&made, "Directory").unwrap();
        assert!(check(&made, "Socket").is_err());
        check(Path::new("/dev/null"), "CharDevice").unwrap();
        check(Path::new("/nowhere"), "").unwrap();
    }
}
