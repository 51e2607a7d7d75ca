//! A containerd of this engine's own: configured, started or adopted, watched and ended here.
//!
//! It outlives Bythos on purpose: it has its own session, its own cgroup and a private mount namespace in which
//! `/run/containerd` and `/var/lib/cni` are folders of this engine. Nothing here knows pods.

pub(crate) mod cgroup;
pub(crate) mod config;
pub(crate) mod mounts;
pub(crate) mod orphans;
pub(crate) mod parking;
pub(crate) mod process;
pub(crate) mod start;
pub(crate) mod supervise;
