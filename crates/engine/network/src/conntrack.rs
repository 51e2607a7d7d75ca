//! Makes the kernel forget where it sends the packets of conversations whose endpoint is gone, or has just come.
//!
//! A conversation by UDP has no end that the kernel could see: while its client goes on asking, its packets go on to
//! where the first of them went, also where a rule leads elsewhere since. Spoken over netlink, `ctnetlink`; only what is needed of it is here.

mod message;

use std::collections::BTreeSet;
use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use rustix::fd::OwnedFd;
use rustix::net::netlink::{NETFILTER, SocketAddrNetlink};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, recv, sendto, socket_with,
};

use self::message::{Flow, Reply};

/// An answer of the kernel holds several messages, up to this size together.
const ANSWER_BYTES_MAX: usize = 64 << 10;
const PATIENCE: Duration = Duration::from_secs(5);

/// The kernel did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConntrackError {
    #[error("failed to {action}")]
    System {
        action: &'static str,
        #[source]
        source: io::Error,
    },
    #[error("the kernel's answer about conversations cannot be read")]
    Unreadable,
}

/// Conversations that would begin otherwise now.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outdated {
    /// Those that were led to one of these, where nobody is any more.
    pub(crate) endpoints: BTreeSet<(Ipv4Addr, u16)>,
    /// Those that were led nowhere when somebody asked for one of these ports of the host.
    pub(crate) host_ports: BTreeSet<u16>,
}

impl Outdated {
    pub(crate) fn is_empty(&self) -> bool {
        self.endpoints.is_empty() && self.host_ports.is_empty()
    }
}

/// Forgets all conversations by UDP that are outdated, and returns how many there were.
pub(crate) fn forget_udp(outdated: &Outdated) -> Result<usize, ConntrackError> {
    let socket = Socket::open()?;
    let flows = socket.flows()?;
    let gone: Vec<_> = flows.into_iter().filter(|flow| flow.is_one_of(outdated)).collect();
    for flow in &gone {
        socket.delete(flow)?;
    }
    Ok(gone.len())
}

struct Socket(OwnedFd);

impl Socket {
    fn open() -> Result<Socket, ConntrackError> {
        let open = || {
            let (family, flags) = (AddressFamily::NETLINK, SocketFlags::CLOEXEC);
            let socket = socket_with(family, SocketType::RAW, flags, Some(NETFILTER))?;
            bind(&socket, &SocketAddrNetlink::new(0, 0))?;
            set_socket_timeout(&socket, Timeout::Recv, Some(PATIENCE))?;
            rustix::io::Result::Ok(Socket(socket))
        };
        open().map_err(failed("reach the kernel's connection tracking"))
    }

    /// All conversations by UDP over IPv4.
    fn flows(&self) -> Result<Vec<Flow>, ConntrackError> {
        self.send(&message::list(), "list conversations")?;
        let mut flows = Vec::new();
        loop {
            for reply in self.replies("list conversations")? {
                match reply {
                    Reply::Flow(flow) => flows.extend(flow),
                    Reply::End => return Ok(flows),
                    Reply::Error(code) => return Err(refused("list conversations", code)),
                }
            }
        }
    }

    fn delete(&self, flow: &Flow) -> Result<(), ConntrackError> {
        self.send(&message::delete(flow), "forget a conversation")?;
        for reply in self.replies("forget a conversation")? {
            match reply {
                // It has just ended by itself.
                Reply::Error(code) if code == rustix::io::Errno::NOENT.raw_os_error() => {}
                Reply::Error(code) if code != 0 => return Err(refused("forget a conversation", code)),
                _ => {}
            }
        }
        Ok(())
    }

    fn send(&self, message: &[u8], action: &'static str) -> Result<(), ConntrackError> {
        let kernel = SocketAddrNetlink::new(0, 0);
        sendto(&self.0, message, SendFlags::empty(), &kernel).map(drop).map_err(failed(action))
    }

    fn replies(&self, action: &'static str) -> Result<Vec<Reply>, ConntrackError> {
        let mut answer = vec![0; ANSWER_BYTES_MAX];
        let (_, length) = recv(&self.0, &mut answer[..], RecvFlags::empty()).map_err(failed(action))?;
        message::read(answer.get(..length).unwrap_or_default()).ok_or(ConntrackError::Unreadable)
    }
}

fn failed(action: &'static str) -> impl FnOnce(rustix::io::Errno) -> ConntrackError {
    move |error| ConntrackError::System { action, source: error.into() }
}

fn refused(action: &'static str, code: i32) -> ConntrackError {
    ConntrackError::System { action, source: io::Error::from_raw_os_error(code) }
}
