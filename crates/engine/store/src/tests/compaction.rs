use std::time::{Duration, Instant};

use crate::testing::volume::{Faults, Volume};
use crate::testing::{commit, commit_each, contents, create, key, next_line, open_on, scope, update};
use crate::{Revision, Store};

const COMPACTION_BYTES: u64 = 20_000;

/// Writes one object again and again.
fn rewrite(store: &Store, times: usize) {
    for _ in 0..times {
        let revision = store.get(&key("pods/a/1")).expect("it is there").revision.0;
        commit(store, vec![update("pods/a/1", revision)]).expect("carried out");
    }
}

fn filled(volume: &Volume) -> Store {
    let store = open_on(volume, COMPACTION_BYTES).expect("it opens");
    commit_each(&store, vec![create("pods/a/1"), create("nodes//n"), create("pods/a/2")]);
    store
}

/// Writes until the files are a snapshot and the log after it, this one or a later one, which another thread brings
/// about.
#[track_caller]
fn rewrite_until_snapshot(store: &Store, volume: &Volume, first: usize) {
    let limit = Instant::now() + Duration::from_secs(30);
    let is_settled = |names: &[String]| match names {
        [log, snapshot] => (first..first + 1000)
            .any(|number| *log == format!("log-{number:08}") && *snapshot == format!("snapshot-{number:08}")),
        _ => false,
    };
    while !is_settled(&volume.names()) {
        assert!(Instant::now() < limit, "{:?}", volume.names());
        rewrite(store, 1);
    }
}

#[test]
fn a_log_that_has_outgrown_its_objects_is_replaced() {
    let volume = Volume::default();
    let store = filled(&volume);
    rewrite(&store, 50);
    assert_eq!(volume.names(), ["log-00000000"]);
    rewrite_until_snapshot(&store, &volume, 1);
    rewrite_until_snapshot(&store, &volume, 2);
    let before = contents(&store);
    drop(store);
    let store = open_on(&volume, COMPACTION_BYTES).expect("it opens again");
    assert_eq!(contents(&store), before);
    assert_eq!(store.get(&key("nodes//n")).expect("it is there").revision, Revision(2));
    rewrite(&store, 200);
    assert_eq!(store.revision(), Revision(before.0.0 + 200));
}

#[test]
fn the_history_before_the_snapshot_is_expired_when_the_store_is_opened_again() {
    let volume = Volume::default();
    let store = filled(&volume);
    rewrite_until_snapshot(&store, &volume, 1);
    rewrite(&store, 1);
    let newest = store.revision();
    store.watch(scope("pods"), Revision(0)).expect("the running store remembers");
    drop(store);
    let store = open_on(&volume, COMPACTION_BYTES).expect("it opens again");
    let expired = store.watch(scope("pods"), Revision(0)).map(|_| ()).expect_err("it is not in the log");
    let mut watch = store.watch(scope("pods"), newest.before()).expect("it is in the log");
    assert!(next_line(&mut watch).starts_with("Updated pods/a/1"));
    assert!(expired.oldest > Revision(0) && expired.newest == newest);
}

#[test]
fn an_empty_store_has_a_snapshot_too() {
    let volume = Volume::default();
    let store = open_on(&volume, 0).expect("it opens");
    commit_each(&store, vec![create("pods/a/1"), crate::testing::delete("pods/a/1", 1)]);
    drop(store);
    let store = open_on(&volume, 0).expect("it opens again");
    assert_eq!(contents(&store), (Revision(2), vec![]));
}

#[test]
fn a_snapshot_that_cannot_be_written_leaves_the_logs_as_they_are() {
    let volume = Volume::default();
    let store = filled(&volume);
    rewrite(&store, 100);
    // The new log fails to become durable, twice; the old one is gone on with.
    volume.set_faults(Faults { failing_directory_syncs: 2, ..Faults::default() });
    let limit = Instant::now() + Duration::from_secs(30);
    let mut refused = 0;
    while !volume.names().contains(&"snapshot-00000001".to_owned()) {
        assert!(Instant::now() < limit, "{:?}", volume.names());
        let revision = store.get(&key("pods/a/1")).expect("it is there").revision.0;
        refused += u32::from(commit(&store, vec![update("pods/a/1", revision)]).is_err());
        let reopened = open_on(&volume.after_kill(), u64::MAX).expect("it opens at any time");
        assert_eq!(contents(&reopened), contents(&store));
    }
    assert_eq!(refused, 1, "while the ghost of the new log could not be removed");
}

#[test]
fn a_damaged_snapshot_is_refused() {
    let volume = Volume::default();
    let store = filled(&volume);
    rewrite_until_snapshot(&store, &volume, 1);
    drop(store);
    let snapshot =
        volume.names().into_iter().find(|name| name.starts_with("snapshot-")).expect("there is one");
    let path = std::path::Path::new(crate::testing::DIRECTORY).join(snapshot);
    let bytes = volume.bytes(&path);
    for length in (0..bytes.len()).step_by(16) {
        let damaged = volume.after_kill();
        damaged.set_bytes(&path, bytes[..length].to_vec());
        check_refused(&damaged, &path);
    }
    for byte in (0..bytes.len()).step_by(3).filter(|byte| bytes[*byte] != 0) {
        let damaged = volume.after_kill();
        let mut flipped = bytes.clone();
        flipped[byte] ^= 0x10;
        damaged.set_bytes(&path, flipped);
        check_refused(&damaged, &path);
    }
}

/// A log is whole once another follows it: then even its last batch cannot be torn.
#[test]
fn a_damaged_log_before_the_last_is_refused() {
    let volume = Volume::default();
    let store = filled(&volume);
    volume.set_faults(Faults { no_snapshots: true, ..Faults::default() });
    let limit = Instant::now() + Duration::from_secs(30);
    while volume.names().len() < 2 {
        assert!(Instant::now() < limit, "{:?}", volume.names());
        rewrite(&store, 1);
    }
    rewrite(&store, 1);
    drop(store);
    let path = std::path::Path::new(crate::testing::DIRECTORY).join("log-00000000");
    let bytes = volume.bytes(&path);
    let last = bytes.iter().rposition(|byte| *byte != 0).expect("it was written to");
    for byte in (0..=last).rev().step_by(97).filter(|byte| bytes[*byte] != 0) {
        let damaged = volume.after_kill();
        let mut flipped = bytes.clone();
        flipped[byte] ^= 0x10;
        damaged.set_bytes(&path, flipped);
        check_refused(&damaged, &path);
    }
}

#[track_caller]
fn check_refused(volume: &Volume, path: &std::path::Path) {
    let error = open_on(volume, COMPACTION_BYTES).map(|_| ()).expect_err("it is damaged");
    assert!(matches!(&error, crate::OpenError::Damaged { file, .. } if file == path), "{error}");
}
