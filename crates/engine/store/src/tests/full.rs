//! A disk that is truly full: a small file system of memory.

use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::testing::{commit, contents, create, put};
use crate::{CommitError, Expect, Options, Store};

/// A small file system, unmounted when it is dropped.
struct SmallDisk(TempDir);

impl SmallDisk {
    /// `None`, and a line that says so, where nothing can be mounted.
    fn mount(size: &str) -> Option<SmallDisk> {
        let disk = SmallDisk(TempDir::new().expect("a folder"));
        if !mount(&["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"], disk.path()) {
            eprintln!("left out: the test on a full disk, since only root can mount one");
            return None;
        }
        Some(disk)
    }

    fn resize(&self, size: &str) {
        assert!(mount(&["-o", &format!("remount,size={size}")], self.path()));
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        Command::new("umount").arg(self.path()).output().ok();
    }
}

fn mount(arguments: &[&str], path: &Path) -> bool {
    Command::new("mount").args(arguments).arg(path).output().is_ok_and(|output| output.status.success())
}

fn open(disk: &SmallDisk) -> Store {
    let directory = Some(disk.path().join("store"));
    Store::open(Options { directory, history_events: 10 }).expect("it opens")
}

#[test]
fn on_a_full_disk_writes_fail_with_its_words_and_go_on_when_there_is_room() {
    let Some(disk) = SmallDisk::mount("3m") else { return };
    let store = open(&disk);
    let large = "x".repeat(100_000);
    let mut written = 0;
    let error = loop {
        match commit(&store, vec![put(&format!("pods/a/{written}"), Expect::Absent, &large)]) {
            Ok(_) => written += 1,
            Err(error) => break error,
        }
        assert!(written < 100, "the room ends");
    };
    assert!(
        matches!(&error, CommitError::Write { source, .. } if source.kind() == ErrorKind::StorageFull),
        "{error:?}"
    );
    assert!(written > 10);
    let full = contents(&store);
    drop(store);
    let store = open(&disk);
    assert_eq!(contents(&store), full, "what was acknowledged is there, the rest is not");
    disk.resize("6m");
    commit(&store, vec![create("pods/a/more")]).expect("there is room");
    let more = contents(&store);
    drop(store);
    assert_eq!(contents(&open(&disk)), more);
}
