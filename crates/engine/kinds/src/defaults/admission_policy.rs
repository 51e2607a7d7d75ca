//! ValidatingAdmissionPolicies and their bindings.

use serde_json::{Value, json};

use crate::fields::{fill, items_in, make_object};

pub(crate) fn policy(policy: &mut Value) {
    let Some(spec) = make_object(policy, "spec") else { return };
    fill(spec, "failurePolicy", "Fail");
    if let Some(constraints) = spec.get_mut("matchConstraints") {
        resources(constraints);
    }
}

pub(crate) fn binding(binding: &mut Value) {
    let Some(spec) = make_object(binding, "spec") else { return };
    if let Some(found) = spec.get_mut("matchResources") {
        resources(found);
    }
}

fn resources(resources: &mut Value) {
    fill(resources, "matchPolicy", "Equivalent");
    for selector in ["namespaceSelector", "objectSelector"] {
        fill(resources, selector, json!({}));
    }
    for list in ["resourceRules", "excludeResourceRules"] {
        items_in(resources, list).for_each(|rule| fill(rule, "scope", "*"));
    }
}
