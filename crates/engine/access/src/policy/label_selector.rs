//! The label selectors of aggregated ClusterRoles: `matchLabels` and `matchExpressions`.

use serde_json::Value;

/// Whether the label selector `selector` selects an object with `labels`. A selector that cannot be understood
/// selects nothing: it must not grant.
pub(super) fn selects(selector: &Value, labels: &Value) -> bool {
    let equal = match selector.get("matchLabels") {
        None | Some(Value::Null) => true,
        Some(Value::Object(wanted)) => wanted.iter().all(|(key, value)| labels.get(key) == Some(value)),
        Some(_) => false,
    };
    let expressions = match selector.get("matchExpressions") {
        None | Some(Value::Null) => true,
        Some(Value::Array(expressions)) => expressions.iter().all(|one| holds(one, labels)),
        Some(_) => false,
    };
    equal && expressions
}

fn holds(expression: &Value, labels: &Value) -> bool {
    let Some(key) = expression.get("key").and_then(Value::as_str) else { return false };
    let values = expression.get("values").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let found = labels.get(key);
    match expression.get("operator").and_then(Value::as_str) {
        Some("In") => found.is_some_and(|value| values.contains(value)),
        Some("NotIn") => !found.is_some_and(|value| values.contains(value)),
        Some("Exists") => found.is_some(),
        Some("DoesNotExist") => found.is_none(),
        _ => false,
    }
}
