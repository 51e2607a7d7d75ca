//! A copy of the store in a folder of its own, made while the store goes on.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::layout::{Found, Generation};
use super::log::Log;
use super::snapshot::Snapshot;
use super::{DiskOptions, lock};
use crate::{BackupError, Entry, OpenError, Revision};

/// Writes a snapshot and the empty log after it: what a store of that revision looks like after its log was replaced.
///
/// The log comes first. Until the snapshot has its name, the folder does not open as a store, so that a copy that was
/// broken off is never taken for a whole one.
///
/// # Errors
/// See [`BackupError`].
pub(crate) fn back_up(
    options: DiskOptions,
    revision: Revision,
    entries: Vec<Arc<Entry>>,
) -> Result<(), BackupError> {
    let directory = options.directory.clone();
    let _lock = lock(&options).map_err(|error| match error {
        OpenError::Io { file, source } => BackupError::Io { file, source },
        _ => BackupError::NotEmpty { directory: directory.clone() },
    })?;
    let found = Found::in_directory(options.files.as_ref(), &directory).map_err(io_error(&directory))?;
    if found != Found::default() {
        return Err(BackupError::NotEmpty { directory });
    }
    let generation = Generation::default().next();
    let log = generation.log(&directory);
    Log::create(&options, log.clone(), revision).map_err(io_error(&log))?;
    let file = generation.snapshot(&directory);
    Snapshot { options, generation, revision, entries }.write().map_err(io_error(&file))
}

fn io_error(file: &std::path::Path) -> impl FnOnce(io::Error) -> BackupError {
    let file: PathBuf = file.to_owned();
    move |source| BackupError::Io { file, source }
}
