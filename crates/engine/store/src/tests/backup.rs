use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;

use crate::disk::DiskOptions;
use crate::testing::volume::{Faults, Volume};
use crate::testing::{DIRECTORY, commit_each, contents, create, delete, open_on, update};
use crate::{BackupError, OpenError, Options, Revision, Store};

fn open(directory: &Path) -> Result<Store, OpenError> {
    Store::open(Options { directory: Some(directory.to_owned()), history_events: 10 })
}

fn filled(directory: &Path) -> Store {
    let store = open(directory).expect("it opens");
    commit_each(
        &store,
        vec![create("pods/a/1"), create("pods/a/2"), update("pods/a/1", 1), delete("pods/a/2", 2)],
    );
    store
}

#[test]
fn a_copy_holds_what_was_there_when_it_was_begun_and_goes_on_from_there() {
    let folder = TempDir::new().expect("a folder");
    let store = filled(&folder.path().join("store"));
    let before = contents(&store);
    let copy = folder.path().join("backups/first");
    assert_eq!(store.back_up(&copy).expect("it is written"), Revision(4));
    commit_each(&store, vec![create("pods/a/later")]);
    let restored = open(&copy).expect("it opens");
    assert_eq!(contents(&restored), before);
    commit_each(&restored, vec![create("pods/a/3")]);
    drop(restored);
    assert_eq!(open(&copy).expect("it opens again").revision(), Revision(5));
}

#[test]
fn a_copy_never_takes_the_place_of_another_store() {
    let folder = TempDir::new().expect("a folder");
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    let (store, other) = (filled(&one), filled(&two));
    let before = contents(&other);
    let refused =
        |result| assert!(matches!(result, Err(BackupError::NotEmpty { directory }) if directory == two));
    refused(store.back_up(&two));
    drop(other);
    refused(store.back_up(&two));
    assert_eq!(contents(&open(&two).expect("it opens")), before);
}

#[test]
fn a_copy_on_a_full_disk_says_so_and_is_not_taken_for_a_whole_one() {
    let store = filled(TempDir::new().expect("a folder").path());
    let volume = Volume::default();
    volume.set_faults(Faults { room: Some(9000), ..Faults::default() });
    let large = "x".repeat(10_000);
    commit_each(&store, vec![crate::testing::put("pods/a/large", crate::Expect::Absent, &large)]);
    let result = store.back_up_on(DiskOptions {
        files: Arc::new(volume.clone()),
        directory: DIRECTORY.into(),
        history_events: 0,
        compaction_bytes_min: u64::MAX,
        room_bytes: 8192,
    });
    assert!(
        matches!(&result, Err(BackupError::Io { source, .. }) if source.kind() == ErrorKind::StorageFull),
        "{result:?}"
    );
    volume.set_faults(Faults::default());
    assert!(matches!(open_on(&volume, u64::MAX), Err(OpenError::Damaged { .. })));
}
