//! Claims of devices, and templates of them.

use serde_json::Value;

use crate::fields::{fill, fill_zero, items_in, text};

pub(crate) fn claim(claim: &mut Value) {
    if let Some(spec) = claim.get_mut("spec") {
        wanted(spec);
    }
}

pub(crate) fn claim_template(template: &mut Value) {
    if let Some(spec) = template.get_mut("spec") {
        claim(spec);
    }
}

/// One device, if nothing else is said.
fn wanted(spec: &mut Value) {
    let requests = spec.get_mut("devices").into_iter().flat_map(|devices| items_in(devices, "requests"));
    for request in requests {
        request.get_mut("exactly").into_iter().for_each(count);
        items_in(request, "firstAvailable").for_each(count);
    }
}

fn count(wanted: &mut Value) {
    fill(wanted, "allocationMode", "ExactCount");
    if text(wanted, "allocationMode") == "ExactCount" {
        fill_zero(wanted, "count", 1);
    }
    items_in(wanted, "tolerations").for_each(|toleration| fill(toleration, "operator", "Equal"));
}
