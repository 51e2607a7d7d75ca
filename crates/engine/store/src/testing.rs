//! Short words for the tests of this crate.

pub(crate) mod volume;

use std::future::Future;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::{Builder, Runtime};

use crate::disk::DiskOptions;
use crate::{Change, CommitError, Event, Expect, Key, Operation, Options, Page, Revision, Scope, Store};

/// `pods/default/a`, or `nodes//a` for one without namespace.
pub(crate) fn key(path: &str) -> Key {
    let mut parts = path.split('/').map(Arc::<str>::from);
    let mut part = || parts.next().expect("resource/namespace/name");
    Key { resource: part(), namespace: part(), name: part() }
}

/// `pods/default`, or `pods` for all namespaces.
pub(crate) fn scope(path: &str) -> Scope {
    let (resource, namespace) =
        path.split_once('/').map_or((path, None), |(resource, rest)| (resource, Some(rest)));
    Scope { resource: resource.into(), namespace: namespace.map(Arc::from) }
}

/// The value is the text and the revision: `text@3`.
pub(crate) fn put(path: &str, expect: Expect, text: &str) -> Operation {
    let text = text.to_owned();
    let encode = move |revision: Revision| Bytes::from(format!("{text}@{}", revision.0));
    Operation { key: key(path), expect, change: Change::Put(Box::new(encode)) }
}

pub(crate) fn create(path: &str) -> Operation {
    put(path, Expect::Absent, "created")
}

pub(crate) fn update(path: &str, revision: u64) -> Operation {
    put(path, Expect::At(Revision(revision)), "updated")
}

pub(crate) fn delete(path: &str, revision: u64) -> Operation {
    let encode = |revision: Revision| Bytes::from(format!("deleted@{}", revision.0));
    Operation {
        key: key(path),
        expect: Expect::At(Revision(revision)),
        change: Change::Delete(Box::new(encode)),
    }
}

pub(crate) fn in_memory(history_events: usize) -> Store {
    Store::open(Options { directory: None, history_events }).expect("a store in memory opens")
}

pub(crate) fn commit(store: &Store, operations: Vec<Operation>) -> Result<Revision, CommitError> {
    wait(store.commit(operations))
}

/// Commits each operation on its own and expects it to be carried out.
#[track_caller]
pub(crate) fn commit_each(store: &Store, operations: impl IntoIterator<Item = Operation>) {
    for operation in operations {
        commit(store, vec![operation]).expect("the commit is carried out");
    }
}

/// Waits for a future, but not for ever. A commit that is alone is written on this thread.
#[track_caller]
pub(crate) fn wait<F: Future>(future: F) -> F::Output {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
        Builder::new_multi_thread().worker_threads(1).enable_time().build().expect("a runtime")
    });
    wait_on(&RUNTIME, future)
}

/// Like [`wait`], but each commit is queued.
#[track_caller]
pub(crate) fn wait_on_one_thread<F: Future>(future: F) -> F::Output {
    wait_on(&Builder::new_current_thread().enable_time().build().expect("a runtime"), future)
}

#[track_caller]
fn wait_on<F: Future>(runtime: &Runtime, future: F) -> F::Output {
    let limited = async { tokio::time::timeout(Duration::from_secs(30), future).await };
    runtime.block_on(limited).expect("it ends within 30 seconds")
}

/// The next event as one line, or `expired`.
pub(crate) fn next_line(watch: &mut crate::Watch) -> String {
    wait(watch.next()).map_or_else(|_| "expired".to_owned(), |event| event_line(&event))
}

/// `Updated pods/default/a updated@2 was created@1`.
pub(crate) fn event_line(event: &Event) -> String {
    let Key { resource, namespace, name } = &event.entry.key;
    let value = String::from_utf8_lossy(&event.entry.value);
    let previous = event
        .previous
        .as_ref()
        .map_or_else(String::new, |previous| format!(" was {}", String::from_utf8_lossy(&previous.value)));
    format!("{:?} {resource}/{namespace}/{name} {value}{previous}", event.kind)
}

/// Everything in `path`'s scope as `namespace/name=value`, and the revision.
pub(crate) fn listed(store: &Store, path: &str, page: &Page) -> (Vec<String>, u64) {
    let listing = store.list(&scope(path), page).expect("the revision is retained");
    let line = |entry: &Arc<crate::Entry>| {
        let value = String::from_utf8_lossy(&entry.value);
        format!("{}/{}={value}", entry.key.namespace, entry.key.name)
    };
    (listing.entries.iter().map(line).collect(), listing.revision.0)
}

/// Where the tests on a [`volume::Volume`] keep their files.
pub(crate) const DIRECTORY: &str = "/store";

/// Opens the store on a volume; its log is replaced once it has `compaction_bytes_min` bytes.
pub(crate) fn open_on(volume: &volume::Volume, compaction_bytes_min: u64) -> Result<Store, crate::OpenError> {
    let files = Arc::new(volume.clone());
    let directory = std::path::PathBuf::from(DIRECTORY);
    Store::open_on(DiskOptions {
        files,
        directory,
        history_events: 1000,
        compaction_bytes_min,
        room_bytes: 8192,
    })
}

/// Everything that can be seen of a store: its revision, and the objects of some resources.
pub(crate) fn contents(store: &Store) -> (Revision, Vec<Arc<crate::Entry>>) {
    let list = |resource| store.list(&scope(resource), &Page::default()).expect("it is newest").entries;
    (store.revision(), ["pods", "nodes"].into_iter().flat_map(list).collect())
}
