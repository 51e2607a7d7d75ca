//! FlowSchemas and PriorityLevelConfigurations.

use serde_json::Value;

use crate::fields::fill;

const PRECEDENCE: i64 = 1000;
const SHARES: i64 = 30;
const QUEUES: i64 = 64;
const HAND_SIZE: i64 = 8;
const QUEUE_LENGTH_LIMIT: i64 = 50;

pub(crate) fn schema(schema: &mut Value) {
    if let Some(spec) = schema.get_mut("spec") {
        fill(spec, "matchingPrecedence", PRECEDENCE);
    }
}

pub(crate) fn priority_level(level: &mut Value) {
    let Some(spec) = level.get_mut("spec") else { return };
    if let Some(exempt) = spec.get_mut("exempt") {
        fill(exempt, "nominalConcurrencyShares", 0);
        fill(exempt, "lendablePercent", 0);
    }
    let Some(limited) = spec.get_mut("limited") else { return };
    fill(limited, "nominalConcurrencyShares", SHARES);
    fill(limited, "lendablePercent", 0);
    if let Some(queuing) = limited.get_mut("limitResponse").and_then(|response| response.get_mut("queuing")) {
        fill(queuing, "queues", QUEUES);
        fill(queuing, "handSize", HAND_SIZE);
        fill(queuing, "queueLengthLimit", QUEUE_LENGTH_LIMIT);
    }
}
