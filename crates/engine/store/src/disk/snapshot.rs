//! Every live object at one revision, in a file of its own.

use std::io;
use std::sync::Arc;

use super::frame::{self, FileId, FrameKind};
use super::layout::{Found, Generation, UNFINISHED};
use super::log::with_ending;
use super::{DiskFile, DiskOptions, record};
use crate::{Entry, Revision};

/// A batch of a snapshot has about so many bytes.
const BATCH_BYTES: usize = 1 << 20;

/// What is to be written.
pub(super) struct Snapshot {
    pub(super) options: DiskOptions,
    pub(super) generation: Generation,
    pub(super) revision: Revision,
    pub(super) entries: Vec<Arc<Entry>>,
}

impl Snapshot {
    /// Writes the snapshot and removes what it makes superfluous. If that fails, the older files stay what is read.
    pub(super) fn write_and_tidy(self) {
        let tidied = self.write().and_then(|()| tidy(&self.options, self.generation));
        if let Err(error) = tidied {
            tracing::warn!(%error, "failed to write the store's snapshot; its logs are kept until one is written");
        }
    }

    /// Returns once the snapshot is durable under its name.
    pub(super) fn write(&self) -> io::Result<()> {
        let DiskOptions { files, directory, .. } = &self.options;
        let path = self.generation.snapshot(directory);
        let unfinished = with_ending(&path, UNFINISHED);
        let mut pages = Pages { file: files.create(&unfinished)?, id: FileId::random(), end: 0 };
        if let Err(error) = self.write_pages(&mut pages) {
            // It may be what fills the disk.
            drop(files.remove(&unfinished));
            return Err(error);
        }
        files.rename(&unfinished, &path)?;
        files.sync_directory(directory)
    }

    fn write_pages(&self, pages: &mut Pages) -> io::Result<()> {
        pages.write(FrameKind::BeginSnapshot, &[], 0, self.revision)?;
        let mut body = Vec::new();
        let mut records = 0;
        for entry in &self.entries {
            record::encode_entry(entry, &mut body);
            records += 1;
            if body.len() >= BATCH_BYTES {
                pages.write(FrameKind::Batch, &body, records, self.revision)?;
                body.clear();
                records = 0;
            }
        }
        pages.write(FrameKind::Batch, &body, records, self.revision)?;
        let total = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        pages.write(FrameKind::EndSnapshot, &[], total, self.revision)?;
        pages.file.sync()
    }
}

/// A file that is written from its front to its end.
struct Pages {
    file: Box<dyn DiskFile>,
    id: FileId,
    end: u64,
}

impl Pages {
    fn write(&mut self, kind: FrameKind, body: &[u8], records: u32, revision: Revision) -> io::Result<()> {
        let frame = frame::encode(kind, self.id, self.end, body, records, revision);
        self.file.write_at(&frame, self.end)?;
        self.end += frame.len() as u64;
        Ok(())
    }
}

/// Removes what is not read any more, now that the snapshot of `oldest` is durable.
///
/// # Errors
/// The folder cannot be read, or a file not be removed; nothing is lost by that.
pub(super) fn tidy(options: &DiskOptions, oldest: Generation) -> io::Result<()> {
    let DiskOptions { files, directory, .. } = options;
    let found = Found::in_directory(files.as_ref(), directory)?;
    for path in found.outdated(directory, oldest) {
        files.remove(&path)?;
    }
    Ok(())
}
