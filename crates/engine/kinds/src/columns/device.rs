//! Devices, and what claims them.

use serde_json::Value;

use super::{age, column, text_at};
use crate::Column;
use crate::fields::{at, items};

pub(crate) fn claim() -> Vec<Column> {
    vec![column("State", |claim| state(claim).into()), age()]
}

fn state(claim: &Value) -> String {
    let mut words = Vec::new();
    if !at(claim, "metadata.deletionTimestamp").is_null() {
        words.push("deleted");
    }
    if at(claim, "status.allocation").is_null() {
        words.push("pending");
    } else {
        words.push("allocated");
        if !items(claim, "status.reservedFor").is_empty() {
            words.push("reserved");
        }
    }
    words.join(",")
}

pub(crate) fn slice() -> Vec<Column> {
    vec![
        column("Node", |slice| text_at(slice, "spec.nodeName")),
        column("Driver", |slice| text_at(slice, "spec.driver")),
        column("Pool", |slice| text_at(slice, "spec.pool.name")),
        age(),
    ]
}
