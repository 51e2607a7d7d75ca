//! Devices, and what claims them: `pkg/apis/resource/validation`.

use bythos_schema::FieldError;
use serde_json::Value;

use super::check_immutable;
use super::metadata::check_template_metadata;
use crate::names;
use crate::spot::Spot;

/// Ways to say which nodes reach the devices of a slice.
const REACHES: [&str; 4] = ["allNodes", "nodeName", "nodeSelector", "perDeviceNodeSelection"];
const ONE_REACH: &str =
    "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required";
const EFFECTS: [&str; 3] = ["NoExecute", "NoSchedule", "None"];

pub(crate) fn class(class: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(class), Vec::new());
    check_selectors(&root.field("spec").field("selectors"), &mut errors);
    errors
}

fn check_selectors(selectors: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    for selector in selectors.items() {
        let cel = selector.field("cel");
        if cel.check_given("", errors) {
            cel.field("expression").check_given("", errors);
        }
    }
}

pub(crate) fn claim(claim: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(claim), Vec::new());
    check_devices(&root.field("spec").field("devices"), &mut errors);
    errors
}

pub(crate) fn claim_template(template: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(template), Vec::new());
    let spec = root.field("spec");
    check_template_metadata(&spec.field("metadata"), &mut errors);
    check_devices(&spec.field("spec").field("devices"), &mut errors);
    errors
}

/// What a claim asks for stays, and so does a template of claims.
pub(crate) fn spec_update(old: &Value, new: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(new), Vec::new());
    check_immutable(&root.field("spec"), &old["spec"], &mut errors);
    errors
}

fn check_devices(devices: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let requests = devices.field("requests");
    requests.check_unique("name", errors);
    for request in requests.items() {
        check_request(&request, errors);
    }
}

fn check_request(request: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let name = request.field("name");
    if name.check_given("", errors) {
        name.check_text(names::rfc1123_label, errors);
    }
    let (exactly, alternatives) = (request.field("exactly"), request.field("firstAvailable"));
    match (exactly.is_set(), alternatives.is_empty()) {
        (true, true) => check_wanted(&exactly, errors),
        (false, false) => {
            alternatives.check_unique("name", errors);
            alternatives.items().for_each(|wanted| check_wanted(&wanted, errors));
        }
        (true, false) => {
            errors.push(request.invalid_value(
                "",
                "exactly one of `exactly` or `firstAvailable` is required, but multiple fields are set",
            ));
        }
        (false, true) => {
            errors.push(request.required("exactly one of `exactly` or `firstAvailable` is required"));
        }
    }
}

fn check_wanted(wanted: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let class = wanted.field("deviceClassName");
    if class.check_given("", errors) {
        class.check_text(names::rfc1123_subdomain, errors);
    }
    check_selectors(&wanted.field("selectors"), errors);
    let (mode, count) = (wanted.field("allocationMode"), wanted.field("count"));
    let number = count.integer().unwrap_or_default();
    match mode.text() {
        "All" if number != 0 => {
            errors.push(count.invalid("must not be specified when allocationMode is 'All'"));
        }
        "All" => {}
        "ExactCount" if number <= 0 => errors.push(count.invalid("must be greater than zero")),
        "ExactCount" => {}
        _ => errors.push(mode.unsupported(&["All", "ExactCount"])),
    }
}

pub(crate) fn slice(slice: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(slice), Vec::new());
    let spec = root.field("spec");
    if spec.field("driver").check_given("", &mut errors) {
        spec.field("driver").check_text(names::driver_name, &mut errors);
    }
    let pool = spec.field("pool");
    pool.field("name").check_given("", &mut errors);
    if pool.field("resourceSliceCount").integer().is_none_or(|count| count <= 0) {
        errors.push(pool.field("resourceSliceCount").invalid("must be greater than zero"));
    }
    pool.field("generation").check_not_negative(&mut errors);
    match REACHES.iter().filter(|reach| !spec.field(reach).is_empty()).count() {
        0 => errors.push(spec.required(ONE_REACH)),
        1 => {}
        _ => errors.push(spec.invalid_value("", format!("{ONE_REACH}, but multiple fields are set"))),
    }
    let devices = spec.field("devices");
    devices.check_unique("name", &mut errors);
    devices.items().for_each(|device| device.field("name").check_text(names::rfc1123_label, &mut errors));
    errors
}

