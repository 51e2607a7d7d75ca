//! Disruption budgets and priorities.

use serde_json::Value;

use super::{age, column, count, number_at, text_at};
use crate::Column;
use crate::fields::at;

pub(crate) fn disruption_budget() -> Vec<Column> {
    vec![
        column("Min Available", |budget| number_or_percentage(budget, "spec.minAvailable")),
        column("Max Unavailable", |budget| number_or_percentage(budget, "spec.maxUnavailable")),
        count("Allowed Disruptions", |budget| number_at(budget, "status.disruptionsAllowed")),
        age(),
    ]
}

fn number_or_percentage(budget: &Value, path: &str) -> Value {
    match at(budget, path) {
        Value::Null => "N/A".into(),
        Value::String(text) => text.as_str().into(),
        other => other.to_string().into(),
    }
}

pub(crate) fn priority_class() -> Vec<Column> {
    vec![
        count("Value", |class| number_at(class, "value")),
        column("Global-Default", |class| class["globalDefault"].as_bool().unwrap_or_default().into()),
        age(),
        column("PreemptionPolicy", |class| text_at(class, "preemptionPolicy")),
    ]
}

pub(crate) fn runtime_class() -> Vec<Column> {
    vec![column("Handler", |class| text_at(class, "handler")), age()]
}
