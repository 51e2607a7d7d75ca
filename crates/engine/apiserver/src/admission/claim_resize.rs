//! A claim grows only where its class says that its volumes can: upstream's `PersistentVolumeClaimResize`.

use bythos_kinds::Quantity;
use serde_json::Value;

use super::default_class::{STORAGE_CLASSES, storage_class};
use crate::object;
use crate::status::Failure;
use crate::write::Writing;

pub(crate) fn admit(writing: &Writing<'_>, old: &Value, new: &Value) -> Result<(), Failure> {
    if size(new) <= size(old) {
        return Ok(());
    }
    if object::text_at(old, "/status/phase") != Some("Bound") {
        return Err(writing.forbidden(new, "Only bound persistent volume claims can be expanded"));
    }
    if may_grow(writing, old, new) {
        return Ok(());
    }
    Err(writing.forbidden(
        new,
        "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support \
         resize",
    ))
}

/// What is no quantity is nothing here; validation tells.
fn size(claim: &Value) -> Option<Quantity> {
    Quantity::from_value(claim.pointer("/spec/resources/requests/storage")?).ok()
}

fn may_grow(writing: &Writing<'_>, old: &Value, new: &Value) -> bool {
    let Some(class) = storage_class(new).filter(|class| storage_class(old) == Some(class)) else {
        return false;
    };
    let class = writing.state.object(STORAGE_CLASSES, "", class).unwrap_or_default();
    class.get("allowVolumeExpansion") == Some(&Value::Bool(true))
}
