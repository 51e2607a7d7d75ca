//! ReplicaSets.

use super::{age, count, number_at, template_columns};
use crate::Column;

pub(crate) fn columns() -> Vec<Column> {
    let mut columns = vec![
        count("Desired", |set| number_at(set, "spec.replicas")),
        count("Current", |set| number_at(set, "status.replicas")),
        count("Ready", |set| number_at(set, "status.readyReplicas")),
        age(),
    ];
    columns.extend(template_columns());
    columns
}
