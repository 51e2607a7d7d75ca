use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tempfile::TempDir;

use crate::testing::{commit, commit_each, contents, create, delete, key, next_line, scope, update};
use crate::{OpenError, Options, Revision, Store};

fn open(directory: &Path) -> Result<Store, OpenError> {
    Store::open(Options { directory: Some(directory.join("store")), history_events: 100 })
}

#[test]
fn a_store_that_is_opened_again_is_the_same() {
    let directory = TempDir::new().expect("a folder");
    let store = open(directory.path()).expect("it opens");
    assert_eq!(store.revision(), Revision(0));
    commit_each(
        &store,
        vec![create("pods/a/1"), create("nodes//n"), update("pods/a/1", 1), create("pods/a/2")],
    );
    commit(&store, vec![delete("pods/a/2", 4), create("pods/b/1"), create("pods/b/2")]).expect("carried out");
    let before = contents(&store);
    drop(store);
    for _ in 0..2 {
        let store = open(directory.path()).expect("it opens again");
        assert_eq!(contents(&store), before);
    }
    let store = open(directory.path()).expect("it opens again");
    assert_eq!(commit(&store, vec![create("pods/a/2")]).expect("carried out"), Revision(6));
    drop(store);
    let store = open(directory.path()).expect("it opens again");
    assert_eq!(store.get(&key("pods/a/2")).expect("it is there").revision, Revision(6));
}

#[test]
fn a_watch_goes_on_where_it_was_before_the_store_was_closed() {
    let directory = TempDir::new().expect("a folder");
    let store = open(directory.path()).expect("it opens");
    commit_each(&store, vec![create("pods/a/1"), update("pods/a/1", 1), delete("pods/a/1", 2)]);
    drop(store);
    let store = open(directory.path()).expect("it opens again");
    let mut watch = store.watch(scope("pods"), Revision(1)).expect("it is in the log");
    assert_eq!(next_line(&mut watch), "Updated pods/a/1 updated@2 was created@1");
    assert_eq!(next_line(&mut watch), "Deleted pods/a/1 deleted@3 was updated@2");
}

#[test]
fn a_store_that_is_open_cannot_be_opened_once_more() {
    let directory = TempDir::new().expect("a folder");
    let store = open(directory.path()).expect("it opens");
    let error = open(directory.path()).map(|_| ()).expect_err("it is in use");
    assert!(matches!(error, OpenError::InUse { .. }), "{error}");
    let clone = store.clone();
    drop(store);
    open(directory.path()).map(|_| ()).expect_err("a clone holds it");
    drop(clone);
    open(directory.path()).expect("nobody holds it");
}

#[test]
fn only_the_owner_can_read_the_files() {
    let directory = TempDir::new().expect("a folder");
    let store = open(directory.path()).expect("it opens");
    commit_each(&store, vec![create("secrets/a/1")]);
    let folder = directory.path().join("store");
    let mode = |path: &Path| std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(mode(&folder.join("log-00000000")), 0o600);
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let directory = TempDir::new().expect("a folder");
    std::fs::write(directory.path().join("store"), "a file").expect("it is written");
    let error = open(directory.path()).map(|_| ()).expect_err("a file is in the way");
    assert!(matches!(&error, OpenError::Io { file, .. } if file.ends_with("store")), "{error}");
}
