//! HorizontalPodAutoscaler.

use serde_json::{Value, json};

use crate::fields::{fill, items, object_in};

/// Share of the asked for CPU that is aimed at where no metric is given, in percent.
const CPU_PERCENTAGE: i64 = 80;

/// Under which name version 1 keeps the metrics that it has no field for.
const OTHER_METRICS: &str = "autoscaling.alpha.kubernetes.io/metrics";

pub(crate) fn version_1(object: &mut Value) {
    let has_others = object["metadata"]["annotations"].get(OTHER_METRICS).is_some();
    let Some(spec) = object.get_mut("spec") else { return };
    fill(spec, "minReplicas", 1);
    if !has_others {
        fill(spec, "targetCPUUtilizationPercentage", CPU_PERCENTAGE);
    }
}

pub(crate) fn version_2(object: &mut Value) {
    if let Some(spec) = object.get_mut("spec") {
        fill(spec, "minReplicas", 1);
    }
    if !items(object, "spec.metrics").is_empty() {
        return;
    }
    let target = json!({ "type": "Utilization", "averageUtilization": CPU_PERCENTAGE });
    let cpu = json!({ "type": "Resource", "resource": { "name": "cpu", "target": target } });
    if let Some(spec) = object_in(object, "spec") {
        spec.insert("metrics".to_owned(), json!([cpu]));
    }
}
