//! From files to a state. What a crash explains is cut; anything else is refused with its place.

use std::io;
use std::path::{Path, PathBuf};

use super::frame::{FileId, Found, FrameKind, Frames, Header};
use super::layout::{self, Generation};
use super::log::Log;
use super::record::{Decoder, Record};
use super::{DiskOptions, Files, snapshot};
use crate::state::State;
use crate::{Event, OpenError};

/// Everything that was read, and the log to go on with.
pub(super) struct Recovered {
    pub(super) state: State,
    pub(super) generation: Generation,
    pub(super) log: Log,
}

/// # Errors
/// [`OpenError::Io`] and [`OpenError::Damaged`].
pub(super) fn recover(options: &DiskOptions) -> Result<Recovered, OpenError> {
    let directory = &options.directory;
    let found =
        layout::Found::in_directory(options.files.as_ref(), directory).map_err(io_error(directory))?;
    let mut replay =
        Replay { options, state: State::new(options.history_events), decoder: Decoder::default() };
    let Some(newest) = found.logs.last().copied().max(found.snapshots.last().copied()) else {
        return begin(options, replay.state);
    };
    let oldest = found.snapshots.last().copied().unwrap_or_default();
    if found.snapshots.contains(&oldest) {
        replay.snapshot(&oldest.snapshot(directory))?;
    }
    let mut generation = oldest;
    while generation < newest {
        replay.log(&generation.log(directory), Tail::Complete)?;
        generation = generation.next();
    }
    let path = newest.log(directory);
    let (id, end) = replay.log(&path, Tail::MayBeTorn)?;
    let state = replay.state;
    let log = Log::open(options, path.clone(), id, end, state.revision()).map_err(io_error(&path))?;
    snapshot::tidy(options, oldest).map_err(io_error(directory))?;
    Ok(Recovered { state, generation: newest, log })
}

/// A store that has nothing yet.
fn begin(options: &DiskOptions, state: State) -> Result<Recovered, OpenError> {
    let generation = Generation::default();
    let path = generation.log(&options.directory);
    let log = Log::create(options, path.clone(), state.revision()).map_err(io_error(&path))?;
    Ok(Recovered { state, generation, log })
}

/// How a log may end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tail {
    /// Another one was begun after it, so all of it was durable.
    Complete,
    /// It was written to last.
    MayBeTorn,
}

struct Replay<'a> {
    options: &'a DiskOptions,
    state: State,
    decoder: Decoder,
}

/// A place in a file.
struct Place<'a> {
    path: &'a Path,
    offset: u64,
}

impl Place<'_> {
    fn damaged(&self, what: impl Into<String>) -> OpenError {
        OpenError::Damaged { file: self.path.to_owned(), offset: self.offset, what: what.into() }
    }
}

