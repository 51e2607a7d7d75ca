//! The node on a real containerd, each test in a network namespace of its own and with folders of its own.

#![cfg(test)]

mod grpc_server;
mod host;
mod pods;
mod process;

mod evictions;
mod failures;
mod faults;
mod images;
mod life;
mod lifecycle;
mod logs;
mod probes;
mod registry;
mod restarts;
mod settings;
mod static_pods;
mod streams;
mod volumes;
