//! What an update of a pod through its main door may change. Binding goes through a door of its own.

use bythos_schema::FieldError;
use serde_json::Value;

use crate::fields::items;
use crate::spot::Spot;

/// Fields of the spec that may change freely, or under rules of their own.
const OPEN_FIELDS: [&str; 4] =
    ["activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds", "schedulingGates"];

const WORDS: &str = "pod updates may not change fields other than \
     `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,\
     `spec.tolerations` (only additions to existing tolerations),\
     `spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

pub(crate) fn validate_update(old: &Value, new: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(new), Vec::new());
    let (spec, old) = (root.field("spec"), &old["spec"]);
    for list in ["containers", "initContainers"] {
        if items(old, list).len() != items(spec.value(), list).len() {
            errors.push(spec.field(list).forbidden("pod updates may not add or remove containers"));
            return errors;
        }
    }
    check_deadline(&spec.field("activeDeadlineSeconds"), &old["activeDeadlineSeconds"], &mut errors);
    check_tolerations(&spec.field("tolerations"), items(old, "tolerations"), &mut errors);
    check_gates(&spec.field("schedulingGates"), items(old, "schedulingGates"), &mut errors);
    let grace = spec.field("terminationGracePeriodSeconds");
    let old_grace = &old["terminationGracePeriodSeconds"];
    let mut changed = changed_fields(old, spec.value());
    if grace.value() != old_grace && !(old_grace.as_i64() < Some(0) && grace.integer() == Some(1)) {
        changed.push("spec.terminationGracePeriodSeconds".to_owned());
    }
    if !changed.is_empty() {
        errors.push(spec.forbidden(format!("{WORDS}; changed: {}", changed.join(", "))));
    }
    errors
}

fn changed_fields(old: &Value, new: &Value) -> Vec<String> {
    let mut changed = Vec::new();
    for field in names_of_both(old, new) {
        match field {
            "containers" | "initContainers" => {
                let pairs = items(old, field).iter().zip(items(new, field)).enumerate();
                for (index, (old, new)) in pairs {
                    let differ = names_of_both(old, new)
                        .filter(|name| *name != "image" && differs(&old[*name], &new[*name]));
                    changed.extend(differ.map(|name| format!("spec.{field}[{index}].{name}")));
                }
            }
            _ if OPEN_FIELDS.contains(&field) => {}
            _ if differs(&old[field], &new[field]) => changed.push(format!("spec.{field}")),
            _ => {}
        }
    }
    changed
}

fn names_of_both<'a>(old: &'a Value, new: &'a Value) -> impl Iterator<Item = &'a str> {
    let names = |value: &'a Value| value.as_object().into_iter().flatten().map(|(name, _)| name.as_str());
    let only_new = names(new).filter(|name| old.get(*name).is_none());
    names(old).chain(only_new)
}

/// Whether upstream would see a difference: nothing, an empty text, list and object are the same to it.
fn differs(old: &Value, new: &Value) -> bool {
    let is_nothing = |value: &Value| match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    };
    old != new && !(is_nothing(old) && is_nothing(new))
}

fn check_deadline(deadline: &Spot<'_, '_>, old: &Value, errors: &mut Vec<FieldError>) {
    match (old.as_i64(), deadline.integer()) {
        (Some(old), Some(new)) if new > old => {
            errors.push(deadline.invalid("must be less than or equal to previous value"));
        }
        (Some(_), None) => {
            errors.push(deadline.invalid("must not update from a positive integer to nil value"));
        }
        _ => {}
    }
}

fn check_tolerations(tolerations: &Spot<'_, '_>, old: &[Value], errors: &mut Vec<FieldError>) {
    // How long a taint is tolerated may change.
    let is_same = |old: &Value, new: &Value| {
        names_of_both(old, new)
            .filter(|name| *name != "tolerationSeconds")
            .all(|name| !differs(&old[name], &new[name]))
    };
    if !old.iter().all(|old| tolerations.items().any(|new| is_same(old, new.value()))) {
        errors.push(
            tolerations.forbidden("existing toleration can not be modified except its tolerationSeconds"),
        );
    }
}

/// A pod is let through its gates one by one, and never held again.
fn check_gates(gates: &Spot<'_, '_>, old: &[Value], errors: &mut Vec<FieldError>) {
    for gate in gates.items().filter(|gate| !old.contains(gate.value())) {
        let words = format!(
            "only deletion is allowed, but found new scheduling gate '{}'",
            gate.field("name").text()
        );
        errors.push(gates.forbidden(words));
    }
}
