//! IngressClasses.

use serde_json::Value;

use crate::fields::fill;

/// Parameters are those of the cluster.
pub(crate) fn default(class: &mut Value) {
    if let Some(parameters) = class.get_mut("spec").and_then(|spec| spec.get_mut("parameters")) {
        fill(parameters, "scope", "Cluster");
    }
}
