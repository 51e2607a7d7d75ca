//! Which requests go first.

use serde_json::Value;

use super::{age, column, count, number_at, text_at, text_or_none};
use crate::Column;
use crate::fields::{at, items, text};

pub(crate) fn schema() -> Vec<Column> {
    vec![
        column("PriorityLevel", |schema| text_at(schema, "spec.priorityLevelConfiguration.name")),
        count("MatchingPrecedence", |schema| number_at(schema, "spec.matchingPrecedence")),
        column("DistinguisherMethod", |schema| text_or_none(schema, "spec.distinguisherMethod.type")),
        age(),
        column("MissingPL", |schema| {
            let dangling =
                items(schema, "status.conditions").iter().find(|one| text(one, "type") == "Dangling");
            dangling.map_or("?", |condition| text(condition, "status")).into()
        }),
    ]
}

pub(crate) fn priority_level() -> Vec<Column> {
    vec![
        column("Type", |level| text_at(level, "spec.type")),
        column("NominalConcurrencyShares", |level| given(level, "spec.limited.nominalConcurrencyShares")),
        column("Queues", |level| given(level, "spec.limited.limitResponse.queuing.queues")),
        column("HandSize", |level| given(level, "spec.limited.limitResponse.queuing.handSize")),
        column("QueueLengthLimit", |level| {
            given(level, "spec.limited.limitResponse.queuing.queueLengthLimit")
        }),
        age(),
    ]
}

fn given(level: &Value, path: &str) -> Value {
    match at(level, path) {
        Value::Null => super::NONE.into(),
        number => number.clone(),
    }
}
