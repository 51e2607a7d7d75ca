//! Roles and their bindings.

use serde_json::Value;

use super::{age, column, wide};
use crate::fields::{items, text};
use crate::{Column, Text};

/// The time of creation itself, not an age.
pub(crate) fn created_at() -> Vec<Column> {
    let created = column("Created At", |object| text(object, "metadata.creationTimestamp").into());
    vec![Column { type_: Text::from("date"), ..created }]
}

pub(crate) fn role() -> Vec<Column> {
    created_at()
}

pub(crate) fn binding() -> Vec<Column> {
    vec![
        column("Role", |binding| {
            format!("{}/{}", text(binding, "roleRef.kind"), text(binding, "roleRef.name")).into()
        }),
        age(),
        wide(column("Users", |binding| subjects(binding, "User"))),
        wide(column("Groups", |binding| subjects(binding, "Group"))),
        wide(column("ServiceAccounts", |binding| subjects(binding, "ServiceAccount"))),
    ]
}

fn subjects(binding: &Value, kind: &str) -> Value {
    let subjects = items(binding, "subjects").iter().filter(|subject| text(subject, "kind") == kind);
    let names: Vec<String> = subjects
        .map(|subject| match (kind, text(subject, "namespace")) {
            ("ServiceAccount", namespace) => format!("{namespace}/{}", text(subject, "name")),
            _ => text(subject, "name").to_owned(),
        })
        .collect();
    names.join(", ").into()
}
