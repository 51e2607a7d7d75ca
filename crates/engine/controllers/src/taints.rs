//! Which taints a pod tolerates. Pure.

use k8s_openapi::api::core::v1::{Taint, Toleration};

/// The effect that makes pods leave which are there already.
pub(crate) const NO_EXECUTE: &str = "NoExecute";

pub(crate) fn tolerates(toleration: &Toleration, taint: &Taint) -> bool {
    let is_of_effect =
        toleration.effect.as_deref().is_none_or(|effect| effect.is_empty() || effect == taint.effect);
    let key = toleration.key.as_deref().unwrap_or_default();
    let is_of_key = key.is_empty() || key == taint.key;
    let is_of_value = match toleration.operator.as_deref() {
        Some("Exists") => true,
        _ => toleration.value.as_deref().unwrap_or_default() == taint.value.as_deref().unwrap_or_default(),
    };
    is_of_effect && is_of_key && is_of_value
}
