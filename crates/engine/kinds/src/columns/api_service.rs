//! APIs, and who answers them.

use serde_json::Value;

use super::{age, column};
use crate::Column;
use crate::fields::{items, text};

pub(crate) fn columns() -> Vec<Column> {
    vec![
        column("Service", |api| match text(api, "spec.service.name") {
            "" => "Local".into(),
            name => format!("{}/{name}", text(api, "spec.service.namespace")).into(),
        }),
        column("Available", |api| available(api).into()),
        age(),
    ]
}

fn available(api: &Value) -> String {
    let conditions = items(api, "status.conditions").iter();
    match conditions.into_iter().find(|condition| text(condition, "type") == "Available") {
        None => "Unknown".to_owned(),
        Some(condition) if text(condition, "status") == "True" => "True".to_owned(),
        Some(condition) => format!("{} ({})", text(condition, "status"), text(condition, "reason")),
    }
}
