//! A file system in memory that can be full, fail, wait and lose power.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use rand_source::Random;

use crate::disk::{DiskFile, Files};

/// What a disk writes whole or not at all.
const SECTOR_BYTES: usize = 512;

/// Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Volume {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    inner: Mutex<Inner>,
    changed: Condvar,
}

#[derive(Default, Clone)]
struct Inner {
    inodes: Vec<Inode>,
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    /// Each is done whole or not at all.
    pending_names: Vec<Vec<(PathBuf, Option<usize>)>>,
    faults: Faults,
    syncs: usize,
    waiting_syncs: usize,
}

/// What goes wrong from now on.
#[derive(Default, Clone)]
pub(crate) struct Faults {
    /// So many file syncs fail, and what they were to write is dropped.
    pub(crate) failing_syncs: usize,
    /// So many syncs of the folder fail.
    pub(crate) failing_directory_syncs: usize,
    /// No file can grow.
    pub(crate) is_full: bool,
    /// No file can have more bytes than this.
    pub(crate) room: Option<usize>,
    /// No file can be opened.
    pub(crate) cannot_open: bool,
    /// No snapshot can be begun.
    pub(crate) no_snapshots: bool,
    /// File syncs wait until this is no longer set.
    pub(crate) syncs_wait: bool,
}

#[derive(Default, Clone)]
struct Inode {
    cached: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Pending>,
}

#[derive(Clone)]
enum Pending {
    Write(usize, Vec<u8>),
    Length(usize),
}

impl Pending {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Pending::Length(length) => bytes.resize(*length, 0),
            Pending::Write(offset, written) => write(bytes, *offset, written),
        }
    }

    /// As a crash leaves it: each sector is written or not.
    fn apply_in_part(&self, bytes: &mut Vec<u8>, random: &mut Random) {
        match self {
            Pending::Length(_) if random.coin() => self.apply(bytes),
            Pending::Length(_) => {}
            Pending::Write(offset, written) => {
                for (at, part) in sectors(*offset, written) {
                    if random.coin() {
                        write(bytes, at, part);
                    }
                }
            }
        }
    }
}

fn write(bytes: &mut Vec<u8>, offset: usize, written: &[u8]) {
    let end = offset + written.len();
    bytes.resize(bytes.len().max(end), 0);
    bytes[offset..end].copy_from_slice(written);
}

/// The parts of a write that lie in one sector each.
fn sectors(offset: usize, mut written: &[u8]) -> Vec<(usize, &[u8])> {
    let mut parts = Vec::new();
    let mut at = offset;
    while !written.is_empty() {
        let length = (SECTOR_BYTES - at % SECTOR_BYTES).min(written.len());
        let (part, rest) = written.split_at(length);
        parts.push((at, part));
        at += length;
        written = rest;
    }
    parts
}

impl Volume {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.shared.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_faults(&self, faults: Faults) {
        self.inner().faults = faults;
        self.shared.changed.notify_all();
    }

    /// How many file syncs were done.
    pub(crate) fn syncs(&self) -> usize {
        self.inner().syncs
    }

    /// Returns once a sync waits because of [`Faults::syncs_wait`].
    pub(crate) fn wait_for_a_waiting_sync(&self) {
        let inner = self.inner();
        drop(self.shared.changed.wait_while(inner, |inner| inner.waiting_syncs == 0));
    }

    /// A volume as it might be found after the power was lost now.
    pub(crate) fn after_power_loss(&self, random: &mut Random) -> Volume {
        let mut inner = self.inner().clone();
        for change in std::mem::take(&mut inner.pending_names) {
            if random.coin() {
                change.into_iter().for_each(|(path, inode)| set_name(&mut inner.durable_names, path, inode));
            }
        }
        for inode in &mut inner.inodes {
            for pending in std::mem::take(&mut inode.pending) {
                pending.apply_in_part(&mut inode.durable, random);
            }
            inode.cached = inode.durable.clone();
        }
        inner.names = inner.durable_names.clone();
        inner.faults = Faults::default();
        inner.forget_nameless();
        Volume::of(inner)
    }

    /// A volume as it is after the process was killed now.
    pub(crate) fn after_kill(&self) -> Volume {
        let mut inner = self.inner().clone();
        inner.faults = Faults::default();
        Volume::of(inner)
    }

    fn of(inner: Inner) -> Volume {
        Volume { shared: Arc::new(Shared { inner: Mutex::new(inner), changed: Condvar::new() }) }
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let name = |path: &PathBuf| path.file_name().map(|name| name.to_string_lossy().into_owned());
        self.inner().names.keys().filter_map(name).collect()
    }

    pub(crate) fn bytes(&self, path: &Path) -> Vec<u8> {
        self.read(path).expect("the file is there")
    }

    /// Replaces what a file holds.
    pub(crate) fn set_bytes(&self, path: &Path, bytes: Vec<u8>) {
        let mut inner = self.inner();
        let number = *inner.names.get(path).expect("the file is there");
        inner.inodes[number] = Inode { cached: bytes.clone(), durable: bytes, pending: Vec::new() };
    }

    fn open_file(&self, number: usize) -> Box<dyn DiskFile> {
        Box::new(VolumeFile { volume: self.clone(), number })
    }

    fn set_name(&self, path: &Path, number: Option<usize>) {
        let mut inner = self.inner();
        set_name(&mut inner.names, path.to_owned(), number);
        inner.pending_names.push(vec![(path.to_owned(), number)]);
    }
}

