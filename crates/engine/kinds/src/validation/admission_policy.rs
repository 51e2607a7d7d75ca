//! Admission policies and their bindings: `pkg/apis/admissionregistration/validation`.

use bythos_schema::FieldError;
use serde_json::Value;

use crate::AdmissionPolicy;
use crate::admission_policy::MatchResources;
use crate::fields::items;
use crate::spot::Spot;

const SCOPES: [&str; 3] = ["*", "Cluster", "Namespaced"];
const OPERATIONS: [&str; 5] = ["*", "CONNECT", "CREATE", "DELETE", "UPDATE"];
pub(super) const REINVOCATIONS: [&str; 2] = ["IfNeeded", "Never"];
pub(super) const FAILURES: [&str; 2] = ["Fail", "Ignore"];

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
    check_policy(&spec, &mut errors);
    errors
}

pub(crate) fn validate_mutating(policy: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(policy), Vec::new());
    let spec = root.field("spec");
    let mutations = spec.field("mutations");
    mutations.check_given("mutations must contain at least one item", &mut errors);
    for mutation in mutations.items() {
        check_mutation(&mutation, &mut errors);
    }
    let reinvocation = spec.field("reinvocationPolicy");
    if reinvocation.check_given("", &mut errors) {
        reinvocation.check_supported(&REINVOCATIONS, &mut errors);
    }
    spec.field("failurePolicy").check_supported(&FAILURES, &mut errors);
    check_policy(&spec, &mut errors);
    errors
}

fn check_mutation(mutation: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let type_ = mutation.field("patchType");
    let (used, unused) = match type_.text() {
        "ApplyConfiguration" => ("applyConfiguration", "jsonPatch"),
        "JSONPatch" => ("jsonPatch", "applyConfiguration"),
        _ => return errors.push(type_.unsupported(&["ApplyConfiguration", "JSONPatch"])),
    };
    let patch = mutation.field(used);
    if patch.check_given(&format!("must be specified when patchType is {}", type_.text()), errors) {
        patch.field("expression").check_given("", errors);
    }
    if mutation.field(unused).is_set() {
        let words = format!("must not be specified when patchType is {}", type_.text());
        errors.push(mutation.field(unused).forbidden(words));
    }
}

/// What policies of both sorts have in common.
fn check_policy(spec: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let constraints = spec.field("matchConstraints");
    constraints.field("resourceRules").check_given("", errors);
    check_rules(&constraints, errors);
    let kind = spec.field("paramKind");
    if kind.is_set() {
        for name in ["apiVersion", "kind"] {
            kind.field(name).check_given("", errors);
        }
    }
}

pub(crate) fn validate_mutating_binding(binding: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(binding), Vec::new());
    check_binding(&root.field("spec"), &mut errors);
    errors
}

/// What bindings of both sorts have in common.
fn check_binding(spec: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    spec.field("policyName").check_given("", errors);
    let resources = spec.field("matchResources");
    if let Err(problem) = MatchResources::parse(resources.value()) {
        errors.push(resources.invalid_value("", problem));
    }
    check_rules(&resources, errors);
    check_parameters(&spec.field("paramRef"), errors);
}

pub(crate) fn validate_binding(binding: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(binding), Vec::new());
    let spec = root.field("spec");
    check_binding(&spec, &mut errors);
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
            check_rule(&rule, errors);
        }
    }
}

/// Checks which requests a policy or a webhook is asked about.
pub(super) fn check_rule(rule: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    for name in ["operations", "apiGroups", "apiVersions", "resources"] {
        rule.field(name).check_given("", errors);
    }
    for operation in rule.field("operations").items() {
        operation.check_supported(&OPERATIONS, errors);
    }
    rule.field("scope").check_supported(&SCOPES, errors);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::validation::tests::check;

    fn policy(mutation: Value) -> Value {
        let rule = json!({"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]});
        json!({"spec": {"reinvocationPolicy": "Never", "failurePolicy": "Fail", "mutations": [mutation],
            "matchConstraints": {"resourceRules": [rule]}}})
    }

    #[test]
    fn a_mutation_is_a_patch_of_its_type() {
        let patch = json!({"expression": "[]"});
        check(&validate_mutating(&policy(json!({"patchType": "JSONPatch", "jsonPatch": patch}))), &[]);
        check(
            &validate_mutating(&policy(json!({"patchType": "ApplyConfiguration", "jsonPatch": patch}))),
            &[
                "spec.mutations[0].applyConfiguration: Required value: must be specified when patchType is \
                 ApplyConfiguration",
                "spec.mutations[0].jsonPatch: Forbidden: must not be specified when patchType is ApplyConfiguration",
            ],
        );
        check(
            &validate_mutating(&json!({"spec": {}})),
            &[
                "spec.mutations: Required value: mutations must contain at least one item",
                "spec.reinvocationPolicy: Required value",
                "spec.matchConstraints.resourceRules: Required value",
            ],
        );
    }

    #[test]
    fn a_mutating_binding_names_its_policy() {
        check(&validate_mutating_binding(&json!({"spec": {"policyName": "p"}})), &[]);
        check(&validate_mutating_binding(&json!({"spec": {}})), &["spec.policyName: Required value"]);
    }
}
