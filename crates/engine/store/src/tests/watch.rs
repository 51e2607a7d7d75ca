use std::collections::BTreeMap;

use crate::testing::{
    commit, commit_each, create, delete, event_line, in_memory, next_line, put, scope, update, wait,
};
use crate::{Expect, Page, Revision, Store};

#[track_caller]
fn check(store: &Store, scope_path: &str, after: u64, expected: &[&str]) {
    let mut watch = store.watch(scope(scope_path), Revision(after)).expect("the revision is retained");
    for line in expected {
        assert_eq!(&next_line(&mut watch), line, "{scope_path} after {after}");
    }
    wait(async {
        assert!(futures::poll!(Box::pin(watch.next())).is_pending(), "{scope_path} after {after}");
    });
    assert_eq!(watch.seen(), store.revision(), "{scope_path} after {after}");
}

#[test]
fn a_watch_tells_everything_in_scope_after_its_revision() {
    let store = in_memory(100);
    commit_each(&store, vec![create("pods/a/1"), update("pods/a/1", 1), create("pods/b/1")]);
    commit(&store, vec![delete("pods/a/1", 2), create("pods/a/2"), create("nodes//n")]).expect("carried out");
    let first = "Created pods/a/1 created@1";
    let second = "Updated pods/a/1 updated@2 was created@1";
    let third = "Created pods/b/1 created@3";
    let fourth = ["Deleted pods/a/1 deleted@4 was updated@2", "Created pods/a/2 created@4"];
    check(&store, "pods", 0, &[first, second, third, fourth[0], fourth[1]]);
    check(&store, "pods", 2, &[third, fourth[0], fourth[1]]);
    check(&store, "pods/b", 0, &[third]);
    check(&store, "pods/a", 1, &[second, fourth[0], fourth[1]]);
    check(&store, "nodes", 0, &["Created nodes//n created@4"]);
    check(&store, "secrets", 0, &[]);
    check(&store, "pods", 4, &[]);
}

#[test]
fn a_waiting_watch_is_woken_by_a_commit() {
    let store = in_memory(100);
    let mut watch = store.watch(scope("pods"), Revision(0)).expect("nothing is forgotten");
    wait(async {
        let committed = async {
            store.commit(vec![create("nodes//n")]).await.expect("carried out");
            store.commit(vec![create("pods/a/1")]).await.expect("carried out");
        };
        let (event, ()) = futures::join!(watch.next(), committed);
        assert_eq!(event_line(&event.expect("nothing is forgotten")), "Created pods/a/1 created@2");
    });
}

#[test]
fn a_wait_that_is_dropped_loses_nothing() {
    let store = in_memory(100);
    let mut watch = store.watch(scope("pods"), Revision(0)).expect("nothing is forgotten");
    wait(async { assert!(futures::poll!(Box::pin(watch.next())).is_pending()) });
    commit_each(&store, vec![create("pods/a/1")]);
    assert_eq!(next_line(&mut watch), "Created pods/a/1 created@1");
}

#[test]
fn seen_is_before_the_first_event_that_was_not_returned() {
    let store = in_memory(100);
    let mut watch = store.watch(scope("pods/a"), Revision(0)).expect("nothing is forgotten");
    assert_eq!(watch.seen(), Revision(0));
    commit_each(&store, vec![create("pods/b/1"), create("nodes//n")]);
    assert_eq!(watch.seen(), Revision(2));
    commit(&store, vec![create("pods/a/1"), create("pods/a/2")]).expect("carried out");
    commit_each(&store, vec![create("pods/b/2")]);
    assert_eq!(watch.seen(), Revision(2));
    next_line(&mut watch);
    assert_eq!(watch.seen(), Revision(2), "half of a transaction was returned");
    next_line(&mut watch);
    assert_eq!(watch.seen(), Revision(4));
}

#[test]
fn a_watch_is_expired_once_an_event_of_its_resource_is_forgotten() {
    let store = in_memory(3);
    let mut slow = store.watch(scope("pods"), Revision(0)).expect("nothing is forgotten");
    let mut idle = store.watch(scope("nodes"), Revision(0)).expect("nothing is forgotten");
    commit_each(&store, ["pods/a/1", "pods/a/2", "pods/a/3", "pods/a/4"].into_iter().map(create));
    assert_eq!(next_line(&mut slow), "expired");
    assert_eq!(slow.seen(), Revision(0));
    assert_eq!(idle.seen(), Revision(4), "events of others do not concern it");
    assert!(store.watch(scope("pods"), Revision(0)).is_err());
    assert!(store.watch(scope("pods"), Revision(5)).is_err(), "it was not reached");
    check(
        &store,
        "pods",
        1,
        &["Created pods/a/2 created@2", "Created pods/a/3 created@3", "Created pods/a/4 created@4"],
    );
    commit_each(&store, vec![create("nodes//n")]);
    assert_eq!(next_line(&mut idle), "Created nodes//n created@5");
}

#[test]
fn large_events_are_forgotten_before_there_are_many() {
    let store = in_memory(100);
    let megabytes = "x".repeat(3 << 20);
    commit_each(&store, (0..3).map(|number| put(&format!("pods/a/{number}"), Expect::Absent, &megabytes)));
    assert!(store.watch(scope("pods"), Revision(0)).is_err(), "nine megabytes are too much");
    let mut watch = store.watch(scope("pods"), Revision(1)).expect("six are not");
    assert_eq!(wait(watch.next()).map(|event| event.revision()), Ok(Revision(2)));
}

#[test]
fn list_and_watch_follow_the_objects_without_a_gap_while_writers_write() {
    let store = in_memory(100_000);
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let store = store.clone();
            std::thread::spawn(move || {
                for round in 0..100 {
                    let path = format!("pods/a/{writer}-{round}");
                    let revision = commit(&store, vec![create(&path)]).expect("carried out").0;
                    if round % 2 == 0 {
                        commit(&store, vec![delete(&path, revision)]).expect("carried out");
                    }
                }
            })
        })
        .collect();
    let listing = store.list(&scope("pods"), &Page::default()).expect("it is newest");
    let mut watch = store.watch(scope("pods"), listing.revision).expect("it is newest");
    let mut followed: BTreeMap<_, _> =
        listing.entries.into_iter().map(|entry| (entry.key.clone(), entry)).collect();
    let mut revision = listing.revision;
    while revision < Revision(600) {
        let event = wait(watch.next()).expect("nothing is forgotten");
        assert_eq!(event.revision(), revision.next());
        revision = event.revision();
        match event.present() {
            Some(entry) => followed.insert(entry.key.clone(), entry.clone()),
            None => followed.remove(&event.entry.key),
        };
    }
    for writer in writers {
        writer.join().expect("the writer ends");
    }
    let now = store.list(&scope("pods"), &Page::default()).expect("it is newest");
    assert_eq!(followed.into_values().collect::<Vec<_>>(), now.entries);
}
