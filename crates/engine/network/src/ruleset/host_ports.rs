//! What the host's ports of one pod put into the table. Pure.

use super::{HAIRPINS, HOST_PORTS, HOST_PORTS_OF_ADDRESS};
use crate::config::NetworkConfig;
use crate::host_ports::HostPorts;
use crate::table::Fragment;

/// What the pod wants in the table. Ports at which the engine itself answers stay the engine's.
pub(crate) fn of_host_ports(config: &NetworkConfig, host_ports: &HostPorts) -> Fragment {
    let mut fragment = Fragment::default();
    let pod = host_ports.pod;
    for one in host_ports.ports.iter().filter(|one| !one.is_reserved(config)) {
        let target = format!("{pod} . {}", one.target);
        let (protocol, port) = (one.protocol, one.port);
        match one.address {
            Some(address) => {
                fragment.entry(HOST_PORTS_OF_ADDRESS, format!("{address} . {protocol} . {port}"), target);
            }
            None => fragment.entry(HOST_PORTS, format!("{protocol} . {port}"), target),
        }
        fragment.member(HAIRPINS, format!("{pod} . {pod}"));
    }
    fragment
}
