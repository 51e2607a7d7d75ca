//! Namespaces: `ValidateNamespace` of `pkg/apis/core/validation`.

use bythos_schema::FieldError;
use serde_json::Value;

use crate::names;
use crate::spot::Spot;

/// A finalizer that needs no domain before its name.
const KUBERNETES: &str = "kubernetes";

pub(crate) fn validate(namespace: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(namespace), Vec::new());
    let spec = root.field("spec");
    for finalizer in spec.field("finalizers").items() {
        finalizer.check_text(names::qualified_name, &mut errors);
        if !finalizer.text().contains('/') && finalizer.text() != KUBERNETES {
            errors.push(
                finalizer.invalid("name is neither a standard finalizer name nor is it fully qualified"),
            );
        }
    }
    errors
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::validation::tests::check;

    #[test]
    fn finalizers_have_a_domain_but_for_kubernetes_own() {
        let namespace = |finalizer: &str| validate(&json!({"spec": {"finalizers": [finalizer]}}));
        for good in ["kubernetes", "example.com/clean-up"] {
            check(&namespace(good), &[]);
        }
        check(
            &namespace("mine"),
            &[
                r#"spec.finalizers[0]: Invalid value: "mine": name is neither a standard finalizer name nor is it fully qualified"#,
            ],
        );
    }
}
