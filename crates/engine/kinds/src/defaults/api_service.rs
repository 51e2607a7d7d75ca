//! APIServices.

use serde_json::Value;

use super::webhook;

pub(crate) fn default(service: &mut Value) {
    service.get_mut("spec").into_iter().for_each(webhook::service);
}
