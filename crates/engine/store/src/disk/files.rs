//! The few things that the store asks of a file system, so that tests can let each of them fail.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::{Advice, FallocateFlags, FlockOperation, fadvise, fallocate, flock};
use rustix::io::Errno;

/// A file system.
pub(crate) trait Files: Send + Sync {
    /// Makes the folder if it is not there, and holds it until the value is dropped.
    ///
    /// # Errors
    /// `WouldBlock` if another process holds it.
    fn lock(&self, directory: &Path) -> io::Result<Box<dyn Send>>;

    /// The names in the folder.
    fn list(&self, directory: &Path) -> io::Result<Vec<String>>;

    /// Everything in the file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// A new file, in the place of an old one.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// A file that is there.
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Takes the place of `to`. Durable once the folder is synced.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Durable once the folder is synced.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in the folder durable.
    fn sync_directory(&self, directory: &Path) -> io::Result<()>;
}

/// A file that is open for writing.
pub(crate) trait DiskFile: Send {
    /// Writes all bytes at `offset`.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Takes room up to `length`; what was not written reads as zeros.
    fn allocate(&self, length: u64) -> io::Result<()>;

    /// Drops everything from `length` on.
    fn cut(&self, length: u64) -> io::Result<()>;

    /// Makes what was written durable.
    fn sync(&self) -> io::Result<()>;

    /// Asks that what is read next comes from the disk.
    fn forget_cache(&self) -> io::Result<()>;
}

/// The file system of the machine.
pub(crate) struct SystemFiles;

/// A lock file. A process that was just forked has it too, until it becomes another program: so the lock is given back, and
/// not only closed.
struct Held(File);

impl Drop for Held {
    fn drop(&mut self) {
        if let Err(error) = flock(&self.0, FlockOperation::Unlock) {
            tracing::warn!(%error, "failed to give the store's lock back; closing its file does");
        }
    }
}

impl Files for SystemFiles {
    fn lock(&self, directory: &Path) -> io::Result<Box<dyn Send>> {
        make_durably(directory)?;
        let file = open_options().create(true).truncate(false).open(directory.join("lock"))?;
        flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Box::new(Held(file)))
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        let names = std::fs::read_dir(directory)?.map(|entry| Ok(entry?.file_name()));
        names.map(|name: io::Result<_>| Ok(name?.to_string_lossy().into_owned())).collect()
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        std::fs::read(path)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(open_options().create(true).truncate(true).open(path)?))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(open_options().open(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        File::open(directory)?.sync_all()
    }
}

impl DiskFile for File {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn allocate(&self, length: u64) -> io::Result<()> {
        match fallocate(self, FallocateFlags::empty(), 0, length) {
            // Some file systems cannot take room ahead; the zeros are what recovery relies on.
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => self.set_len(length),
            taken => Ok(taken?),
        }
    }

    fn cut(&self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn forget_cache(&self) -> io::Result<()> {
        Ok(fadvise(self, 0, None, Advice::DontNeed)?)
    }
}

/// Makes the folder and those above it that are missing; each is durable once the one above it is synced.
fn make_durably(directory: &Path) -> io::Result<()> {
    let missing =
        directory.ancestors().take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists());
    let above: Vec<&Path> = missing.filter_map(Path::parent).collect();
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    for folder in above {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        SystemFiles.sync_directory(folder)?;
    }
    Ok(())
}

/// The objects include secrets: only the owner may read them.
fn open_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    options
}
