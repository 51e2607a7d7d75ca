//! What can be asked of an object besides itself, one door per file.

pub(crate) mod approval;
pub(crate) mod binding;
pub(crate) mod connect;
mod container;
pub(crate) mod eviction;
pub(crate) mod finalize;
pub(crate) mod log;
mod node;
pub(crate) mod proxy;
pub(crate) mod scale;
pub(crate) mod status;
pub(crate) mod token;
