//! The file that is appended to.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::frame::{self, FileId, Found, FrameKind, Frames, HEADER_BYTES};
use super::layout::UNFINISHED;
use super::{DiskFile, DiskOptions, Files};
use crate::Revision;

/// A log that is ready for the next batch.
pub(super) struct Log {
    files: Arc<dyn Files>,
    path: PathBuf,
    file: Box<dyn DiskFile>,
    id: FileId,
    /// Where the next batch begins; everything before is durable.
    end: u64,
    /// How long the file is; zeros after the end.
    room: u64,
    room_step: u64,
    /// A write or sync failed: nothing is known of what lies after the end.
    suspect: bool,
    revision: Revision,
}

impl Log {
    /// Makes a log that follows `revision`. It has its name only once it is whole and durable.
    pub(super) fn create(options: &DiskOptions, path: PathBuf, revision: Revision) -> io::Result<Log> {
        let unfinished = with_ending(&path, UNFINISHED);
        let id = FileId::random();
        let begin = frame::encode(FrameKind::BeginLog, id, 0, &[], 0, revision);
        let end = begin.len() as u64;
        let file = options.files.create(&unfinished)?;
        file.allocate(options.room_bytes)?;
        file.write_at(&begin, 0)?;
        file.sync()?;
        options.files.rename(&unfinished, &path)?;
        options.files.sync_directory(&options.directory)?;
        let files = Arc::clone(&options.files);
        let room_step = options.room_bytes;
        Ok(Log { files, path, file, id, end, room: room_step, room_step, suspect: false, revision })
    }

    /// Opens a log that was read to `end`, and cuts what follows.
    pub(super) fn open(
        options: &DiskOptions,
        path: PathBuf,
        id: FileId,
        end: u64,
        revision: Revision,
    ) -> io::Result<Log> {
        let files = Arc::clone(&options.files);
        let file = files.open(&path)?;
        file.cut(end)?;
        // What was read may have been in the system's memory only.
        file.sync()?;
        let room_step = options.room_bytes;
        let mut log = Log { files, path, file, id, end, room: end, room_step, suspect: false, revision };
        // Without room the store still opens; the first write says what is missing.
        if log.reserve(0).is_ok() {
            log.mark();
        }
        Ok(log)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Appends a batch and returns once it is durable. After an error it is not part of the log.
    pub(super) fn append(&mut self, body: &[u8], records: u32, revision: Revision) -> io::Result<()> {
        if self.suspect {
            self.repair()?;
        }
        let frame = frame::encode(FrameKind::Batch, self.id, self.end, body, records, revision);
        self.reserve(frame.len() as u64)?;
        if let Err(error) = self.write_durably(&frame) {
            self.suspect = true;
            // Now, while nobody was answered: a batch that was refused must not be there after a crash.
            if let Err(error) = self.repair() {
                tracing::error!(file = ?self.path, %error, "failed to repair the log after a failed write");
            }
            return Err(error);
        }
        self.end += frame.len() as u64;
        self.revision = revision;
        self.mark();
        Ok(())
    }

    fn write_durably(&self, frame: &[u8]) -> io::Result<()> {
        self.file.write_at(frame, self.end)?;
        self.file.sync()
    }

    /// Leaves the word that everything before the end is acknowledged. It is not synced: it has to be there only
    /// if the disk has had time to go bad.
    fn mark(&mut self) {
        let mark = frame::encode(FrameKind::Mark, self.id, self.end, &[], 0, self.revision);
        if self.file.write_at(&mark, self.end).is_err() {
            self.suspect = true;
        }
    }

    /// Takes room for so many bytes and a mark.
    fn reserve(&mut self, bytes: u64) -> io::Result<()> {
        let needed = self.end + bytes + HEADER_BYTES as u64;
        if needed > self.room {
            let room = needed.next_multiple_of(self.room_step);
            self.file.allocate(room)?;
            self.room = room;
        }
        Ok(())
    }

    /// After a failed sync the system may have dropped what it could not write, and a second sync would say nothing
    /// of it. So the file is opened anew, cut to its last durable point, and read back from the disk.
    fn repair(&mut self) -> io::Result<()> {
        let file = self.files.open(&self.path)?;
        file.cut(self.end)?;
        file.sync()?;
        file.forget_cache()?;
        self.verify(&self.files.read(&self.path)?)?;
        tracing::warn!(file = ?self.path, bytes = self.end, "the log was cut to its last durable batch");
        self.file = file;
        self.room = self.end;
        self.suspect = false;
        Ok(())
    }

    fn verify(&self, bytes: &[u8]) -> io::Result<()> {
        let damaged = |offset| {
            io::Error::new(io::ErrorKind::InvalidData, format!("the log reads back damaged at byte {offset}"))
        };
        let (_, mut frames) = Frames::begin(bytes, FrameKind::BeginLog).ok_or_else(|| damaged(0))?;
        while frames.offset() < self.end {
            let Found::Frame(_, body) = frames.peek() else { return Err(damaged(frames.offset())) };
            frames.skip(body);
        }
        Ok(())
    }
}

/// The path with something after its last name.
pub(super) fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}
