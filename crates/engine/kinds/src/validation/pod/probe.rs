//! Probes and hooks: exactly one way to ask a container.

use bythos_schema::FieldError;

use crate::spot::Spot;
use crate::validation::check_port_number_or_name;

/// Checks a probe, if it is there.
pub(super) fn check(probe: &Spot<'_, '_>, succeeds_at_once: bool, errors: &mut Vec<FieldError>) {
    if !probe.is_set() {
        return;
    }
    check_handler(probe, &["exec", "httpGet", "tcpSocket", "grpc"], errors);
    let numbers =
        ["initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"];
    for number in numbers {
        probe.field(number).check_not_negative(errors);
    }
    let threshold = probe.field("successThreshold");
    if succeeds_at_once && threshold.integer().is_some_and(|count| count != 1) {
        errors.push(threshold.invalid("must be 1"));
    }
    let grace = probe.field("terminationGracePeriodSeconds");
    if grace.integer().is_some_and(|seconds| seconds <= 0) {
        errors.push(grace.invalid("must be greater than 0"));
    }
}

/// Checks a hook of a container's life, if it is there.
pub(super) fn check_hook(hook: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    if hook.is_set() {
        check_handler(hook, &["exec", "httpGet", "tcpSocket", "sleep"], errors);
    }
}

fn check_handler(spot: &Spot<'_, '_>, kinds: &[&str], errors: &mut Vec<FieldError>) {
    let mut is_given = false;
    for kind in kinds {
        let handler = spot.field(kind);
        if !handler.is_set() {
            continue;
        }
        if is_given {
            errors.push(handler.forbidden("may not specify more than 1 handler type"));
            continue;
        }
        is_given = true;
        match *kind {
            "exec" if handler.field("command").is_empty() => {
                errors.push(handler.field("command").required(""));
            }
            "httpGet" => check_http_get(&handler, errors),
            "tcpSocket" | "grpc" => check_port_number_or_name(&handler.field("port"), errors),
            _ => {}
        }
    }
    if !is_given {
        errors.push(spot.required("must specify a handler type"));
    }
}

fn check_http_get(get: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    if get.field("path").is_empty() {
        errors.push(get.field("path").required(""));
    }
    check_port_number_or_name(&get.field("port"), errors);
    super::check_supported(&get.field("scheme"), &["HTTP", "HTTPS"], errors);
    for header in get.field("httpHeaders").items() {
        let name = header.field("name");
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if name.is_empty() || !name.text().bytes().all(is_token) {
            errors.push(name.invalid(
                "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex \
                 used for validation is '[-A-Za-z0-9]+')",
            ));
        }
    }
}
