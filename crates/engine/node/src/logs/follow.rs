//! Is told by the kernel when a file grows or is removed.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::inotify;
use tokio::io::unix::AsyncFd;

use crate::readable::readable;

/// A watch on one file.
pub(super) struct Growth(AsyncFd<OwnedFd>);

impl Growth {
    /// Whatever is written from now on is noticed, and the file's removal.
    pub(super) fn of(file: &Path) -> io::Result<Self> {
        let watch = inotify::init(inotify::CreateFlags::NONBLOCK | inotify::CreateFlags::CLOEXEC)?;
        inotify::add_watch(&watch, file, inotify::WatchFlags::MODIFY | inotify::WatchFlags::ATTRIB)?;
        Ok(Growth(readable(watch)?))
    }

    /// Resolves when the file was written to or removed since the last call.
    pub(super) async fn noticed(&self) -> io::Result<()> {
        let mut events = [0; 4096];
        loop {
            let mut ready = self.0.readable().await?;
            let read = ready.try_io(|watch| Ok(rustix::io::read(watch, &mut events)?));
            match read {
                // All that came together is one notice; what comes after is the next.
                Ok(read) => return read.map(drop),
                Err(_would_block) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn writing_is_noticed() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let growth = Growth::of(file.path()).unwrap();
        assert!(tokio::time::timeout(Duration::from_millis(20), growth.noticed()).await.is_err());
        file.write_all(b"x").unwrap();
        tokio::time::timeout(Duration::from_secs(10), growth.noticed()).await.unwrap().unwrap();
        assert!(tokio::time::timeout(Duration::from_millis(20), growth.noticed()).await.is_err());
    }
}
