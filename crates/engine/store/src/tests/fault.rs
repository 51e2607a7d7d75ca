use std::io::ErrorKind;
use std::path::Path;

use crate::testing::volume::rand_source::Random;
use crate::testing::volume::{Faults, Volume};
use crate::testing::{
    DIRECTORY, commit, commit_each, contents, create, key, next_line, open_on, scope, update,
    wait_on_one_thread,
};
use crate::{CommitError, Revision, Store};

const NEVER: u64 = u64::MAX;

fn filled(volume: &Volume) -> Store {
    let store = open_on(volume, NEVER).expect("it opens");
    commit_each(&store, vec![create("pods/a/1"), create("pods/a/2")]);
    store
}

#[track_caller]
fn check_write_error(store: &Store, expected: ErrorKind) {
    match commit(store, vec![create("pods/a/refused")]) {
        Err(CommitError::Write { file, source }) => {
            assert_eq!(
                (file.as_path(), source.kind()),
                (&*Path::new(DIRECTORY).join("log-00000000"), expected)
            );
        }
        other => panic!("{other:?}"),
    }
}

/// Whatever happens next, what was acknowledged is there and what was refused is not.
#[track_caller]
fn check_after_crashes(volume: &Volume, store: &Store) {
    let killed = open_on(&volume.after_kill(), NEVER).expect("it opens after a kill");
    assert_eq!(contents(&killed), contents(store));
    for seed in 0..20 {
        let lost = volume.after_power_loss(&mut Random::new(seed));
        let lost = open_on(&lost, NEVER).expect("it opens after a power loss");
        assert_eq!(contents(&lost), contents(store), "seed {seed}");
    }
}

#[test]
fn a_failing_sync_refuses_the_write_and_the_store_goes_on() {
    let volume = Volume::default();
    let store = filled(&volume);
    let before = contents(&store);
    let mut watch = store.watch(scope("pods"), Revision(2)).expect("it is newest");
    volume.set_faults(Faults { failing_syncs: 1, ..Faults::default() });
    check_write_error(&store, ErrorKind::Other);
    assert_eq!(contents(&store), before);
    check_after_crashes(&volume, &store);
    assert_eq!(commit(&store, vec![create("pods/a/3")]).expect("carried out"), Revision(3));
    assert_eq!(next_line(&mut watch), "Created pods/a/3 created@3");
    check_after_crashes(&volume, &store);
}

#[test]
fn while_the_disk_fails_nothing_is_written_and_then_it_goes_on() {
    let volume = Volume::default();
    let store = filled(&volume);
    volume.set_faults(Faults { failing_syncs: 3, ..Faults::default() });
    check_write_error(&store, ErrorKind::Other);
    check_write_error(&store, ErrorKind::Other);
    volume.set_faults(Faults { cannot_open: true, ..Faults::default() });
    check_write_error(&store, ErrorKind::PermissionDenied);
    volume.set_faults(Faults::default());
    commit_each(&store, vec![update("pods/a/1", 1)]);
    assert_eq!(store.get(&key("pods/a/refused")), None);
    check_after_crashes(&volume, &store);
}

#[test]
fn a_full_disk_refuses_writes_until_there_is_room() {
    let volume = Volume::default();
    let store = filled(&volume);
    volume.set_faults(Faults { is_full: true, ..Faults::default() });
    // The room that was taken ahead is used up first.
    let mut written = 0;
    let error = loop {
        match commit(&store, vec![large(&format!("pods/b/{written}"))]) {
            Ok(_) => written += 1,
            Err(error) => break error,
        }
        assert!(written < 100, "the room ends");
    };
    assert!(matches!(&error, CommitError::Write { source, .. } if source.kind() == ErrorKind::StorageFull));
    assert!(written > 0);
    assert_eq!(store.revision(), Revision(2 + written));
    check_after_crashes(&volume, &store);
    volume.set_faults(Faults::default());
    commit(&store, vec![large("pods/b/more")]).expect("there is room");
    check_after_crashes(&volume, &store);
}

