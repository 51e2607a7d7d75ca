//! IngressClasses: `pkg/apis/networking/validation`.

use bythos_schema::FieldError;
use serde_json::Value;

use super::check_immutable;
use crate::names;
use crate::spot::Spot;

const CONTROLLER_BYTES_MAX: usize = 250;

pub(crate) fn validate(class: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(class), Vec::new());
    let spec = root.field("spec");
    let controller = spec.field("controller");
    if controller.text().len() > CONTROLLER_BYTES_MAX {
        errors.push(controller.too_long(CONTROLLER_BYTES_MAX));
    }
    if controller.check_given("", &mut errors) {
        controller.check_text(names::domain_prefixed_path, &mut errors);
    }
    let parameters = spec.field("parameters");
    if parameters.is_set() {
        check_parameters(&parameters, &mut errors);
    }
    errors
}

fn check_parameters(parameters: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    if parameters.field("apiGroup").is_set() {
        parameters.field("apiGroup").check_text(names::rfc1123_subdomain, errors);
    }
    for field in ["kind", "name"] {
        if parameters.field(field).check_given("", errors) {
            parameters.field(field).check_text(names::path_segment, errors);
        }
    }
    let (scope, namespace) = (parameters.field("scope"), parameters.field("namespace"));
    match scope.text() {
        "" => errors.push(scope.required("")),
        "Cluster" if namespace.is_set() => {
            errors.push(namespace.forbidden("`parameters.scope` is set to 'Cluster'"));
        }
        "Cluster" => {}
        "Namespace" => {
            if namespace.check_given("`parameters.scope` is set to 'Namespace'", errors) {
                namespace.check_text(names::rfc1123_label, errors);
            }
        }
        _ => errors.push(scope.unsupported(&["Cluster", "Namespace"])),
    }
}

/// A class stays with its controller.
pub(crate) fn validate_update(old: &Value, new: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(new), Vec::new());
    let spec = root.field("spec");
    check_immutable(&spec.field("controller"), &old["spec"]["controller"], &mut errors);
    errors
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::validation::tests::check;

    #[test]
    fn a_class_names_its_controller_and_where_its_parameters_are() {
        let class = |spec: Value| validate(&json!({ "spec": spec }));
        check(&class(json!({"controller": "k8s.io/ingress-nginx"})), &[]);
        check(&class(json!({})), &["spec.controller: Required value"]);
        check(
            &class(json!({"controller": "nginx"})),
            &[
                r#"spec.controller: Invalid value: "nginx": must be a domain-prefixed path (such as "acme.io/foo")"#,
            ],
        );
        let parameters = |parameters: Value| class(json!({"controller": "a.b/c", "parameters": parameters}));
        check(&parameters(json!({"kind": "K", "name": "n", "scope": "Namespace", "namespace": "shop"})), &[]);
        check(
            &parameters(json!({"name": "n", "scope": "Namespace"})),
            &[
                "spec.parameters.kind: Required value",
                "spec.parameters.namespace: Required value: `parameters.scope` is set to 'Namespace'",
            ],
        );
        check(
            &parameters(json!({"kind": "K", "name": "n", "scope": "Cluster", "namespace": "shop"})),
            &["spec.parameters.namespace: Forbidden: `parameters.scope` is set to 'Cluster'"],
        );
        let old = json!({"spec": {"controller": "a.b/c"}});
        check(
            &validate_update(&old, &json!({"spec": {"controller": "a.b/d"}})),
            &[r#"spec.controller: Invalid value: "a.b/d": field is immutable"#],
        );
    }
}
