//! The names of the store's files.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use super::files::Files;

const SNAPSHOT: &str = "snapshot-";
const LOG: &str = "log-";
/// The ending of a file that is not complete yet.
pub(super) const UNFINISHED: &str = ".new";

/// Counts the logs of a store. A snapshot has the number of the log that follows it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Generation(u64);

impl Generation {
    pub(super) fn next(self) -> Generation {
        Generation(self.0 + 1)
    }

    pub(super) fn log(self, directory: &Path) -> PathBuf {
        directory.join(format!("{LOG}{:08}", self.0))
    }

    pub(super) fn snapshot(self, directory: &Path) -> PathBuf {
        directory.join(format!("{SNAPSHOT}{:08}", self.0))
    }
}

/// What lies in the folder.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) snapshots: BTreeSet<Generation>,
    pub(super) logs: BTreeSet<Generation>,
    pub(super) unfinished: Vec<PathBuf>,
}

impl Found {
    /// # Errors
    /// The folder cannot be read.
    pub(super) fn in_directory(files: &dyn Files, directory: &Path) -> io::Result<Found> {
        let mut found = Found::default();
        for name in files.list(directory)? {
            found.add(directory, &name);
        }
        Ok(found)
    }

    fn add(&mut self, directory: &Path, name: &str) {
        let generation = |prefix| Some(Generation(name.strip_prefix(prefix)?.parse().ok()?));
        if name.ends_with(UNFINISHED) {
            self.unfinished.push(directory.join(name));
        } else if let Some(generation) = generation(SNAPSHOT) {
            self.snapshots.insert(generation);
        } else if let Some(generation) = generation(LOG) {
            self.logs.insert(generation);
        }
    }

    /// Everything that is not needed once the snapshot of `oldest` is there.
    pub(super) fn outdated(&self, directory: &Path, oldest: Generation) -> Vec<PathBuf> {
        let logs = self.logs.range(..oldest).map(|generation| generation.log(directory));
        let snapshots = self.snapshots.range(..oldest).map(|generation| generation.snapshot(directory));
        self.unfinished.iter().cloned().chain(logs).chain(snapshots).collect()
    }
}
