//! Is told by the kernel when a file grows, is left by its writer, is moved aside or is removed.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::fs::inotify;
use tokio::io::unix::AsyncFd;

use crate::readable::readable;

/// What was noticed since the last look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Noticed {
    /// Nobody writes into it any more.
    pub(super) left: bool,
}

/// A watch on one open file, wherever it is moved.
pub(super) struct Growth(AsyncFd<OwnedFd>);

impl Growth {
    /// Whatever is written from now on is noticed, and the file's end.
    pub(super) fn of(file: &impl std::os::fd::AsFd) -> io::Result<Self> {
        let watch = inotify::init(inotify::CreateFlags::NONBLOCK | inotify::CreateFlags::CLOEXEC)?;
        // Not by its name, which another file may have by now.
        let path = format!("/proc/self/fd/{}", file.as_fd().as_raw_fd());
        let events = inotify::WatchFlags::MODIFY
            | inotify::WatchFlags::ATTRIB
            | inotify::WatchFlags::MOVE_SELF
            | inotify::WatchFlags::CLOSE_WRITE;
        inotify::add_watch(&watch, &path, events)?;
        Ok(Growth(readable(watch)?))
    }

    /// Resolves when something happened to the file since the last call.
    pub(super) async fn noticed(&self) -> io::Result<Noticed> {
        let mut buffer = [const { std::mem::MaybeUninit::uninit() }; 4096];
        loop {
            let mut ready = self.0.readable().await?;
            let read = ready.try_io(|watch| {
                // All that came together is one notice; what comes after is the next.
                let mut events = inotify::Reader::new(watch, &mut buffer);
                let mut noticed = Noticed::default();
                loop {
                    noticed.left |= events.next()?.events().contains(inotify::ReadFlags::CLOSE_WRITE);
                    if events.is_buffer_empty() {
                        return Ok(noticed);
                    }
                }
            });
            match read {
                Ok(noticed) => return noticed,
                Err(_would_block) => {}
            }
        }
    }
}

/// The file that now stands at `path`, if it is another one than that with this inode.
pub(super) fn successor(inode: u64, path: &Path) -> io::Result<Option<File>> {
    let next = match File::open(path) {
        Ok(next) => next,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let is_same = next.metadata()?.ino() == inode;
    Ok((!is_same).then_some(next))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn writing_moving_and_leaving_are_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("0.log");
        let mut writer = File::create(&path).unwrap();
        let reader = File::open(&path).unwrap();
        let inode = reader.metadata().unwrap().ino();
        let growth = Growth::of(&reader).unwrap();
        let soon = Duration::from_millis(20);
        assert!(tokio::time::timeout(soon, growth.noticed()).await.is_err());
        writer.write_all(b"x").unwrap();
        assert_eq!(growth.noticed().await.unwrap(), Noticed { left: false });
        assert!(tokio::time::timeout(soon, growth.noticed()).await.is_err());
        std::fs::rename(&path, folder.path().join("0.log.1")).unwrap();
        assert_eq!(growth.noticed().await.unwrap(), Noticed { left: false });
        assert!(successor(inode, &path).unwrap().is_none());
        File::create(&path).unwrap();
        assert!(successor(inode, &path).unwrap().is_some());
        drop(writer);
        assert_eq!(growth.noticed().await.unwrap(), Noticed { left: true });
    }
}
