//! The door: readers go to the state, writers to the queue.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread::JoinHandle;

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{Notify, mpsc, oneshot};

use crate::disk::{self, Disk, DiskOptions, SystemFiles};
use crate::state::State;
use crate::writer::{Desk, Durable, MemoryOnly, Outcome, Request, Writer};
use crate::{
    BackupError, CommitError, Entry, Event, Expired, Key, Listing, OpenError, Operation, Page, Revision,
    Scope, Watch,
};

/// So many transactions wait for the writer at most; further ones wait for a place.
const QUEUE_TRANSACTIONS: usize = 1024;

/// A smaller log is not worth a snapshot.
const COMPACTION_BYTES_MIN: u64 = 4 << 20;

/// The disk's room is taken in steps of so many bytes.
const ROOM_BYTES: u64 = 1 << 20;

/// Where the store lives and how much it remembers.
#[derive(Debug, Clone)]
pub struct Options {
    /// Folder of the store's files, made if it is not there; `None` keeps everything in memory, for tests.
    pub directory: Option<PathBuf>,
    /// How many past events watchers can resume from; fewer, if these are large.
    pub history_events: usize,
}

/// The store. Clones share it; when the last one is dropped, its files are closed.
#[derive(Clone)]
pub struct Store {
    opened: Arc<Opened>,
}

impl Store {
    /// Opens or makes the store. Needs no runtime, and reads everything before it returns.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(options: Options) -> Result<Store, OpenError> {
        let Options { directory, history_events } = options;
        let Some(directory) = directory else {
            return Store::start(State::new(history_events), Box::new(MemoryOnly));
        };
        Store::open_on(disk_options(directory, history_events))
    }

    pub(crate) fn open_on(options: DiskOptions) -> Result<Store, OpenError> {
        let (disk, state) = Disk::open(options)?;
        Store::start(state, Box::new(disk))
    }

    fn start(state: State, durable: Box<dyn Durable>) -> Result<Store, OpenError> {
        let shared = Arc::new(Shared::new(state));
        let (sender, queue) = mpsc::channel(QUEUE_TRANSACTIONS);
        let desk = Arc::new(Desk::new(Writer::new(Arc::clone(&shared), durable)));
        let serving = Arc::clone(&desk);
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || serving.serve(queue))
            .map_err(|source| OpenError::Io { file: PathBuf::new(), source })?;
        Ok(Store { opened: Arc::new(Opened { shared, desk, queue: Some(sender), thread: Some(thread) }) })
    }

    /// The newest committed revision.
    pub fn revision(&self) -> Revision {
        self.opened.shared.read().revision()
    }

    /// The object as it is now.
    pub fn get(&self, key: &Key) -> Option<Arc<Entry>> {
        self.opened.shared.read().get(key).cloned()
    }

    /// A page of the objects in `scope`.
    ///
    /// # Errors
    /// The page asks for a revision that is not retained.
    pub fn list(&self, scope: &Scope, page: &Page) -> Result<Listing, Expired> {
        self.opened.shared.read().list(scope, page)
    }

    /// Carries out all operations at one new revision, or none. Returns once they are durable and visible.
    ///
    /// No operations are carried out at the newest revision. A commit that is dropped while it waits may still
    /// be carried out. Where the runtime has several threads, a commit that is alone is written on the caller's.
    ///
    /// # Errors
    /// See [`CommitError`].
    pub async fn commit(&self, operations: Vec<Operation>) -> Result<Revision, CommitError> {
        let outcome = match self.commit_alone(operations) {
            Ok(outcome) => outcome,
            Err(operations) => self.commit_queued(operations).await?,
        };
        outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// The operations come back where they cannot be carried out on this thread.
    fn commit_alone(&self, operations: Vec<Operation>) -> Result<Outcome, Vec<Operation>> {
        // A runtime of one thread would stand still meanwhile.
        let may_block =
            Handle::try_current().is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::MultiThread);
        match self.opened.desk.alone().filter(|_| may_block) {
            Some(mut writer) => Ok(tokio::task::block_in_place(|| writer.commit_alone(operations))),
            None => Err(operations),
        }
    }

    async fn commit_queued(&self, operations: Vec<Operation>) -> Result<Outcome, CommitError> {
        let (reply, outcome) = oneshot::channel();
        let queue = self.opened.queue.as_ref().ok_or(CommitError::Closed)?;
        if !self.opened.desk.queue(queue, Request { operations, reply }).await {
            return Err(CommitError::Closed);
        }
        outcome.await.map_err(|_| CommitError::Closed)
    }

    /// Writes everything as it is now into a folder that is new or empty, where it can be opened as a store. Returns the
    /// revision of the copy once it is durable.
    ///
    /// Blocks while it writes; reads and commits go on.
    ///
    /// # Errors
    /// See [`BackupError`].
    pub fn back_up(&self, directory: &Path) -> Result<Revision, BackupError> {
        self.back_up_on(disk_options(directory.to_owned(), 0))
    }

    pub(crate) fn back_up_on(&self, options: DiskOptions) -> Result<Revision, BackupError> {
        let (revision, entries) = {
            let state = self.opened.shared.read();
            (state.revision(), state.entries().cloned().collect())
        };
        disk::back_up(options, revision, entries)?;
        Ok(revision)
    }

    /// Every event in `scope` after revision `after`, in order, without a gap or a duplicate.
    ///
    /// # Errors
    /// Events after that revision are not known any more, or the revision was never reached.
    pub fn watch(&self, scope: Scope, after: Revision) -> Result<Watch, Expired> {
        Watch::begin(Arc::clone(&self.opened.shared), scope, after)
    }
}

fn disk_options(directory: PathBuf, history_events: usize) -> DiskOptions {
    DiskOptions {
        files: Arc::new(SystemFiles),
        directory,
        history_events,
        compaction_bytes_min: COMPACTION_BYTES_MIN,
        room_bytes: ROOM_BYTES,
    }
}

/// Lives as long as the last clone of the store.
struct Opened {
    shared: Arc<Shared>,
    desk: Arc<Desk>,
    queue: Option<mpsc::Sender<Request>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Opened {
    /// Waits for the writer, so that the store can be opened again right away.
    fn drop(&mut self) {
        self.queue = None;
        let Some(thread) = self.thread.take() else { return };
        // The last clone may have been held by an encoder, which lives on the writer.
        if thread.thread().id() != std::thread::current().id() && thread.join().is_err() {
            tracing::error!("the store's writer panicked");
        }
    }
}

/// What readers and the writer share.
pub(crate) struct Shared {
    state: RwLock<State>,
}

impl Shared {
    pub(crate) fn new(state: State) -> Shared {
        Shared { state: RwLock::new(state) }
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, State> {
        // No code under the lock panics half way through a change.
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes events visible, all at once, and wakes those who wait for them.
    pub(crate) fn publish(&self, events: Vec<Event>) {
        for arrived in self.apply(events) {
            arrived.notify_waiters();
        }
    }

    fn apply(&self, events: Vec<Event>) -> Vec<Arc<Notify>> {
        let mut touched: Vec<Arc<str>> =
            events.iter().map(|event| Arc::clone(&event.entry.key.resource)).collect();
        touched.sort_unstable();
        touched.dedup();
        let mut state = self.write();
        for event in events {
            state.apply(event);
        }
        touched.iter().filter_map(|name| state.resource(name)).map(|resource| resource.arrived()).collect()
    }
}