impl Inner {
    /// Gives back the room of files that nobody can open any more.
    fn forget_nameless(&mut self) {
        for (number, inode) in self.inodes.iter_mut().enumerate() {
            if !self.names.values().any(|named| *named == number) {
                *inode = Inode::default();
            }
        }
    }
}

fn set_name(names: &mut BTreeMap<PathBuf, usize>, path: PathBuf, number: Option<usize>) {
    match number {
        Some(number) => names.insert(path, number),
        None => names.remove(&path),
    };
}

fn missing() -> io::Error {
    io::Error::from(io::ErrorKind::NotFound)
}

impl Files for Volume {
    fn lock(&self, _directory: &Path) -> io::Result<Box<dyn Send>> {
        Ok(Box::new(()))
    }

    fn list(&self, _directory: &Path) -> io::Result<Vec<String>> {
        Ok(self.names())
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let inner = self.inner();
        let number = inner.names.get(path).ok_or_else(missing)?;
        Ok(inner.inodes[*number].cached.clone())
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let is_snapshot =
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("snapshot-"));
        if is_snapshot && self.inner().faults.no_snapshots {
            return Err(io::Error::other("no snapshot can be begun"));
        }
        let number = {
            let mut inner = self.inner();
            inner.inodes.push(Inode::default());
            inner.inodes.len() - 1
        };
        self.set_name(path, Some(number));
        Ok(self.open_file(number))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        if self.inner().faults.cannot_open {
            return Err(io::Error::from(io::ErrorKind::PermissionDenied));
        }
        let number = *self.inner().names.get(path).ok_or_else(missing)?;
        Ok(self.open_file(number))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let number = *self.inner().names.get(from).ok_or_else(missing)?;
        let mut inner = self.inner();
        set_name(&mut inner.names, from.to_owned(), None);
        set_name(&mut inner.names, to.to_owned(), Some(number));
        inner.pending_names.push(vec![(from.to_owned(), None), (to.to_owned(), Some(number))]);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        if !self.inner().names.contains_key(path) {
            return Err(missing());
        }
        self.set_name(path, None);
        Ok(())
    }

    fn sync_directory(&self, _directory: &Path) -> io::Result<()> {
        let mut inner = self.inner();
        if inner.faults.failing_directory_syncs > 0 {
            inner.faults.failing_directory_syncs -= 1;
            return Err(io::Error::other("the folder cannot be synced"));
        }
        inner.durable_names = inner.names.clone();
        inner.pending_names.clear();
        Ok(())
    }
}

struct VolumeFile {
    volume: Volume,
    number: usize,
}

impl VolumeFile {
    fn change(&self, pending: Pending) -> io::Result<()> {
        let mut inner = self.volume.inner();
        let (is_full, room) = (inner.faults.is_full, inner.faults.room.unwrap_or(usize::MAX));
        let inode = &mut inner.inodes[self.number];
        let length = match &pending {
            Pending::Length(length) => *length,
            Pending::Write(offset, written) => offset + written.len(),
        };
        if (is_full || length > room) && length > inode.cached.len() {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        pending.apply(&mut inode.cached);
        inode.pending.push(pending);
        Ok(())
    }
}

impl DiskFile for VolumeFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.change(Pending::Write(usize::try_from(offset).expect("it fits"), bytes.to_vec()))
    }

    fn allocate(&self, length: u64) -> io::Result<()> {
        let length = usize::try_from(length).expect("it fits");
        let at_least = self.volume.inner().inodes[self.number].cached.len().max(length);
        self.change(Pending::Length(at_least))
    }

    fn cut(&self, length: u64) -> io::Result<()> {
        self.change(Pending::Length(usize::try_from(length).expect("it fits")))
    }

    fn sync(&self) -> io::Result<()> {
        let mut inner = self.volume.inner();
        inner.waiting_syncs += 1;
        self.volume.shared.changed.notify_all();
        let waited = self.volume.shared.changed.wait_while(inner, |inner| inner.faults.syncs_wait);
        let mut inner = waited.unwrap_or_else(PoisonError::into_inner);
        inner.waiting_syncs -= 1;
        inner.syncs += 1;
        let fails = inner.faults.failing_syncs > 0;
        inner.faults.failing_syncs = inner.faults.failing_syncs.saturating_sub(1);
        let inode = &mut inner.inodes[self.number];
        let pending = std::mem::take(&mut inode.pending);
        if fails {
            return Err(io::Error::other("the disk did not take it"));
        }
        for pending in pending {
            pending.apply(&mut inode.durable);
        }
        Ok(())
    }

    fn forget_cache(&self) -> io::Result<()> {
        let mut inner = self.volume.inner();
        let inode = &mut inner.inodes[self.number];
        inode.cached = inode.durable.clone();
        for pending in &inode.pending {
            pending.apply(&mut inode.cached);
        }
        Ok(())
    }
}

/// Numbers that a seed decides, so that a failing test can be repeated.
pub(crate) mod rand_source {
    pub(crate) struct Random(u64);

    impl Random {
        pub(crate) fn new(seed: u64) -> Random {
            Random(seed)
        }

        /// The `splitmix64` generator.
        fn next(&mut self) -> u64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ (mixed >> 31)
        }

        pub(crate) fn coin(&mut self) -> bool {
            self.next() & 1 == 1
        }

        pub(crate) fn below(&mut self, limit: usize) -> usize {
            usize::try_from(self.next() % limit.max(1) as u64).unwrap_or(0)
        }
    }
}
