//! Requests for certificates.

use serde_json::Value;

use crate::fields::{at, fill};

/// How long a pod's certificate lives if it is not asked for another time: a day.
const POD_LIFETIME_SECONDS: i64 = 24 * 60 * 60;

pub(crate) fn pod_request(request: &mut Value) {
    if let Some(spec) = request.get_mut("spec") {
        fill(spec, "maxExpirationSeconds", POD_LIFETIME_SECONDS);
    }
}

/// What is asked for, and by whom, stays.
pub(crate) fn keep_request(old: &Value, new: &mut Value) {
    new["spec"] = at(old, "spec").clone();
}
