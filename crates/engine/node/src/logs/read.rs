//! Reads a log and passes it on piece by piece, as fast as it is taken.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use k8s_openapi::jiff::Timestamp;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::sync::{mpsc, watch};

use super::follow::{Growth, successor};
use super::line::{self, Line, Stream};
use super::options::LogOptions;
use crate::pods::runtime::{RunState, Snapshot};

const PIECES_WAITING_MAX: usize = 16;
const PIECE_BYTES: usize = 16 << 10;
/// Containerd splits lines at 16 KiB; what is longer was not written by it.
const LINE_BYTES_MAX: usize = 1 << 20;
const LINE_PREFIX_BYTES: u64 = 64;
const BLOCK_BYTES: u64 = 64 << 10;

/// The log of one container.
#[derive(Debug, Clone)]
pub(crate) struct LogSource {
    pub(crate) file: PathBuf,
    pub(crate) pod_uid: String,
    pub(crate) container_id: String,
    /// Whether the container is in the snapshot, or was. A new one is not at once.
    pub(crate) is_known: bool,
    /// Tells when the container ends.
    pub(crate) snapshot: watch::Receiver<Arc<Snapshot>>,
}

/// The log as the options ask for it. It ends at its end, or with the container if it is followed.
pub(crate) fn stream(
    source: LogSource,
    options: LogOptions,
) -> impl futures::Stream<Item = io::Result<Bytes>> + Send {
    let (pieces, receiver) = mpsc::channel(PIECES_WAITING_MAX);
    tokio::spawn(async move {
        if let Err(error) = send_all(source, &options, &pieces).await {
            // Nobody is left to tell if this fails too.
            drop(pieces.send(Err(error)).await);
        }
    });
    futures::stream::unfold(receiver, |mut receiver| async { Some((receiver.recv().await?, receiver)) })
}

/// One file of a log, as far as it was read.
struct Reading {
    reader: BufReader<tokio::fs::File>,
    /// Present if the log is followed.
    growth: Option<Growth>,
}

impl Reading {
    /// Begins where the options say.
    async fn begin(file: File, options: &LogOptions) -> io::Result<Self> {
        // Before reading, so that nothing that is written in between is missed.
        let growth = if options.follow { Some(Growth::of(&file)?) } else { None };
        let lines = options.tail_lines;
        let seek = move |mut file: File| {
            let start = lines.map_or(Ok(0), |lines| start_of_tail(&mut file, lines, u64::MAX))?;
            file.seek(SeekFrom::Start(start))?;
            io::Result::Ok(file)
        };
        let file = tokio::task::spawn_blocking(move || seek(file)).await??;
        Ok(Reading { reader: BufReader::new(tokio::fs::File::from_std(file)), growth })
    }

    /// Goes on with the file that stands where this one stood.
    fn go_on(&mut self, next: File) -> io::Result<()> {
        self.growth = Some(Growth::of(&next)?);
        self.reader = BufReader::new(tokio::fs::File::from_std(next));
        Ok(())
    }

    async fn metadata(&self) -> io::Result<std::fs::Metadata> {
        self.reader.get_ref().metadata().await
    }
}

async fn send_all(
    mut source: LogSource,
    options: &LogOptions,
    pieces: &mpsc::Sender<io::Result<Bytes>>,
) -> io::Result<()> {
    let mut reading = Reading::begin(File::open(&source.file)?, options).await?;
    let mut printer = Printer::new(options);
    let mut was_left = false;
    loop {
        let file = reading.metadata().await?;
        let has_ended = source.container_has_ended() || file.nlink() == 0;
        let next = if was_left { successor(file.ino(), &source.file)? } else { None };
        if !print_all(&mut reading.reader, &mut printer, pieces).await? {
            return Ok(());
        }
        if let Some(next) = next.filter(|_| !printer.is_full()) {
            reading.go_on(next)?;
            was_left = false;
            continue;
        }
        let Some(growth) = reading.growth.as_ref().filter(|_| !has_ended && !printer.is_full()) else {
            return Ok(());
        };
        tokio::select! {
            noticed = growth.noticed() => was_left |= noticed?.left,
            _ = source.snapshot.changed() => {}
            () = pieces.closed() => return Ok(()),
        }
    }
}

/// Passes on all lines that are whole; false if nobody reads any more.
async fn print_all(
    reader: &mut BufReader<tokio::fs::File>,
    printer: &mut Printer,
    pieces: &mpsc::Sender<io::Result<Bytes>>,
) -> io::Result<bool> {
    while read_line(reader, &mut printer.line).await? {
        let goes_on = printer.print_line();
        if let Some(piece) = printer.take(PIECE_BYTES)
            && pieces.send(Ok(piece)).await.is_err()
        {
            return Ok(false);
        }
        if !goes_on {
            break;
        }
    }
    match printer.take(1) {
        Some(piece) => Ok(pieces.send(Ok(piece)).await.is_ok()),
        None => Ok(true),
    }
}

