//! How objects get from one version to another: only by changing their `apiVersion`.

use bythos_schema::{FieldError, FieldPath, Refusal};

use crate::spot::Spot;

pub(super) fn check(conversion: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    if !conversion.is_set() {
        return;
    }
    let strategy = conversion.field("strategy");
    if strategy.text() == "Webhook" {
        errors.push(not_yet(strategy.path(), strategy.value()));
        return;
    }
    strategy.check_supported(&["None"], errors);
    let webhook = conversion.field("webhook");
    if webhook.is_set() {
        errors.push(webhook.forbidden("should not be set when strategy is not set to Webhook"));
    }
}

fn not_yet(path: FieldPath, found: &serde_json::Value) -> FieldError {
    let detail = "supported values: \"None\"; conversion by webhook is not served here yet: use strategy None if the \
                  versions differ in their apiVersion alone, or serve only the storage version";
    FieldError::of(path, Refusal::NotSupported, found, detail)
}
