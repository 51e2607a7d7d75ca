use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::testing::volume::Volume;
use crate::testing::{DIRECTORY, commit, commit_each, contents, create, delete, open_on, update};
use crate::{Entry, OpenError, Revision};

const NEVER: u64 = u64::MAX;
const HEADER: usize = 64;

type Contents = (Revision, Vec<Arc<Entry>>);

fn log_path() -> PathBuf {
    Path::new(DIRECTORY).join("log-00000000")
}

/// A closed store of four batches; what it held before and after the last; where each batch begins, and the end.
fn written() -> (Volume, [Contents; 2], Vec<usize>) {
    let volume = Volume::default();
    let store = open_on(&volume, NEVER).expect("it opens");
    commit_each(&store, vec![create("pods/a/1"), create("nodes//n"), update("pods/a/1", 1)]);
    let before = contents(&store);
    commit(&store, vec![create("pods/a/2"), delete("pods/a/1", 3), create("pods/b/1")]).expect("carried out");
    let after = contents(&store);
    drop(store);
    let starts = batch_starts(&volume.bytes(&log_path()));
    assert_eq!(starts.len(), 5);
    (volume, [before, after], starts)
}

/// Of every batch, and of the mark after the last one.
fn batch_starts(log: &[u8]) -> Vec<usize> {
    let mut starts = Vec::new();
    let mut at = HEADER;
    while log[at..at + 4] == *b"BYS1" {
        starts.push(at);
        let body = u64::from_le_bytes(log[at + 24..at + 32].try_into().expect("eight bytes"));
        at += HEADER + usize::try_from(body).expect("it fits").next_multiple_of(HEADER);
        if body == 0 {
            break;
        }
    }
    starts
}

#[track_caller]
fn check_opens_as(volume: &Volume, expected: &Contents, what: &str) {
    let store = open_on(volume, NEVER).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(&contents(&store), expected, "{what}");
    // It can be written to, and what is written then is there afterwards.
    let revision = commit(&store, vec![create("pods/c/new")]).expect("carried out");
    drop(store);
    let store = open_on(volume, NEVER).unwrap_or_else(|error| panic!("{what}, again: {error}"));
    assert_eq!((store.revision(), revision), (expected.0.next(), expected.0.next()), "{what}");
}

#[track_caller]
fn check_refused(volume: &Volume, expected_offset: usize, what: &str) {
    match open_on(volume, NEVER) {
        Err(OpenError::Damaged { file, offset, .. }) => {
            assert_eq!((file, offset), (log_path(), expected_offset as u64), "{what}");
        }
        Err(error) => panic!("{what}: {error}"),
        Ok(_) => panic!("{what}: it was opened"),
    }
}

#[test]
fn a_last_batch_that_is_torn_at_any_byte_is_cut() {
    let (volume, [before, after], starts) = written();
    let log = volume.bytes(&log_path());
    let (start, end) = (starts[3], starts[4]);
    let unpadded_end =
        start + HEADER + log[start + HEADER..end].iter().rposition(|byte| *byte != 0).unwrap_or(0) + 1;
    for length in start..=end {
        let expected = if length < unpadded_end { &before } else { &after };
        let torn = volume.after_kill();
        let mut zeroed = log.clone();
        zeroed[length..].fill(0);
        torn.set_bytes(&log_path(), zeroed);
        check_opens_as(&torn, expected, &format!("zeros from byte {length}"));
        // A file that ends inside of the padding has a whole batch, too.
        torn.set_bytes(&log_path(), log[..length].to_vec());
        check_opens_as(&torn, expected, &format!("cut at byte {length}"));
    }
}

#[test]
fn a_damaged_batch_is_refused_with_its_offset() {
    let (volume, [_, after], starts) = written();
    let log = volume.bytes(&log_path());
    for batch in starts.windows(2) {
        let (start, end) = (batch[0], batch[1]);
        let body = u64::from_le_bytes(log[start + 24..start + 32].try_into().expect("eight bytes"));
        let padding = start + HEADER + usize::try_from(body).expect("it fits");
        for byte in start..end {
            let damaged = volume.after_kill();
            let mut flipped = log.clone();
            flipped[byte] ^= 0x10;
            damaged.set_bytes(&log_path(), flipped);
            let what = format!("byte {byte} of the batch at {start}");
            if byte < padding {
                check_refused(&damaged, start, &what);
            } else {
                check_opens_as(&damaged, &after, &what);
            }
        }
    }
}

#[test]
fn batches_that_are_gone_are_refused() {
    let (volume, _, starts) = written();
    let log = volume.bytes(&log_path());
    for batch in starts.windows(2) {
        let damaged = volume.after_kill();
        let mut zeroed = log.clone();
        zeroed[batch[0]..batch[1]].fill(0);
        damaged.set_bytes(&log_path(), zeroed);
        check_refused(&damaged, batch[0], "a batch of zeros");
    }
    let damaged = volume.after_kill();
    let mut moved = log;
    moved.copy_within(starts[1]..starts[2], starts[0]);
    damaged.set_bytes(&log_path(), moved);
    check_refused(&damaged, starts[0], "a batch at another's place");
}

#[test]
fn a_damaged_header_of_the_file_is_refused() {
    let (volume, _, _) = written();
    for byte in 0..HEADER {
        let damaged = volume.after_kill();
        let mut flipped = volume.bytes(&log_path());
        flipped[byte] ^= 0x01;
        damaged.set_bytes(&log_path(), flipped);
        check_refused(&damaged, 0, &format!("byte {byte}"));
    }
}

#[test]
fn damage_behind_the_end_costs_nothing() {
    let (volume, [_, after], starts) = written();
    let log = volume.bytes(&log_path());
    for byte in starts[4]..starts[4] + 2 * HEADER {
        let damaged = volume.after_kill();
        let mut flipped = log.clone();
        flipped[byte] ^= 0x80;
        damaged.set_bytes(&log_path(), flipped);
        check_opens_as(&damaged, &after, &format!("byte {byte}"));
    }
}

#[test]
fn a_log_of_another_store_does_not_fit() {
    let (volume, _, starts) = written();
    let (other, _, _) = written();
    let mut mixed = volume.bytes(&log_path());
    mixed[starts[2]..].copy_from_slice(&other.bytes(&log_path())[starts[2]..]);
    volume.set_bytes(&log_path(), mixed);
    // Nothing of this log follows what it holds of its own: the rest is as good as torn.
    let store = open_on(&volume, NEVER).expect("it opens");
    assert_eq!(store.revision(), Revision(2));
}
