//! Probes: whether a container has started, lives and is ready.

mod check;
mod http;
mod runner;
mod spec;
mod streak;

pub(crate) use self::runner::{ContainerProbes, Probed, Verdict};
pub(crate) use self::spec::ProbeSpec;
