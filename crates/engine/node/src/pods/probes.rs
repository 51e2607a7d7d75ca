//! Probes: whether a container has started, lives and is ready.

mod check;
mod grpc;
mod http;
mod runner;
mod spec;
mod streak;

pub(crate) use self::http::ask as ask_http;
pub(crate) use self::runner::{Cause, ContainerProbes, Probed, Unhealthy, Verdict};
pub(crate) use self::spec::{HttpCheck, ProbeError, ProbeSpec};
