//! One change to one object, in bytes.
//!
//! ```text
//! u32 length of the rest   u32 crc32c of the rest
//! u8 kind   u64 revision   then, each with its u32 length: resource, namespace, name, value
//! ```

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use crc32c::crc32c;

use super::frame::Fields;
use crate::{Entry, Event, EventKind, Key, Revision};

const PUT: u8 = 1;
const DELETE: u8 = 2;
/// Of everything but the texts and the value.
const FIXED_BYTES: usize = 4 + 4 + 1 + 8 + 4 * 4;

/// A record that was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) is_delete: bool,
    pub(super) entry: Arc<Entry>,
}

/// How many bytes the record of an entry has.
pub(super) fn bytes(entry: &Entry) -> u64 {
    let Key { resource, namespace, name } = &entry.key;
    (FIXED_BYTES + resource.len() + namespace.len() + name.len() + entry.value.len()) as u64
}

pub(super) fn encode(event: &Event, out: &mut Vec<u8>) {
    let kind = if event.kind == EventKind::Deleted { DELETE } else { PUT };
    encode_record(kind, &event.entry, out);
}

pub(super) fn encode_entry(entry: &Entry, out: &mut Vec<u8>) {
    encode_record(PUT, entry, out);
}

fn encode_record(kind: u8, entry: &Entry, out: &mut Vec<u8>) {
    let Key { resource, namespace, name } = &entry.key;
    let mut rest = Vec::with_capacity(FIXED_BYTES + entry.value.len() + 64);
    rest.push(kind);
    rest.extend_from_slice(&entry.revision.0.to_le_bytes());
    for part in [resource.as_bytes(), namespace.as_bytes(), name.as_bytes(), &entry.value] {
        rest.extend_from_slice(&length(part));
        rest.extend_from_slice(part);
    }
    out.extend_from_slice(&length(&rest));
    out.extend_from_slice(&crc32c(&rest).to_le_bytes());
    out.append(&mut rest);
}

fn length(part: &[u8]) -> [u8; 4] {
    // Whoever writes the batch refuses what is longer.
    u32::try_from(part.len()).unwrap_or(u32::MAX).to_le_bytes()
}

/// Reads the records of batches; texts that repeat are kept once.
#[derive(Default)]
pub(super) struct Decoder {
    texts: BTreeSet<Arc<str>>,
}

impl Decoder {
    /// Takes the record off the front of `bytes`; `None` if it is not whole.
    pub(super) fn decode(&mut self, bytes: &mut &[u8]) -> Option<Record> {
        let mut fields = Fields(bytes);
        let length = usize::try_from(fields.u32()?).ok()?;
        let checksum = fields.u32()?;
        let rest = fields.bytes(length).filter(|rest| crc32c(rest) == checksum)?;
        *bytes = fields.0;
        self.decode_rest(Fields(rest))
    }

    fn decode_rest(&mut self, mut fields: Fields<'_>) -> Option<Record> {
        let is_delete = match fields.u8()? {
            PUT => false,
            DELETE => true,
            _ => return None,
        };
        let revision = Revision(fields.u64()?);
        let resource = self.text(&mut fields)?;
        let namespace = self.text(&mut fields)?;
        let name = Arc::from(std::str::from_utf8(part(&mut fields)?).ok()?);
        let value = Bytes::copy_from_slice(part(&mut fields)?);
        let entry = Arc::new(Entry { key: Key { resource, namespace, name }, revision, value });
        fields.0.is_empty().then_some(Record { is_delete, entry })
    }

    fn text(&mut self, fields: &mut Fields<'_>) -> Option<Arc<str>> {
        let text = std::str::from_utf8(part(fields)?).ok()?;
        if let Some(known) = self.texts.get(text) {
            return Some(Arc::clone(known));
        }
        let text: Arc<str> = Arc::from(text);
        self.texts.insert(Arc::clone(&text));
        Some(text)
    }
}

fn part<'a>(fields: &mut Fields<'a>) -> Option<&'a [u8]> {
    let length = usize::try_from(fields.u32()?).ok()?;
    fields.bytes(length)
}