#[test]
fn a_store_on_a_full_disk_opens_and_can_be_read() {
    let volume = Volume::default();
    let before = contents(&filled(&volume));
    volume.set_faults(Faults { is_full: true, ..Faults::default() });
    let store = open_on(&volume, NEVER).expect("it opens");
    assert_eq!(contents(&store), before);
    check_write_error(&store, ErrorKind::StorageFull);
    volume.set_faults(Faults::default());
    commit_each(&store, vec![create("pods/a/3")]);
}

fn large(path: &str) -> crate::Operation {
    crate::testing::put(path, crate::Expect::Absent, &"x".repeat(500))
}

#[test]
fn writes_that_come_together_share_one_sync() {
    let volume = Volume::default();
    let store = filled(&volume);
    let before = volume.syncs();
    volume.set_faults(Faults { syncs_wait: true, ..Faults::default() });
    wait_on_one_thread(async {
        let mut commits: Vec<_> =
            (0..50).map(|number| Box::pin(store.commit(vec![create(&format!("pods/c/{number}"))]))).collect();
        assert!(futures::poll!(&mut commits[0]).is_pending());
        volume.wait_for_a_waiting_sync();
        for commit in &mut commits[1..] {
            assert!(futures::poll!(commit).is_pending());
        }
        assert_eq!(store.revision(), Revision(2), "nothing is visible before it is durable");
        volume.set_faults(Faults::default());
        let revisions = futures::future::try_join_all(commits).await.expect("carried out");
        assert_eq!(revisions, (3..53).map(Revision).collect::<Vec<_>>());
    });
    assert_eq!(volume.syncs() - before, 2);
}

#[test]
fn later_transactions_of_a_group_see_the_earlier_ones_and_fail_with_them() {
    let volume = Volume::default();
    let store = filled(&volume);
    let run = |faults: Faults| {
        volume.set_faults(Faults { syncs_wait: true, ..Faults::default() });
        wait_on_one_thread(async {
            let mut first = Box::pin(store.commit(vec![create("nodes//first")]));
            assert!(futures::poll!(&mut first).is_pending());
            volume.wait_for_a_waiting_sync();
            let mut group: Vec<_> =
                (0..3).map(|_| Box::pin(store.commit(vec![create("pods/c/same")]))).collect();
            for commit in &mut group {
                assert!(futures::poll!(commit).is_pending());
            }
            volume.set_faults(faults);
            (first.await.is_ok(), futures::future::join_all(group).await)
        })
    };
    let (first, group) = run(Faults { failing_syncs: 1, ..Faults::default() });
    assert!(!first);
    assert!(matches!(
        group.as_slice(),
        [Ok(Revision(3)), Err(CommitError::Unexpected { found: Some(Revision(3)), .. }), Err(_)]
    ));
    check_after_crashes(&volume, &store);
}

#[test]
fn an_expectation_that_fails_because_of_a_write_that_fails_is_a_failed_write() {
    let volume = Volume::default();
    let store = filled(&volume);
    volume.set_faults(Faults { syncs_wait: true, ..Faults::default() });
    let outcomes = wait_on_one_thread(async {
        let mut first = Box::pin(store.commit(vec![create("nodes//first")]));
        assert!(futures::poll!(&mut first).is_pending());
        volume.wait_for_a_waiting_sync();
        let mut group: Vec<_> = (0..2).map(|_| Box::pin(store.commit(vec![create("pods/c/same")]))).collect();
        for commit in &mut group {
            assert!(futures::poll!(commit).is_pending());
        }
        // The sync of the first, the repair after it, and the sync of the group.
        volume.set_faults(Faults { failing_syncs: 3, ..Faults::default() });
        assert!(first.await.is_err());
        futures::future::join_all(group).await
    });
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Err(CommitError::Write { .. }))), "{outcomes:?}");
    check_after_crashes(&volume, &store);
}
