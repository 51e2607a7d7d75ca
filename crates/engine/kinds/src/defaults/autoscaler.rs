//! HorizontalPodAutoscaler.

use serde_json::{Value, json};

use crate::fields::{fill, items, make_object, object_in};

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
        if let Some(behavior) = spec.get_mut("behavior").filter(|behavior| behavior.is_object()) {
            fill_behavior(behavior);
        }
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

/// What a behavior leaves out: as fast up as four pods or twice as many in 15 seconds, and down as fast as it goes once
/// the autoscaler's own window has passed.
fn fill_behavior(behavior: &mut Value) {
    let percent = json!({ "type": "Percent", "value": 100, "periodSeconds": 15 });
    let pods = json!({ "type": "Pods", "value": 4, "periodSeconds": 15 });
    if let Some(up) = make_object(behavior, "scaleUp") {
        fill(up, "stabilizationWindowSeconds", 0);
        fill(up, "selectPolicy", "Max");
        fill(up, "policies", json!([pods, percent]));
    }
    if let Some(down) = make_object(behavior, "scaleDown") {
        fill(down, "selectPolicy", "Max");
        fill(down, "policies", json!([percent]));
    }
}