impl Replay<'_> {
    fn snapshot(&mut self, path: &Path) -> Result<(), OpenError> {
        let bytes = read(self.options.files.as_ref(), path)?;
        let (begin, mut frames) = begin_frames(&bytes, FrameKind::BeginSnapshot, path)?;
        let mut loaded = 0;
        loop {
            let place = Place { path, offset: frames.offset() };
            match frames.peek() {
                Found::Frame(header, body) if header.kind == FrameKind::Batch => {
                    loaded += header.records;
                    self.load(&header, body, &place)?;
                    frames.skip(body);
                }
                Found::Frame(header, _)
                    if header.kind == FrameKind::EndSnapshot && header.records == loaded =>
                {
                    break;
                }
                Found::Frame(header, _) => {
                    return Err(place.damaged(format!("{:?} after {loaded} objects", header.kind)));
                }
                Found::Nothing => return Err(place.damaged("the snapshot has no end")),
                Found::Broken(what) => return Err(place.damaged(what)),
            }
        }
        self.state.loaded(begin.revision);
        Ok(())
    }

    fn load(&mut self, header: &Header, body: &[u8], place: &Place<'_>) -> Result<(), OpenError> {
        for record in self.records(header, body, place)? {
            self.state.load(record.entry);
        }
        Ok(())
    }

    /// Carries out the batches of a log and tells where they end.
    fn log(&mut self, path: &Path, tail: Tail) -> Result<(FileId, u64), OpenError> {
        let bytes = read(self.options.files.as_ref(), path)?;
        let (begin, mut frames) = begin_frames(&bytes, FrameKind::BeginLog, path)?;
        if begin.revision != self.state.revision() {
            return Err(Place { path, offset: 0 }.damaged(format!(
                "it begins after revision {}, but what comes before it ends at {}",
                begin.revision.0,
                self.state.revision().0
            )));
        }
        while let Found::Frame(header, body) = frames.peek() {
            let place = Place { path, offset: frames.offset() };
            match header.kind {
                FrameKind::Batch => self.replay(&header, body, &place)?,
                FrameKind::Mark if header.revision == self.state.revision() => break,
                kind => return Err(place.damaged(format!("{kind:?} where a batch was expected"))),
            }
            frames.skip(body);
        }
        check_tail(&frames, tail, &Place { path, offset: frames.offset() })?;
        Ok((begin.file, frames.offset()))
    }

    fn replay(&mut self, header: &Header, body: &[u8], place: &Place<'_>) -> Result<(), OpenError> {
        let before = self.state.revision();
        for record in self.records(header, body, place)? {
            let revision = record.entry.revision;
            let newest = self.state.revision();
            if revision != newest.next() && (revision != newest || newest == before) {
                return Err(place.damaged(format!("revision {} after revision {}", revision.0, newest.0)));
            }
            let event = self.event(record, place)?;
            self.state.apply(event);
        }
        if self.state.revision() != header.revision {
            return Err(place.damaged(format!("a batch that does not end at revision {}", header.revision.0)));
        }
        Ok(())
    }

    fn event(&self, record: Record, place: &Place<'_>) -> Result<Event, OpenError> {
        let previous = self.state.get(&record.entry.key).cloned();
        if !record.is_delete {
            return Ok(Event::put(record.entry, previous));
        }
        match previous {
            Some(previous) => Ok(Event::delete(record.entry, previous)),
            None => Err(place.damaged(format!("a deletion of what is not there: {:?}", record.entry.key))),
        }
    }

    fn records(&mut self, header: &Header, body: &[u8], place: &Place<'_>) -> Result<Vec<Record>, OpenError> {
        let mut rest = body;
        let mut records = Vec::new();
        while !rest.is_empty() {
            let record = self.decoder.decode(&mut rest);
            records.push(record.ok_or_else(|| place.damaged("a batch with a record that is not whole"))?);
        }
        if records.len() as u64 != u64::from(header.records) {
            return Err(place.damaged(format!(
                "a batch of {} records has {}",
                header.records,
                records.len()
            )));
        }
        Ok(records)
    }
}

/// A crash leaves at most one batch that is not whole, at the very end: the next one is written only after a sync.
fn check_tail(frames: &Frames<'_>, tail: Tail, place: &Place<'_>) -> Result<(), OpenError> {
    let (what, is_torn) = match frames.peek() {
        Found::Frame(..) => ("a mark that is not the end", false),
        Found::Nothing => ("zeros where a batch was", false),
        Found::Broken(what) => (what, true),
    };
    if frames.any_follows() || (is_torn && tail == Tail::Complete) {
        return Err(place.damaged(what));
    }
    if is_torn {
        tracing::warn!(file = ?place.path, offset = place.offset, "the last batch was never complete and is cut");
    }
    Ok(())
}

fn begin_frames<'a>(
    bytes: &'a [u8],
    kind: FrameKind,
    path: &Path,
) -> Result<(Header, Frames<'a>), OpenError> {
    let place = Place { path, offset: 0 };
    Frames::begin(bytes, kind).ok_or_else(|| place.damaged("no valid header of the file"))
}

fn read(files: &dyn Files, path: &Path) -> Result<Vec<u8>, OpenError> {
    files.read(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Place { path, offset: 0 }.damaged("the file is missing"),
        _ => io_error(path)(error),
    })
}

fn io_error(file: &Path) -> impl FnOnce(io::Error) -> OpenError {
    let file: PathBuf = file.to_owned();
    move |source| OpenError::Io { file, source }
}
