//! What can be asked of an object besides itself, one door per file.

pub(crate) mod binding;
pub(crate) mod eviction;
pub(crate) mod finalize;
pub(crate) mod log;
pub(crate) mod scale;
pub(crate) mod status;
pub(crate) mod token;
