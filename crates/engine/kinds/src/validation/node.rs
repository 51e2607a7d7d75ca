//! Nodes: `ValidateNode` of `pkg/apis/core/validation`.

use std::collections::BTreeSet;

use bythos_schema::FieldError;
use serde_json::Value;

use super::network::check_cidr;
use crate::names;
use crate::spot::Spot;

const EFFECTS: [&str; 3] = ["NoExecute", "NoSchedule", "PreferNoSchedule"];

pub(crate) fn validate(node: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(node), Vec::new());
    let spec = root.field("spec");
    check_taints(&spec.field("taints"), &mut errors);
    for network in spec.field("podCIDRs").items() {
        check_cidr(&network, &mut errors);
    }
    errors
}

fn check_taints(taints: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let mut known = BTreeSet::new();
    for taint in taints.items() {
        let (key, value, effect) = (taint.field("key"), taint.field("value"), taint.field("effect"));
        key.check_text(names::qualified_name, errors);
        value.check_text(names::label_value, errors);
        if effect.check_given("", errors) {
            effect.check_supported(&EFFECTS, errors);
        }
        if !known.insert((key.text(), effect.text())) {
            errors.push(FieldError {
                detail: "taints must be unique by key and effect pair".to_owned(),
                ..taint.duplicate()
            });
        }
    }
}

/// A node stays the machine that it is.
pub(crate) fn validate_update(old: &Value, new: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(new), Vec::new());
    let spec = root.field("spec");
    for field in ["podCIDRs", "providerID"] {
        let was_set = !Spot::root(&old["spec"][field]).is_empty();
        if was_set && old["spec"][field] != new["spec"][field] {
            errors.push(
                spec.field(field).forbidden("node updates may not change it except from \"\" to valid"),
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
    fn taints_have_a_key_and_an_effect_and_are_there_once() {
        let node = |taints: Value| validate(&json!({"spec": {"taints": taints}}));
        let taint = json!({"key": "example.com/slow", "value": "yes", "effect": "NoSchedule"});
        check(&node(json!([taint])), &[]);
        let found: Vec<String> = node(json!([taint, taint, {"key": "a", "effect": "Never"}]))
            .iter()
            .map(|error| format!("{}: {}", error.path, error.detail))
            .collect();
        assert_eq!(
            found,
            [
                "spec.taints[1]: taints must be unique by key and effect pair",
                r#"spec.taints[2].effect: supported values: "NoExecute", "NoSchedule", "PreferNoSchedule""#,
            ]
        );
    }

    #[test]
    fn a_node_stays_the_machine_that_it_is() {
        let node = |id: &str| json!({"spec": {"providerID": id}});
        check(&validate_update(&json!({}), &node("a")), &[]);
        check(
            &validate_update(&node("a"), &node("b")),
            &[r#"spec.providerID: Forbidden: node updates may not change it except from "" to valid"#],
        );
    }
}
