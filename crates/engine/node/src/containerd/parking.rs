//! Keeps what Bythos has asked containerd for going when Bythos dies.
//!
//! Containerd takes back a container's start when the connection that asked for it is closed, even if the program
//! has already run: started again by the next Bythos, it would run twice. So each connection has a second holder
//! that outlives Bythos: containerd itself. Its standard input, which it never reads, is a datagram socket with a
//! name; a descriptor that is sent there lies in its queue, and the connection stays open. Containerd closes a
//! connection on which nobody answers by itself, after two hours.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix,
    recvmsg, sendmsg_addr,
};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

use super::process::ProcessIdentity;
use crate::config::NodeConfig;

/// Where connections to containerd are parked.
#[derive(Debug, Clone)]
pub(crate) struct Parking {
    socket: PathBuf,
    identity_file: PathBuf,
}

impl Parking {
    pub(crate) fn of(config: &NodeConfig) -> Self {
        Parking { socket: config.parking_socket(), identity_file: config.containerd_identity_file() }
    }

    /// Gives containerd the connection to hold, too. The oldest makes room where there is none.
    pub(crate) fn park(&self, connection: BorrowedFd<'_>) -> io::Result<()> {
        match self.send(connection) {
            Err(Errno::AGAIN | Errno::TOOMANYREFS) => {
                self.drop_oldest()?;
                Ok(self.send(connection)?)
            }
            sent => Ok(sent?),
        }
    }

    fn send(&self, connection: BorrowedFd<'_>) -> Result<(), Errno> {
        let sender = UnixDatagram::unbound().map_err(|_| Errno::NFILE)?;
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let descriptors = [connection];
        control.push(SendAncillaryMessage::ScmRights(&descriptors));
        let address = SocketAddrUnix::new(&self.socket)?;
        let bytes = [IoSlice::new(b"c")];
        sendmsg_addr(sender.as_fd(), &address, &bytes, &mut control, SendFlags::DONTWAIT).map(drop)
    }

    fn drop_oldest(&self) -> io::Result<()> {
        let gone = || io::Error::other("containerd is gone");
        let containerd = ProcessIdentity::of_containerd(&self.identity_file).ok_or_else(gone)?;
        let handle = pidfd_open(Pid::from_raw(containerd.pid).ok_or_else(gone)?, PidfdFlags::empty())?;
        let parked = pidfd_getfd(handle, 0, PidfdGetfdFlags::empty())?;
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        // The descriptor that is received is closed with the buffer.
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut byte = [0];
        recvmsg(parked, &mut [IoSliceMut::new(&mut byte)], &mut control, RecvFlags::DONTWAIT)?;
        Ok(())
    }
}

/// The standard input of a containerd that is about to be started.
pub(super) fn make(socket: &Path) -> io::Result<UnixDatagram> {
    match std::fs::remove_file(socket) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    UnixDatagram::bind(socket)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn a_connection_stays_open_while_it_is_parked() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("parked.sock");
        let held = make(&socket).unwrap();
        let (mut server, client) = UnixStream::pair().unwrap();
        let parking = Parking { socket, identity_file: PathBuf::new() };
        parking.park(client.as_fd()).unwrap();
        drop(client);
        server.set_nonblocking(true).unwrap();
        let open = server.read(&mut [0]).unwrap_err();
        assert_eq!(open.kind(), io::ErrorKind::WouldBlock);
        drop(held);
        // Closing what lies in a queue is the kernel's work, a moment later.
        server.set_nonblocking(false).unwrap();
        assert_eq!(server.read(&mut [0]).unwrap(), 0);
    }
}
