//! Whether this machine has what the cloud needs, said before anything is started.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

/// Where Debian puts the CNI plugins.
pub(crate) const CNI_PLUGINS: &str = "/usr/lib/cni";

/// A program or file that must be there, and the Debian package that brings it.
struct Need {
    what: &'static str,
    package: &'static str,
    met: fn(&str) -> bool,
}

const NEEDS: &[Need] = &[
    Need { what: "containerd", package: "containerd", met: in_path },
    Need { what: "ctr", package: "containerd", met: in_path },
    Need { what: "runc", package: "runc", met: in_path },
    Need { what: "nft", package: "nftables", met: in_path },
    Need { what: "ip", package: "iproute2", met: in_path },
    Need { what: "git", package: "git", met: in_path },
    Need { what: "/usr/lib/cni/ptp", package: "containernetworking-plugins", met: is_file },
    Need { what: "/usr/lib/cni/host-local", package: "containernetworking-plugins", met: is_file },
];

/// Refuses anyone but root.
pub(crate) fn check_user() -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        bail!("`bythos up` sets up containers and network rules, which only root may do; run it with sudo");
    }
    Ok(())
}

/// Refuses a machine that lacks something, naming all of it and the command that brings it.
pub(crate) fn check_programs() -> Result<()> {
    let missing: Vec<&Need> = NEEDS.iter().filter(|need| !(need.met)(need.what)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let whats: Vec<_> = missing.iter().map(|need| need.what).collect();
    let mut packages: Vec<_> = missing.iter().map(|need| need.package).collect();
    packages.dedup();
    bail!("this machine lacks {}; install with: apt-get install {}", whats.join(", "), packages.join(" "));
}

fn in_path(program: &str) -> bool {
    find_in_path(program).is_some()
}

fn is_file(path: &str) -> bool {
    Path::new(path).is_file()
}

/// Where the shell would find `program`.
pub(crate) fn find_in_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// The address from which this host would speak to the world. Nothing is sent: connecting a datagram socket only
/// asks the routing table.
pub(crate) fn outward_address() -> Option<IpAddr> {
    let socket = std::net::UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}
