//! The controllers at work on the engine's API in process. The node is played by [`support::Node`].

mod access;
mod deployments;
mod endpoints;
mod garbage;
mod namespaces;
mod replica_sets;
mod support;
