//! What the schema cannot say, checked in upstream's words (`pkg/apis/*/validation`).

pub(crate) mod access;
pub(crate) mod address;
pub(crate) mod admission_policy;
pub(crate) mod api_service;
pub(crate) mod autoscaler;
pub(crate) mod certificate;
pub(crate) mod config;
pub(crate) mod csi;
pub(crate) mod custom_resource;
pub(crate) mod device;
pub(crate) mod event;
pub(crate) mod flow_control;
pub(crate) mod ingress;
pub(crate) mod ingress_class;
pub(crate) mod job;
pub(crate) mod metadata;
pub(crate) mod migration;
pub(crate) mod namespace;
pub(crate) mod network;
pub(crate) mod node;
pub(crate) mod pod;
pub(crate) mod policy;
pub(crate) mod quantity;
pub(crate) mod service;
pub(crate) mod storage;
pub(crate) mod webhook;
pub(crate) mod workload;

use std::net::IpAddr;

use bythos_schema::FieldError;
use serde_json::Value;

use crate::spot::Spot;

/// Adds an error if an update changes this value; `null` and absent are the same.
pub(crate) fn check_immutable(new: &Spot<'_, '_>, old: &Value, errors: &mut Vec<FieldError>) {
    if new.value() != old {
        errors.push(new.invalid("field is immutable"));
    }
}

/// Checks a number of things, or a share of them: `3`, `25%`.
pub(crate) fn check_share(amount: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match amount.value() {
        Value::String(text) if !text.strip_suffix('%').is_some_and(is_digits) => errors.push(amount.invalid(
            "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', \
             regex used for validation is '[0-9]+%')",
        )),
        _ => amount.check_not_negative(errors),
    }
}

/// Checks an address of either family.
pub(crate) fn check_ip(address: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    if address.text().parse::<IpAddr>().is_err() {
        errors.push(address.invalid("must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"));
    }
}

/// Checks an integer that names a port.
pub(crate) fn check_port_number(port: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    if !port.integer().is_some_and(|number| (1..=65_535).contains(&number)) {
        errors.push(port.invalid("must be between 1 and 65535, inclusive"));
    }
}

/// Checks a port that is named by its number or by its name.
pub(crate) fn check_port_number_or_name(port: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    match port.value() {
        Value::String(_) => port.check_text(crate::names::port_name, errors),
        _ => check_port_number(port, errors),
    }
}

#[cfg(test)]
mod tests {
    use super::FieldError;

    /// The errors as users read them.
    pub(crate) fn words(errors: &[FieldError]) -> Vec<String> {
        errors.iter().map(ToString::to_string).collect()
    }

    #[track_caller]
    pub(crate) fn check(errors: &[FieldError], expected: &[&str]) {
        assert_eq!(words(errors), expected);
    }
}
