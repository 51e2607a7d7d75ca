//! Images without a registry: built from a recipe and Debian's packages, packed as an OCI archive, imported.

pub(crate) mod archive;
pub(crate) mod build;
pub(crate) mod clean_up;
pub(crate) mod credentials;
pub(crate) mod import;
pub(crate) mod pause;
pub(crate) mod recipe;
pub(crate) mod tree;
