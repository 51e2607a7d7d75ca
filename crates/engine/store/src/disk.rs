//! The store on disk: a snapshot, the logs of what came after it, and who tidies them.
//!
//! ```text
//! snapshot-7   every live object as it was when log-7 began
//! log-7        what was committed since, one batch per group
//! lock         held by the process that has the store open
//! ```
//!
//! When the log has outgrown the live objects, a new log is begun, in which writing goes on, and another thread
//! writes the snapshot that belongs before it. Until that one is complete and durable, the older files stay and are
//! what is read. A crash at any step leaves either the old chain or the new one, and files to remove.

mod backup;
mod files;
mod frame;
mod layout;
mod log;
mod record;
mod recovery;
mod snapshot;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

pub(crate) use backup::back_up;
pub(crate) use files::{DiskFile, Files, SystemFiles};

use crate::state::State;
use crate::store::Shared;
use crate::writer::Durable;
use crate::{CommitError, Event, OpenError};
use layout::Generation;
use log::Log;
use snapshot::Snapshot;

/// Where the files lie, and when they are tidied.
#[derive(Clone)]
pub(crate) struct DiskOptions {
    pub(crate) files: Arc<dyn Files>,
    pub(crate) directory: PathBuf,
    pub(crate) history_events: usize,
    /// A log of fewer bytes is not replaced.
    pub(crate) compaction_bytes_min: u64,
    /// Logs take room in steps of so many bytes, so that appending rarely changes a file's size.
    pub(crate) room_bytes: u64,
}

/// A log is replaced when it has so many times the bytes of the live objects.
const LOG_TO_LIVE_RATIO: u64 = 2;

/// The lengths in the files have 32 bits.
const BATCH_BYTES_MAX: usize = 1 << 30;

pub(crate) struct Disk {
    options: DiskOptions,
    generation: Generation,
    log: Log,
    live_bytes: u64,
    /// Bytes of the log at which it is replaced next.
    compaction_bytes: u64,
    snapshot: Option<JoinHandle<()>>,
    /// See [`Disk::remove_ghost`].
    ghost: Option<PathBuf>,
    /// Last, so that it is given back last.
    _lock: Box<dyn Send>,
}

impl Disk {
    /// Reads everything and gets ready to write.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub(crate) fn open(options: DiskOptions) -> Result<(Disk, State), OpenError> {
        let lock = lock(&options)?;
        let recovered = recovery::recover(&options)?;
        let live_bytes = recovered.state.entries().map(|entry| record::bytes(entry)).sum();
        let mut disk = Disk {
            generation: recovered.generation,
            log: recovered.log,
            live_bytes,
            compaction_bytes: 0,
            snapshot: None,
            ghost: None,
            _lock: lock,
            options,
        };
        disk.set_compaction_bytes(0);
        Ok((disk, recovered.state))
    }

    fn count_live(&mut self, events: &[Event]) {
        for event in events {
            let before = event.previous.as_deref().map_or(0, record::bytes);
            let after = event.present().map_or(0, |entry| record::bytes(entry));
            self.live_bytes = (self.live_bytes + after).saturating_sub(before);
        }
    }

    fn set_compaction_bytes(&mut self, already: u64) {
        let minimum = self.options.compaction_bytes_min;
        self.compaction_bytes = already + minimum.max(self.live_bytes.saturating_mul(LOG_TO_LIVE_RATIO));
    }

    /// Whether the log should be replaced, and no snapshot is being written.
    fn needs_compaction(&mut self) -> bool {
        if self.log.end() <= self.compaction_bytes {
            return false;
        }
        if self.snapshot.as_ref().is_some_and(|thread| !thread.is_finished()) {
            return false;
        }
        self.join_snapshot();
        true
    }

    /// Begins a new log and lets another thread write the snapshot before it.
    fn compact(&mut self, shared: &Shared) -> io::Result<()> {
        // Only this thread changes the state, so both belong together.
        let revision = shared.read().revision();
        let generation = self.generation.next();
        let path = generation.log(&self.options.directory);
        self.log = Log::create(&self.options, path.clone(), revision).inspect_err(|_| {
            self.ghost = Some(path);
        })?;
        self.generation = generation;
        let entries = shared.read().entries().cloned().collect();
        let snapshot = Snapshot { options: self.options.clone(), generation, revision, entries };
        let thread = std::thread::Builder::new().name("store-snapshot".to_owned());
        self.snapshot = Some(thread.spawn(move || snapshot.write_and_tidy())?);
        Ok(())
    }

    /// A new log that failed half way may have its name all the same. Recovery would read it after the one that is
    /// still written to, so nothing is written before it is gone.
    fn remove_ghost(&mut self) -> io::Result<()> {
        let Some(path) = &self.ghost else { return Ok(()) };
        match self.options.files.remove(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => self.options.files.sync_directory(&self.options.directory)?,
        }
        self.ghost = None;
        Ok(())
    }

    fn join_snapshot(&mut self) {
        if let Some(thread) = self.snapshot.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that writes the store's snapshot panicked");
        }
    }
}

impl Durable for Disk {
    fn append(&mut self, events: &[Event]) -> Result<(), CommitError> {
        let removed = self.remove_ghost();
        let appended = removed.and_then(|()| batch(events)).and_then(|(body, count)| {
            let revision = events.last().map(Event::revision).unwrap_or_default();
            self.log.append(&body, count, revision)
        });
        appended.map_err(|source| CommitError::Write {
            file: self.log.path().to_owned(),
            source: Arc::new(source),
        })?;
        self.count_live(events);
        Ok(())
    }

    fn appended(&mut self, shared: &Shared) {
        if !self.needs_compaction() {
            return;
        }
        match self.compact(shared) {
            Ok(()) => self.set_compaction_bytes(0),
            Err(error) => {
                tracing::warn!(%error, "failed to replace the store's log; it is tried again when it has grown");
                self.set_compaction_bytes(self.log.end());
            }
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.join_snapshot();
    }
}

/// The records of all events, and how many they are.
fn batch(events: &[Event]) -> io::Result<(Vec<u8>, u32)> {
    let mut body = Vec::new();
    for event in events {
        record::encode(event, &mut body);
    }
    if body.len() > BATCH_BYTES_MAX {
        let text = format!("{} bytes in one group; at most {BATCH_BYTES_MAX} are written", body.len());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    Ok((body, u32::try_from(events.len()).unwrap_or(u32::MAX)))
}

fn lock(options: &DiskOptions) -> Result<Box<dyn Send>, OpenError> {
    let directory = options.directory.clone();
    options.files.lock(&directory).map_err(|source| match source.kind() {
        io::ErrorKind::WouldBlock => OpenError::InUse { directory },
        _ => OpenError::Io { file: directory, source },
    })
}
