//! The network of one machine: services in nftables, cluster DNS, and the CNI configuration of pods.
//!
//! The binary calls [`prepare_host`] before it binds a listener, runs [`part()`], and calls [`teardown_host`] when the
//! machine is to be as it was. What the host gets and why:
//!
//! - The gateway address (`10.42.0.1`) on `lo`. The `ptp` plugin puts the same address on the host's end of every
//!   pod's veth; on `lo` it is there before the first pod and after the last, so that parts can listen on it.
//! - A route for the service network. Without one, a host that has no default route could not even begin a
//!   connection to a cluster IP. It leads to `lo`: the output hook rewrites the destination and the kernel routes
//!   again, so nothing is ever sent there; it also gives such connections the gateway address as their source,
//!   which every pod can answer.
//! - Forwarding between interfaces, and a CNI configuration for containerd.
//!
//! While the part runs, everything follows from objects, and a change costs what the changed objects cost:
//!
//! ```text
//! Service, EndpointSlice ─> services ─┬─> ruleset ─┐
//! Pod with ports of the host ─> host_ports ──┘     ├─> table (what has changed) ─> nft -f -, one transaction
//! NetworkPolicy, Pod, Namespace ──────│──> policy ─┘
//!                                     └─> zone ─> DNS on the gateway address ──else──> the host's resolvers
//! Service of type LoadBalancer ─> balancer: the host's addresses in its status, or an event that says who has its port
//! ```
//!
//! The kernel holds the rules: they go on working while Bythos is restarted, and are replaced without a gap.
//! Nothing here knows containers, makes pods or knows how a listener of another part is bound.

mod balancer;
mod cni;
mod config;
mod conntrack;
mod dns;
mod follow;
mod host;
mod host_ports;
mod ip;
mod loopback;
mod nft;
mod part;
mod pods;
mod policy;
mod program;
mod publish;
mod ruleset;
mod services;
mod table;
#[cfg(test)]
mod tests;

pub use cni::ConflistError;
pub use config::{ConfigError, NetworkConfig, NetworkSettings};
pub use host::{HostError, Prepared, prepare_host, teardown_host};
pub use part::{NetworkError, part};
pub use program::ProgramError;
