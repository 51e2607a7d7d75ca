//! Deployments.

use super::{age, column, count, number_at, template_columns};
use crate::Column;
use crate::fields::integer;

pub(crate) fn columns() -> Vec<Column> {
    let mut columns = vec![
        column("Ready", |deployment| {
            let ready = integer(deployment, "status.readyReplicas").unwrap_or_default();
            format!("{ready}/{}", integer(deployment, "spec.replicas").unwrap_or_default()).into()
        }),
        count("Up-to-date", |deployment| number_at(deployment, "status.updatedReplicas")),
        count("Available", |deployment| number_at(deployment, "status.availableReplicas")),
        age(),
    ];
    columns.extend(template_columns());
    columns
}
