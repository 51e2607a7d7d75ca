//! The controllers at work on the engine's API in process. The node is played by [`support::Node`].

mod access;
mod cron_jobs;
mod daemon_sets;
mod deployments;
mod endpoints;
mod garbage;
mod housekeeping;
mod jobs;
mod namespaces;
mod replica_sets;
mod stateful_sets;
mod support;
mod taints;
mod volumes;