/// Appends to `line` up to its end; false if the end is not written yet.
async fn read_line(reader: &mut BufReader<tokio::fs::File>, line: &mut Vec<u8>) -> io::Result<bool> {
    loop {
        let available = reader.fill_buf().await?;
        if available.is_empty() {
            return Ok(false);
        }
        let end = available.iter().position(|byte| *byte == b'\n');
        let taken = end.map_or(available.len(), |end| end + 1);
        line.extend(available.iter().take(end.unwrap_or(taken)));
        line.truncate(LINE_BYTES_MAX);
        reader.consume(taken);
        if end.is_some() {
            return Ok(true);
        }
    }
}

impl LogSource {
    fn container_has_ended(&mut self) -> bool {
        let snapshot = self.snapshot.borrow_and_update();
        let containers = snapshot.get(&self.pod_uid).map(|pod| pod.containers.as_slice()).unwrap_or_default();
        match containers.iter().find(|container| container.id == self.container_id) {
            Some(container) => {
                self.is_known = true;
                container.state == RunState::Ended
            }
            None => self.is_known,
        }
    }
}

/// Turns lines of the file into what was asked for.
struct Printer {
    timestamps: bool,
    since: Option<Timestamp>,
    stream: Option<Stream>,
    left: Option<u64>,
    /// Whether what is printed next begins a line: long ones are written in parts.
    begins_line: bool,
    /// What is read of the line that comes next.
    line: Vec<u8>,
    ready: BytesMut,
}

impl Printer {
    fn new(options: &LogOptions) -> Self {
        let LogOptions { timestamps, since, stream, limit_bytes, .. } = *options;
        Printer {
            timestamps,
            since,
            stream,
            left: limit_bytes,
            begins_line: true,
            line: Vec::new(),
            ready: BytesMut::new(),
        }
    }

    /// Prints the line that was read. False if no more may be printed.
    fn print_line(&mut self) -> bool {
        let mut line = std::mem::take(&mut self.line);
        let goes_on = self.print(&line);
        line.clear();
        self.line = line;
        goes_on
    }

    /// A line that cannot be read is left out.
    fn print(&mut self, line: &[u8]) -> bool {
        let Some(line) = line::parse(line) else { return true };
        let is_before = self.since.is_some_and(|since| line.is_before(since));
        let is_of_other = self.stream.is_some_and(|stream| stream != line.stream);
        if !is_before && !is_of_other {
            self.put_line(&line);
        }
        !self.is_full()
    }

    fn put_line(&mut self, line: &Line<'_>) {
        if self.timestamps && self.begins_line {
            self.put(line.time.as_bytes());
            self.put(b" ");
        }
        self.put(line.text);
        if line.is_whole {
            self.put(b"\n");
        }
        self.begins_line = line.is_whole;
    }

    fn put(&mut self, bytes: &[u8]) {
        let allowed = self
            .left
            .map_or(bytes.len(), |left| bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX)));
        self.ready.extend(bytes.iter().take(allowed));
        if let Some(left) = &mut self.left {
            *left -= allowed as u64;
        }
    }

    fn is_full(&self) -> bool {
        self.left == Some(0)
    }

    /// What is printed, if it is at least so many bytes.
    fn take(&mut self, bytes: usize) -> Option<Bytes> {
        (self.ready.len() >= bytes).then(|| self.ready.split().freeze())
    }
}

/// The text of the last lines, for a termination message; empty if there is no log.
pub(crate) fn tail_of(file: &Path, lines: usize, bytes_max: u64) -> Vec<u8> {
    let mut printer = Printer::new(&LogOptions::default());
    // Time, stream and tag of each line come on top of its text.
    let window = bytes_max.saturating_add(LINE_PREFIX_BYTES.saturating_mul(lines as u64));
    let read = || {
        let mut content = Vec::new();
        let mut file = File::open(file)?;
        let start = start_of_tail(&mut file, lines as u64, window)?;
        file.seek(SeekFrom::Start(start))?;
        file.read_to_end(&mut content)?;
        io::Result::Ok(content)
    };
    let read = read();
    for line in read.unwrap_or_default().split(|byte| *byte == b'\n') {
        printer.print(line);
    }
    let text = printer.ready;
    let start = text.len().saturating_sub(usize::try_from(bytes_max).unwrap_or(usize::MAX));
    text.get(start..).unwrap_or_default().to_vec()
}

/// Where the last `lines` lines begin, but at most `bytes_max` bytes before the end. Reads from the end.
fn start_of_tail(file: &mut File, lines: u64, bytes_max: u64) -> io::Result<u64> {
    let end = file.seek(SeekFrom::End(0))?;
    let first = end.saturating_sub(bytes_max);
    let mut found = 0;
    let mut block_end = end;
    while block_end > first {
        let block_start = block_end.saturating_sub(BLOCK_BYTES).max(first);
        let mut block = vec![0; usize::try_from(block_end - block_start).unwrap_or(0)];
        file.seek(SeekFrom::Start(block_start))?;
        file.read_exact(&mut block)?;
        for (offset, byte) in (block_start..).zip(&block).collect::<Vec<_>>().into_iter().rev() {
            // The end of the last line begins no other.
            if *byte == b'\n' && offset + 1 < end {
                found += 1;
                if found == lines {
                    return Ok(offset + 1);
                }
            }
        }
        block_end = block_start;
    }
    Ok(if lines == 0 { end } else { first })
}

#[cfg(test)]
mod tests;