/// A slice stays that of its driver, its pool and its node.
pub(crate) fn slice_update(old: &Value, new: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(new), Vec::new());
    let (spec, old) = (root.field("spec"), &old["spec"]);
    check_immutable(&spec.field("driver"), &old["driver"], &mut errors);
    let pool = spec.field("pool");
    check_immutable(&pool.field("name"), &old["pool"]["name"], &mut errors);
    check_immutable(&spec.field("nodeName"), &old["nodeName"], &mut errors);
    errors
}

pub(crate) fn taint_rule(rule: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(rule), Vec::new());
    let spec = root.field("spec");
    let taint = spec.field("taint");
    if taint.field("key").check_given("", &mut errors) {
        taint.field("key").check_text(names::qualified_name, &mut errors);
    }
    if !taint.field("value").is_empty() {
        taint.field("value").check_text(names::label_value, &mut errors);
    }
    taint.field("effect").check_supported(&EFFECTS, &mut errors);
    errors
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::validation::tests::check;

    #[test]
    fn a_claim_asks_for_devices_in_one_of_two_ways() {
        let asks = |request: Value| claim(&json!({"spec": {"devices": {"requests": [request]}}}));
        let gpu = json!({"deviceClassName": "gpu.example.com", "allocationMode": "ExactCount", "count": 1});
        check(&asks(json!({"name": "gpu", "exactly": gpu})), &[]);
        check(
            &asks(json!({"name": "gpu"})),
            &[
                "spec.devices.requests[0]: Required value: exactly one of `exactly` or `firstAvailable` is required",
            ],
        );
        check(
            &asks(json!({"name": "gpu", "exactly": {"allocationMode": "All", "count": 2}})),
            &[
                "spec.devices.requests[0].exactly.deviceClassName: Required value",
                "spec.devices.requests[0].exactly.count: Invalid value: 2: must not be specified when allocationMode \
                 is 'All'",
            ],
        );
        let template = json!({"spec": {"spec": {"devices": {"requests": [{"exactly": gpu}]}}}});
        check(&claim_template(&template), &["spec.spec.devices.requests[0].name: Required value"]);
    }

    #[test]
    fn a_slice_says_which_nodes_reach_it() {
        let pool = json!({"name": "one", "generation": 1, "resourceSliceCount": 1});
        let with = |reach: &str, value: Value| {
            slice(&json!({"spec": {"driver": "gpu.example.com", "pool": pool, reach: value}}))
        };
        check(&with("nodeName", json!("one")), &[]);
        let found = with("devices", json!([{"name": "a"}, {"name": "a"}]));
        check(
            &found,
            &[
                "spec: Required value: exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required",
                r#"spec.devices[1].name: Duplicate value: "a""#,
            ],
        );
    }

    #[test]
    fn a_taint_has_a_key_and_an_effect() {
        let rule = |taint: Value| taint_rule(&json!({"spec": {"taint": taint}}));
        check(&rule(json!({"key": "example.com/broken", "effect": "NoExecute"})), &[]);
        check(
            &rule(json!({"effect": "Never"})),
            &[
                "spec.taint.key: Required value",
                r#"spec.taint.effect: Unsupported value: "Never": supported values: "NoExecute", "NoSchedule", "None""#,
            ],
        );
        check(
            &class(&json!({"spec": {"selectors": [{"cel": {}}]}})),
            &["spec.selectors[0].cel: Required value"],
        );
    }
}
