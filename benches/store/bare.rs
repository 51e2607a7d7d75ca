//! The most that one writer can have of this disk.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use rustix::fs::{FallocateFlags, fallocate};

use crate::{SPAN, VALUE_BYTES, per_second};

/// Room for the whole span, so that the file's size does not change while it is written.
const ROOM_BYTES: u64 = 256 << 20;

pub(crate) fn writes_per_second(path: &Path) -> Result<u64> {
    let file = OpenOptions::new().write(true).create_new(true).open(path)?;
    fallocate(&file, FallocateFlags::empty(), 0, ROOM_BYTES)?;
    file.sync_all()?;
    let value = vec![7; VALUE_BYTES];
    let began = Instant::now();
    let mut writes = 0;
    while began.elapsed() < SPAN {
        file.write_all_at(&value, (writes * VALUE_BYTES as u64) % ROOM_BYTES)?;
        file.sync_data()?;
        writes += 1;
    }
    std::fs::remove_file(path)?;
    Ok(per_second(writes))
}
