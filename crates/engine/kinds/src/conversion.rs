//! Kinds that are served in several versions of different shape, and stored in one of them.

pub(crate) mod autoscaler;
pub(crate) mod event;

use serde_json::Value;

/// How the versions of a kind become each other. Most kinds have one version, or versions of one shape.
///
/// What is written is held against the rules in the version in which it is written; columns and selectable fields are
/// read in the one that is stored.
#[derive(Clone, Copy)]
pub struct Conversion {
    /// The `apiVersion` in which objects are stored, for example `autoscaling/v2`. A kind that two groups serve is
    /// stored in that of one, and so is the same objects in both.
    pub stored_api_version: &'static str,
    /// Gives an object of any served version the shape of this `apiVersion`. The field is set by the caller.
    pub to_version: fn(&mut Value, &str),
}
