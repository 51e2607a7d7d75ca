//! HTTPS from the outside to services: Ingress by host and path.
//!
//! The part terminates TLS and passes requests on to the ready endpoints of services. Everything that a request
//! needs to know stands in two immutable tables, which are built anew when an object changes and swapped as a whole;
//! no request waits for a lock or asks the API.
//!
//! ```text
//! Ingress, IngressClass, Service, EndpointSlice, Secret ──cache──> tables (pure)
//!     ├── routes: host, path -> endpoints ──────┐
//!     ├── certificates: host -> certificate ──┐ │
//!     └── what is wrong with an Ingress       │ │
//!            └─> its events and its status    │ │
//!                                             ▼ ▼
//! client ──TCP──> listeners `http`, `https` ──TLS by name──> proxy ──> endpoint
//! ```
//!
//! The route goes to the endpoints themselves, not to the cluster IP, so that an endpoint that does not answer can
//! be passed over within the request. Nothing here makes certificates, names or services.

mod certificates;
mod class;
mod endpoints;
mod page;
mod part;
mod problem;
mod proxy;
mod routes;
mod server;
mod status;
mod tables;
#[cfg(test)]
mod tests;

pub use class::ClassError;
pub use part::{IngressError, part};
