//! What a container requests and is limited to.

use bythos_schema::FieldError;
use serde_json::Value;

use crate::Quantity;
use crate::names;
use crate::spot::Spot;

pub(super) fn check(resources: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let (limits, requests) = (resources.field("limits"), resources.field("requests"));
    for (name, amount) in limits.entries().chain(requests.entries()) {
        check_amount(name, &amount, errors);
    }
    for (name, request) in requests.entries() {
        check_within_limit(name, &requests, request.value(), &limits.value()[name], errors);
    }
}

fn check_amount(name: &str, amount: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    if let Some(words) = complaint_about_name(name) {
        errors.push(amount.invalid_value(name, words));
    }
    match Quantity::from_value(amount.value()) {
        Err(error) => errors.push(amount.invalid(error.to_string())),
        Ok(quantity) if quantity < Quantity::ZERO => {
            errors.push(amount.invalid("must be greater than or equal to 0"));
        }
        Ok(quantity) if !is_standard(name) && !quantity.is_whole() => {
            errors.push(amount.invalid("must be an integer"));
        }
        Ok(_) => {}
    }
}

fn check_within_limit(
    name: &str,
    requests: &Spot<'_, '_>,
    request: &Value,
    limit: &Value,
    errors: &mut Vec<FieldError>,
) {
    let amounts = (Quantity::from_value(request), Quantity::from_value(limit));
    let (Ok(requested), Ok(limited)) = amounts else { return };
    let shown = limit.as_str().map_or_else(|| limit.to_string(), str::to_owned);
    if !is_standard(name) && requested != limited {
        errors.push(
            requests.invalid_value(request.clone(), format!("must be equal to {name} limit of {shown}")),
        );
    } else if requested > limited {
        let words = format!("must be less than or equal to {name} limit of {shown}");
        errors.push(requests.invalid_value(request.clone(), words));
    }
}

/// Resources that every node has, in any fraction. Others are devices: whole, and not to be promised twice.
fn is_standard(name: &str) -> bool {
    matches!(name, "cpu" | "memory" | "ephemeral-storage")
}

fn complaint_about_name(name: &str) -> Option<String> {
    if let Some(complaint) = names::qualified_name(name).into_iter().next() {
        return Some(complaint);
    }
    let is_known = is_standard(name) || name.starts_with("hugepages-") || name.contains('/');
    (!is_known).then(|| "must be a standard resource for containers".to_owned())
}
