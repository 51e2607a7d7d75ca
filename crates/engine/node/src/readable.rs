//! File descriptors of the kernel's own kinds (pidfd, inotify) that tell when there is something to read.

use std::io;
use std::os::fd::OwnedFd;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Registers `fd` with the runtime of tokio that this runs in.
#[allow(unsafe_code, reason = "tokio asks for a promise about the descriptor that it cannot check")]
pub(crate) fn readable(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` is an open descriptor, always the same one, and stays open until it is dropped; the
    // `AsyncFd` owns it and deregisters it before it drops it.
    let registered = unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) };
    registered.map_err(|error| error.into_parts().1)
}
