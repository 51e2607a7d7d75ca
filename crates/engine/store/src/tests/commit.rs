use std::sync::Arc;

use bytes::Bytes;

use crate::testing::{
    commit, commit_each, create, delete, in_memory, key, listed, put, update, wait, wait_on_one_thread,
};
use crate::{Change, CommitError, Expect, Operation, Page, Revision};

/// Commits the transactions one after another and compares what each came to, then what is there.
#[track_caller]
fn check(
    name: &str,
    transactions: Vec<Vec<Operation>>,
    outcomes: &[Result<u64, Option<u64>>],
    there: &[&str],
) {
    let store = in_memory(100);
    for (transaction, outcome) in transactions.into_iter().zip(outcomes) {
        let found = match commit(&store, transaction) {
            Ok(revision) => Ok(revision.0),
            Err(CommitError::Unexpected { found, .. }) => Err(found.map(|revision| revision.0)),
            Err(error) => panic!("{name}: {error}"),
        };
        assert_eq!(&found, outcome, "{name}");
    }
    assert_eq!(listed(&store, "pods", &Page::default()).0, there, "{name}");
}

#[test]
fn expectations_decide_what_is_carried_out() {
    check("create", vec![vec![create("pods/x/a")]], &[Ok(1)], &["x/a=created@1"]);
    check(
        "create what is there",
        vec![vec![create("pods/x/a")], vec![create("pods/x/a")]],
        &[Ok(1), Err(Some(1))],
        &["x/a=created@1"],
    );
    check(
        "update",
        vec![vec![create("pods/x/a")], vec![update("pods/x/a", 1)]],
        &[Ok(1), Ok(2)],
        &["x/a=updated@2"],
    );
    check(
        "update what somebody else wrote since",
        vec![vec![create("pods/x/a")], vec![update("pods/x/a", 1)], vec![update("pods/x/a", 1)]],
        &[Ok(1), Ok(2), Err(Some(2))],
        &["x/a=updated@2"],
    );
    check("update what is absent", vec![vec![update("pods/x/a", 1)]], &[Err(None)], &[]);
    check(
        "delete and make again",
        vec![vec![create("pods/x/a")], vec![delete("pods/x/a", 1)], vec![create("pods/x/a")]],
        &[Ok(1), Ok(2), Ok(3)],
        &["x/a=created@3"],
    );
    check("delete what is absent", vec![vec![delete("pods/x/a", 4)]], &[Err(None)], &[]);
}

#[test]
fn a_transaction_is_carried_out_whole_or_not_at_all() {
    check(
        "all at one revision",
        vec![vec![create("pods/x/a"), create("pods/x/b")]],
        &[Ok(1)],
        &["x/a=created@1", "x/b=created@1"],
    );
    check(
        "the second refuses the first",
        vec![vec![create("pods/x/a"), update("pods/x/b", 1)], vec![create("pods/x/c")]],
        &[Err(None), Ok(1)],
        &["x/c=created@1"],
    );
    check(
        "an operation sees those before it",
        vec![vec![create("pods/x/a"), create("pods/x/a")]],
        &[Err(Some(1))],
        &[],
    );
    check("nothing to do", vec![vec![create("pods/x/a")], vec![]], &[Ok(1), Ok(1)], &["x/a=created@1"]);
}

#[test]
fn what_is_committed_is_there_at_once() {
    let store = in_memory(10);
    assert_eq!(store.revision(), Revision(0));
    commit_each(&store, vec![create("nodes//a"), create("pods/x/a"), update("pods/x/a", 2)]);
    let entry = store.get(&key("pods/x/a")).expect("it was committed");
    assert_eq!((entry.revision, &entry.value[..]), (Revision(3), &b"updated@3"[..]));
    assert_eq!(store.get(&key("pods/x/b")), None);
    assert_eq!(store.get(&key("pods//a")), None);
    assert_eq!(store.revision(), Revision(3));
}

#[test]
fn concurrent_writers_of_one_object_never_overwrite_each_other() {
    let store = in_memory(10);
    commit_each(&store, vec![create("pods/x/counter")]);
    let add_ten = |_| {
        let store = store.clone();
        std::thread::spawn(move || {
            let mut refused = 0;
            for _ in 0..10 {
                loop {
                    let seen = store.get(&key("pods/x/counter")).expect("it stays").revision.0;
                    match commit(&store, vec![update("pods/x/counter", seen)]) {
                        Ok(_) => break,
                        Err(CommitError::Unexpected { .. }) => refused += 1,
                        Err(error) => panic!("{error}"),
                    }
                }
            }
            refused
        })
    };
    let writers: Vec<_> = (0..4).map(add_ten).collect();
    for writer in writers {
        writer.join().expect("the writer ends");
    }
    assert_eq!(store.revision(), Revision(41));
}

#[test]
fn a_commit_that_is_alone_is_carried_out_by_its_own_thread() {
    let own = std::thread::current().id();
    let store = in_memory(10);
    let encode = move |_: Revision| Bytes::from(format!("{}", std::thread::current().id() == own));
    let operation = |name: &str| Operation {
        key: key(name),
        expect: Expect::Absent,
        change: Change::Put(Box::new(encode)),
    };
    wait(store.commit(vec![operation("pods/x/a")])).expect("it is carried out");
    wait_on_one_thread(store.commit(vec![operation("pods/x/b")])).expect("it is carried out");
    assert_eq!(listed(&store, "pods", &Page::default()).0, ["x/a=true", "x/b=false"]);
}

#[test]
fn a_panic_in_an_encoder_is_the_caller_s_and_the_store_goes_on() {
    let store = in_memory(10);
    let encode = |_| -> Bytes { panic!("cannot encode") };
    let broken =
        Operation { key: key("pods/x/b"), expect: Expect::Absent, change: Change::Put(Box::new(encode)) };
    let caller = store.clone();
    let outcome = std::thread::spawn(move || commit(&caller, vec![create("pods/x/a"), broken])).join();
    assert!(outcome.is_err());
    assert_eq!(commit(&store, vec![create("pods/x/a")]).expect("it goes on"), Revision(1));
}

#[test]
fn an_encoder_that_holds_the_last_clone_does_not_hang() {
    let store = in_memory(10);
    let held = store.clone();
    let encode = move |revision: Revision| {
        assert_eq!(held.revision().next(), revision);
        Bytes::new()
    };
    let operation =
        Operation { key: key("pods/x/a"), expect: Expect::Absent, change: Change::Put(Box::new(encode)) };
    wait_on_one_thread(async {
        // Dropped while it waits, or as soon as it is done.
        drop(futures::poll!(Box::pin(store.commit(vec![operation]))));
    });
}

#[test]
fn a_commit_that_is_dropped_leaves_the_store_working() {
    let store = in_memory(10);
    wait_on_one_thread(async {
        drop(futures::poll!(Box::pin(store.commit(vec![create("pods/x/a")]))));
        store.commit(vec![put("pods/x/b", Expect::Absent, "b")]).await.expect("it is carried out");
    });
    assert_eq!(store.revision(), Revision(2));
    assert_eq!(Arc::strong_count(&store.get(&key("pods/x/b")).expect("it is there")), 3);
}
