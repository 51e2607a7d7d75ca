//! Kinds that are served in several versions of different shape, and stored in one of them.

pub(crate) mod autoscaler;

use serde_json::Value;

/// How the versions of a kind become each other. Most kinds have one version, or versions of one shape.
#[derive(Clone, Copy)]
pub struct Conversion {
    /// The version in which objects are stored, for example `v2`.
    pub stored_version: &'static str,
    /// Gives an object of any served version the shape of this one. `apiVersion` is set by the caller.
    pub to_version: fn(&mut Value, &str),
}
