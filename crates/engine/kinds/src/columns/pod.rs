//! Pods.

use serde_json::Value;

use super::pod_status::PodStatus;
use super::{NONE, age, column, column_at, text_or_none, wide};
use crate::Column;
use crate::fields::{items, text};

pub(crate) fn columns() -> Vec<Column> {
    vec![
        column("Ready", |pod| {
            let status = PodStatus::of(pod);
            format!("{}/{}", status.ready, status.containers).into()
        }),
        column("Status", |pod| PodStatus::of(pod).words.into()),
        column_at("Restarts", |pod, now| PodStatus::of(pod).restarts_in_words(now).into()),
        age(),
        wide(column("IP", |pod| match text(pod, "status.podIP") {
            "" => items(pod, "status.podIPs").first().map_or(NONE.into(), |ip| text_or_none(ip, "ip")),
            ip => ip.into(),
        })),
        wide(column("Node", |pod| text_or_none(pod, "spec.nodeName"))),
        wide(column("Nominated Node", |pod| text_or_none(pod, "status.nominatedNodeName"))),
        wide(column("Readiness Gates", readiness_gates)),
    ]
}

fn readiness_gates(pod: &Value) -> Value {
    let gates = items(pod, "spec.readinessGates");
    if gates.is_empty() {
        return NONE.into();
    }
    let conditions = items(pod, "status.conditions");
    let is_open = |gate: &&Value| {
        conditions.iter().any(|condition| {
            text(condition, "type") == text(gate, "conditionType") && text(condition, "status") == "True"
        })
    };
    format!("{}/{}", gates.iter().filter(is_open).count(), gates.len()).into()
}
