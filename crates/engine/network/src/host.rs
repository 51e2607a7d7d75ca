//! What the host needs before anything listens, and how it becomes again what it was.
//!
//! Everything happens in the network namespace of the calling thread.

use std::io;
use std::path::{Path, PathBuf};

use crate::cni::{self, ConflistError};
use crate::config::NetworkConfig;
use crate::program::ProgramError;
use crate::{ip, nft};

const IP_FORWARD: &str = "/proc/sys/net/ipv4/ip_forward";

/// The host could not be prepared, or not be put back.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// A link, an address or a route.
    #[error("failed to {step}")]
    Program {
        /// What was to be done.
        step: String,
        /// The program's words.
        #[source]
        source: ProgramError,
    },
    /// A file, among them the kernel's own.
    #[error("failed to {action} {path:?}")]
    File {
        /// `read`, `write` or `remove`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's words.
        #[source]
        source: io::Error,
    },
    /// The configuration of the pods' network.
    #[error("failed to configure the pods' network")]
    Conflist {
        /// What went wrong.
        #[source]
        source: ConflistError,
    },
}

/// How the tables of all engines begin.
const TABLE_PREFIX: &str = "inet bythos-";

/// What [`prepare_host`] has set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// The CNI configuration that containerd is to read.
    pub conflist: PathBuf,
    /// Whether the kernel forwarded packets already, before Bythos asked for it.
    pub forwarded_before: bool,
}

/// Sets up what must be there before a listener is bound. It may be repeated. See the crate's documentation for what
/// and why.
///
/// # Errors
/// The first step that failed; what was done before stays, and [`teardown_host`] removes it.
pub fn prepare_host(config: &NetworkConfig) -> Result<Prepared, HostError> {
    let (gateway, services) = (config.gateway, config.service_network);
    step("bring up the loopback device", ip::raise_loopback())?;
    step(format!("add {gateway} to the loopback device"), ip::add_to_loopback(gateway))?;
    step(format!("add a route for services ({services})"), ip::route_to_loopback(services, gateway))?;
    let before = turn_forwarding_on(config)?;
    let conflist = cni::write_conflist(config).map_err(|source| HostError::Conflist { source })?;
    Ok(Prepared { conflist, forwarded_before: before == "1" })
}

/// Removes what [`prepare_host`] and the part have set up. It may be repeated. What another engine in the same network
/// namespace stands on too (the gateway's address, the route for services, forwarding) stays for that one.
///
/// # Errors
/// The first step that failed.
pub fn teardown_host(config: &NetworkConfig) -> Result<(), HostError> {
    let (gateway, services) = (config.gateway, config.service_network);
    step(format!("remove the nftables table {}", config.table()), nft::remove_table(&config.table()))?;
    cni::remove_conflist(config).map_err(|source| HostError::Conflist { source })?;
    let tables = step("list the nftables tables", nft::tables())?;
    if tables.contains(TABLE_PREFIX) {
        return Ok(());
    }
    step(format!("remove the route for services ({services})"), ip::remove_route_to_loopback(services))?;
    step(format!("remove {gateway} from the loopback device"), ip::remove_from_loopback(gateway))?;
    restore_forwarding(config)
}

fn step<T>(step: impl Into<String>, result: Result<T, ProgramError>) -> Result<T, HostError> {
    result.map_err(|source| HostError::Program { step: step.into(), source })
}

/// Turns forwarding on and returns what the kernel did before Bythos came.
fn turn_forwarding_on(config: &NetworkConfig) -> Result<String, HostError> {
    let now = file("read", Path::new(IP_FORWARD), read(Path::new(IP_FORWARD)))?;
    let remembered = remembered_forwarding(config);
    let before = match read(&remembered) {
        // Bythos has been here since the last boot: what it found then is what counts.
        Ok(before) => before,
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => {
            file("write", &remembered, cni::replace_file(&remembered, &now))?;
            now.clone()
        }
        Err(source) => return Err(HostError::File { action: "read", path: remembered, source }),
    };
    // The kernel resets other settings of its interfaces with every write, so none is made without need.
    if now != "1" {
        file("write", Path::new(IP_FORWARD), std::fs::write(IP_FORWARD, "1"))?;
    }
    Ok(before)
}

fn restore_forwarding(config: &NetworkConfig) -> Result<(), HostError> {
    let remembered = remembered_forwarding(config);
    let before = match read(&remembered) {
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => file("read", &remembered, other)?,
    };
    if before != "1" {
        file("write", Path::new(IP_FORWARD), std::fs::write(IP_FORWARD, before))?;
    }
    file("remove", &remembered, std::fs::remove_file(&remembered))
}

fn remembered_forwarding(config: &NetworkConfig) -> PathBuf {
    config.state_dir.join("ip_forward.before")
}

fn read(path: &Path) -> io::Result<String> {
    Ok(std::fs::read_to_string(path)?.trim().to_owned())
}

fn file<T>(action: &'static str, path: &Path, result: io::Result<T>) -> Result<T, HostError> {
    result.map_err(|source| HostError::File { action, path: path.to_owned(), source })
}
