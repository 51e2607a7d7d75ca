//! Cluster DNS: the names of services and pods, the platform's own domain, and everything else by the host's
//! resolvers.
//!
//! Upstream: "Kubernetes DNS-Based Service Discovery" (kubernetes/dns, `docs/specification.md`); where it leaves
//! room, the answers are those of CoreDNS.

mod answer;
mod forward;
mod server;
mod zone;

pub(crate) use answer::Responder;
pub(crate) use forward::Forwarder;
pub(crate) use server::{DnsError, DnsServer};
pub(crate) use zone::{Zone, ZoneConfig};
