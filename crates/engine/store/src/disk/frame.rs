//! The unit of the files: a header that proves itself, and a body that it vouches for.
//!
//! A header names the file that it was written to and its place in it, so that bytes of an object can never be taken
//! for one. Frames begin at multiples of their header's size, so that no header straddles two sectors of a disk.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use crc32c::crc32c;

use crate::Revision;

/// Of a header, and what every frame is padded to.
pub(super) const HEADER_BYTES: usize = 64;
/// The format, with its version.
const MAGIC: [u8; 4] = *b"BYS1";
const CHECKED_BYTES: usize = HEADER_BYTES - 4;

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FrameKind {
    /// The first of a log; its revision is the one before the log.
    BeginLog,
    /// The first of a snapshot; its revision is that of all of it.
    BeginSnapshot,
    /// Records.
    Batch,
    /// The last of a snapshot; it counts the records of all of it.
    EndSnapshot,
    /// Everything before was synced and acknowledged. The next batch takes its place.
    Mark,
}

/// A file's own number, unknown to those who store objects in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileId(u64);

impl FileId {
    pub(super) fn random() -> FileId {
        FileId(RandomState::new().build_hasher().finish())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: FrameKind,
    pub(super) file: FileId,
    pub(super) offset: u64,
    pub(super) body_bytes: u64,
    pub(super) body_checksum: u32,
    pub(super) records: u32,
    /// The newest after this frame.
    pub(super) revision: Revision,
}

/// A header and its body, padded.
pub(super) fn encode(
    kind: FrameKind,
    file: FileId,
    offset: u64,
    body: &[u8],
    records: u32,
    revision: Revision,
) -> Vec<u8> {
    let body_checksum = crc32c(body);
    let header =
        Header { kind, file, offset, body_bytes: body.len() as u64, body_checksum, records, revision };
    let mut frame = Vec::with_capacity(HEADER_BYTES + body.len().next_multiple_of(HEADER_BYTES));
    frame.extend_from_slice(&header.encode());
    frame.extend_from_slice(body);
    frame.resize(frame.len().next_multiple_of(HEADER_BYTES), 0);
    frame
}

impl Header {
    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&self.kind.code().to_le_bytes());
        for number in [self.file.0, self.offset, self.body_bytes, self.revision.0] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(&self.records.to_le_bytes());
        bytes.extend_from_slice(&self.body_checksum.to_le_bytes());
        bytes.resize(CHECKED_BYTES, 0);
        let checksum = crc32c(&bytes);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// The header at the front of `bytes`, if there is one that belongs at `offset`.
    pub(super) fn decode(bytes: &[u8], offset: u64) -> Option<Header> {
        let (header, _) = bytes.split_at_checked(HEADER_BYTES)?;
        let (checked, checksum) = header.split_at_checked(CHECKED_BYTES)?;
        let mut fields = Fields(checked.strip_prefix(&MAGIC)?);
        if crc32c(checked).to_le_bytes() != checksum {
            return None;
        }
        let kind = FrameKind::from_code(fields.u32()?)?;
        let (file, at) = (FileId(fields.u64()?), fields.u64()?);
        let (body_bytes, revision) = (fields.u64()?, Revision(fields.u64()?));
        let (records, body_checksum) = (fields.u32()?, fields.u32()?);
        let header = Header { kind, file, offset, body_bytes, body_checksum, records, revision };
        (at == offset).then_some(header)
    }
}

impl FrameKind {
    fn code(self) -> u32 {
        match self {
            FrameKind::BeginLog => 1,
            FrameKind::BeginSnapshot => 2,
            FrameKind::Batch => 3,
            FrameKind::EndSnapshot => 4,
            FrameKind::Mark => 5,
        }
    }

    fn from_code(code: u32) -> Option<FrameKind> {
        use FrameKind::{Batch, BeginLog, BeginSnapshot, EndSnapshot, Mark};
        [BeginLog, BeginSnapshot, Batch, EndSnapshot, Mark].into_iter().find(|kind| kind.code() == code)
    }
}

/// Numbers one after another, the least byte first.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.bytes(1)?.first().copied()
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.bytes(4)?.try_into().ok()?))
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.bytes(8)?.try_into().ok()?))
    }
}

/// Walks through the frames of a file.
pub(super) struct Frames<'a> {
    bytes: &'a [u8],
    file: FileId,
    offset: usize,
}

/// What stands at an offset.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found<'a> {
    Frame(Header, &'a [u8]),
    /// Zeros, or the end of the file.
    Nothing,
    /// Something that is not a whole frame; the text says what is wrong.
    Broken(&'static str),
}

impl<'a> Frames<'a> {
    /// `None` if the file does not begin with a whole frame of this kind.
    pub(super) fn begin(bytes: &'a [u8], kind: FrameKind) -> Option<(Header, Frames<'a>)> {
        let header = Header::decode(bytes, 0).filter(|header| header.kind == kind)?;
        Some((header, Frames { bytes, file: header.file, offset: HEADER_BYTES }))
    }

    /// Of what [`Frames::peek`] shows.
    pub(super) fn offset(&self) -> u64 {
        self.offset as u64
    }

    pub(super) fn peek(&self) -> Found<'a> {
        let rest = self.bytes.get(self.offset..).unwrap_or_default();
        let header = rest.get(..HEADER_BYTES).unwrap_or(rest);
        if header.iter().all(|byte| *byte == 0) {
            return Found::Nothing;
        }
        let Some(header) = Header::decode(rest, self.offset()).filter(|header| header.file == self.file)
        else {
            return Found::Broken("no valid header of a batch");
        };
        let body =
            usize::try_from(header.body_bytes).ok().and_then(|bytes| rest.get(HEADER_BYTES..)?.get(..bytes));
        match body {
            None => Found::Broken("a batch that is cut off"),
            Some(body) if crc32c(body) != header.body_checksum => {
                Found::Broken("a batch whose checksum does not fit")
            }
            Some(body) => Found::Frame(header, body),
        }
    }

    /// Goes past a frame.
    pub(super) fn skip(&mut self, body: &[u8]) {
        self.offset += HEADER_BYTES + body.len().next_multiple_of(HEADER_BYTES);
    }

    /// Whether any header of this file stands after the one at the offset.
    pub(super) fn any_follows(&self) -> bool {
        let places = (self.offset..self.bytes.len()).step_by(HEADER_BYTES).skip(1);
        let mut headers = places.filter_map(|place| Header::decode(self.bytes.get(place..)?, place as u64));
        headers.any(|header| header.file == self.file)
    }
}
