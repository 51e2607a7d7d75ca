//! Logs that lie there when containerd does not know their containers any more.

use std::path::{Path, PathBuf};

/// The logs of all containers of one name, the latest first.
pub(crate) fn latest_files(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let counted = entries.filter_map(|entry| {
        let path = entry.path();
        let count: u32 = path.file_name()?.to_str()?.strip_suffix(".log")?.parse().ok()?;
        Some((count, path))
    });
    let mut files: Vec<_> = counted.collect();
    files.sort();
    files.into_iter().rev().map(|(_, path)| path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_log_is_that_of_the_last_start() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["2.log", "10.log", "10.log.20260102-030405", "x.log"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let names: Vec<_> = latest_files(folder.path())
            .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
            .collect();
        assert_eq!(names, ["10.log", "2.log"]);
        assert_eq!(latest_files(Path::new("/nowhere")).count(), 0);
    }
}
