//! The Container Runtime Interface, as the node speaks it.

#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::allow_attributes_without_reason,
    reason = "compiled from the definitions of the interface"
)]
pub(crate) mod v1 {
    tonic::include_proto!("runtime.v1");
}
