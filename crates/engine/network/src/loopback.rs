//! Lets the host reach pods at its loopback addresses, for their ports of the host.
//!
//! The kernel sends nothing out of a device that has a loopback source, before any rule could replace it, unless the
//! device's `route_localnet` says otherwise. It is set for the devices of the pods that need it and for no other: they
//! go with their pods, so that nothing has to be put back. The table drops what a pod could misuse it for.

use std::collections::BTreeSet;
use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use crate::ip;
use crate::program::ProgramError;

/// A pod's ports of the host do not answer at loopback addresses.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoopbackError {
    #[error("failed to find the device that leads to pod {pod}")]
    Find {
        pod: Ipv4Addr,
        #[source]
        source: ProgramError,
    },
    #[error("failed to write {path:?}")]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// Opens the way to all of these pods, as far as they are still there. In the network namespace of the calling thread.
pub(crate) fn open(pods: &BTreeSet<Ipv4Addr>) -> Result<(), LoopbackError> {
    for &pod in pods {
        let Some(device) = ip::device_to(pod).map_err(|source| LoopbackError::Find { pod, source })? else {
            continue;
        };
        let path = PathBuf::from(format!("/proc/sys/net/ipv4/conf/{device}/route_localnet"));
        match std::fs::write(&path, "1") {
            Err(gone) if gone.kind() == io::ErrorKind::NotFound => {}
            other => other.map_err(|source| LoopbackError::Write { path, source })?,
        }
    }
    Ok(())
}
