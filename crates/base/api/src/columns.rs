//! Columns that `kubectl get` shows for custom kinds.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceColumnDefinition, CustomResourceDefinition,
};

/// A column that is always shown.
pub(crate) fn column(name: &str, type_: &str, json_path: &str) -> CustomResourceColumnDefinition {
    CustomResourceColumnDefinition {
        name: name.to_owned(),
        type_: type_.to_owned(),
        json_path: json_path.to_owned(),
        ..CustomResourceColumnDefinition::default()
    }
}

/// A column that `-o wide` shows.
pub(crate) fn wide(name: &str, json_path: &str) -> CustomResourceColumnDefinition {
    CustomResourceColumnDefinition { priority: Some(1), ..column(name, "string", json_path) }
}

/// The status of a condition.
pub(crate) fn condition(type_: &str) -> CustomResourceColumnDefinition {
    column(type_, "string", &format!(".status.conditions[?(@.type==\"{type_}\")].status"))
}

/// The message of the condition `Ready`, as `Status`.
pub(crate) fn ready_message() -> CustomResourceColumnDefinition {
    wide("Status", ".status.conditions[?(@.type==\"Ready\")].message")
}

/// How old the object is.
pub(crate) fn age() -> CustomResourceColumnDefinition {
    column("Age", "date", ".metadata.creationTimestamp")
}

/// `definition` with these columns in every version.
pub(crate) fn with(
    mut definition: CustomResourceDefinition,
    columns: &[CustomResourceColumnDefinition],
) -> CustomResourceDefinition {
    for version in &mut definition.spec.versions {
        version.additional_printer_columns.get_or_insert_default().extend_from_slice(columns);
    }
    definition
}
