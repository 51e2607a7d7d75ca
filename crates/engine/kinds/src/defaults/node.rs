//! Nodes.

use serde_json::Value;

use super::quantity;
use crate::fields::{at, fill};

/// What a node has can be used, unless it says otherwise.
pub(crate) fn default(node: &mut Value) {
    for field in ["capacity", "allocatable"] {
        quantity::canonicalise(node.get_mut("status").and_then(|status| status.get_mut(field)));
    }
    let capacity = at(node, "status.capacity").clone();
    if let Some(status) = node.get_mut("status")
        && !capacity.is_null()
    {
        fill(status, "allocatable", capacity);
    }
}
