//! The Container Runtime Interface, as this node speaks it to its containerd.

mod client;
mod events;
mod images;
pub(crate) mod labels;
mod tasks;

pub(crate) use client::{Cri, CriError};
pub(crate) use events::{Happened, follow};

#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::allow_attributes_without_reason,
    reason = "generated from proto/cri.proto"
)]
pub(crate) mod v1 {
    tonic::include_proto!("runtime.v1");
}

#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::allow_attributes_without_reason,
    reason = "generated from proto/events.proto"
)]
pub(crate) mod containerd_events {
    tonic::include_proto!("containerd.services.events.v1");
}

#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::allow_attributes_without_reason,
    reason = "generated from proto/tasks.proto"
)]
mod containerd_tasks {
    tonic::include_proto!("containerd.services.tasks.v1");
}
