//! ValidatingAdmissionPolicies and their bindings: `pkg/apis/admissionregistration/validation`.

use bythos_schema::FieldError;
use serde_json::Value;

use crate::AdmissionPolicy;
use crate::admission_policy::MatchResources;
use crate::fields::{at, items};
use crate::spot::Spot;

pub(crate) fn validate(policy: &Value) -> Vec<FieldError> {
    let root = Spot::root(policy);
    let spec = root.field("spec");
    let (_, mut errors) = AdmissionPolicy::compile(policy);
    if items(policy, "spec.validations").is_empty() && items(policy, "spec.auditAnnotations").is_empty() {
        errors.push(
            spec.field("validations")
                .required("validations or auditAnnotations must contain at least one item"),
        );
    }
    let constraints = spec.field("matchConstraints");
    if constraints.field("resourceRules").is_empty() {
        errors.push(constraints.field("resourceRules").required(""));
    }
    check_rules(&constraints, &mut errors);
    let kind = spec.field("paramKind");
    for name in ["apiVersion", "kind"] {
        if kind.is_set() && kind.field(name).is_empty() {
            errors.push(kind.field(name).required(""));
        }
    }
    errors
}

pub(crate) fn validate_binding(binding: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(binding), Vec::new());
    let spec = root.field("spec");
    if spec.field("policyName").is_empty() {
        errors.push(spec.field("policyName").required(""));
    }
    let resources = spec.field("matchResources");
    if let Err(problem) = MatchResources::parse(resources.value()) {
        errors.push(resources.invalid_value("", problem));
    }
    check_rules(&resources, &mut errors);
    let actions = spec.field("validationActions");
    if actions.is_empty() {
        errors.push(actions.required("at least one validation action is required"));
    }
    let has = |wanted: &str| items(binding, "spec.validationActions").iter().any(|action| action == wanted);
    for action in actions.items() {
        action.check_supported(&["Audit", "Deny", "Warn"], &mut errors);
    }
    if has("Deny") && has("Warn") {
        errors.push(actions.invalid("must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)"));
    }
    check_parameters(&spec.field("paramRef"), &mut errors);
    errors
}

fn check_parameters(reference: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    if !reference.is_set() {
        return;
    }
    let (name, selector) = (reference.field("name"), reference.field("selector"));
    match (name.is_empty(), selector.is_set()) {
        (false, true) => errors.push(name.forbidden("name and selector are mutually exclusive")),
        (true, false) => errors.push(reference.required("one of name or selector must be specified")),
        _ => {}
    }
    let action = reference.field("parameterNotFoundAction");
    if action.is_empty() {
        errors.push(action.required("must be set to Deny or Allow"));
    } else {
        action.check_supported(&["Allow", "Deny"], errors);
    }
}

fn check_rules(resources: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    for list in ["resourceRules", "excludeResourceRules"] {
        for rule in resources.field(list).items() {
            for name in ["operations", "apiGroups", "apiVersions", "resources"] {
                if items(rule.value(), name).is_empty() {
                    errors.push(rule.field(name).required(""));
                }
            }
            for operation in rule.field("operations").items() {
                operation.check_supported(&["*", "CONNECT", "CREATE", "DELETE", "UPDATE"], errors);
            }
            if !at(rule.value(), "scope").is_null() {
                rule.field("scope").check_supported(&["*", "Cluster", "Namespaced"], errors);
            }
        }
    }
}
