//! Quantities in the form that upstream stores: `0.5` becomes `500m`, `1024Mi` becomes `1Gi`.

use serde_json::Value;

use crate::Quantity;

/// Rewrites the quantities of a list of resources. What is none is left to validation.
pub(super) fn canonicalise(amounts: Option<&mut Value>) {
    amounts.and_then(Value::as_object_mut).into_iter().flatten().for_each(|(_, amount)| rewrite(amount));
}

/// Rewrites limits and requests.
pub(super) fn canonicalise_resources(resources: Option<&mut Value>) {
    let Some(resources) = resources else { return };
    for field in ["limits", "requests"] {
        canonicalise(resources.get_mut(field));
    }
}

/// Rewrites one quantity.
pub(super) fn rewrite(amount: &mut Value) {
    if let Ok(quantity) = Quantity::from_value(amount) {
        *amount = quantity.to_string().into();
    }
}
