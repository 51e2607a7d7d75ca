//! What a kustomization does to the objects that it gathers; one file per field.

pub(crate) mod images;
pub(crate) mod labels;
pub(crate) mod names;
pub(crate) mod namespace;
pub(crate) mod patches;
pub(crate) mod replicas;
