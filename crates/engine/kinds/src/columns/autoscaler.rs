//! HorizontalPodAutoscalers, in the shape of version 2.

use serde_json::Value;

use super::{age, column, number_at};
use crate::Column;
use crate::fields::{at, integer, items, text};

/// More metrics than these are only counted.
const METRICS_MAX: usize = 2;

pub(crate) fn columns() -> Vec<Column> {
    vec![
        column("Reference", |scaler| {
            let target = at(scaler, "spec.scaleTargetRef");
            format!("{}/{}", text(target, "kind"), text(target, "name")).into()
        }),
        column("Targets", |scaler| targets(scaler).into()),
        column("MinPods", |scaler| match integer(scaler, "spec.minReplicas") {
            Some(count) => count.to_string().into(),
            None => "<unset>".into(),
        }),
        column("MaxPods", |scaler| number_at(scaler, "spec.maxReplicas")),
        column("Replicas", |scaler| number_at(scaler, "status.currentReplicas")),
        age(),
    ]
}

fn targets(scaler: &Value) -> String {
    let metrics = items(scaler, "spec.metrics");
    let current = items(scaler, "status.currentMetrics");
    let shown: Vec<String> = metrics
        .iter()
        .enumerate()
        .take(METRICS_MAX)
        .map(|(index, metric)| target(metric, current.get(index).unwrap_or(&Value::Null)))
        .collect();
    match metrics.len().saturating_sub(METRICS_MAX) {
        _ if shown.is_empty() => "<none>".to_owned(),
        0 => shown.join(", "),
        more => format!("{} + {more} more...", shown.join(", ")),
    }
}

/// What is there of what is aimed at: `cpu: 12%/50%`.
fn target(metric: &Value, current: &Value) -> String {
    let source = match text(metric, "type") {
        "Resource" => "resource",
        "ContainerResource" => "containerResource",
        "Pods" => "pods",
        "Object" => "object",
        "External" => "external",
        _ => return "<unknown type>".to_owned(),
    };
    let (aim, found) = (&metric[source]["target"], &current[source]["current"]);
    let measured = |of: &Value| {
        let percentage = integer(of, "averageUtilization").map(|percentage| format!("{percentage}%"));
        let given = |field: &str| Some(text(of, field)).filter(|value| !value.is_empty()).map(str::to_owned);
        percentage.or_else(|| given("averageValue")).or_else(|| given("value"))
    };
    let text_of = |of: &Value| measured(of).unwrap_or_else(|| "<unknown>".to_owned());
    let share = format!("{}/{}", text_of(found), text_of(aim));
    match source {
        "resource" | "containerResource" => format!("{}: {share}", text(metric, &format!("{source}.name"))),
        _ => share,
    }
}
