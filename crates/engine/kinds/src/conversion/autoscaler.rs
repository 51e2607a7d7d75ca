//! HorizontalPodAutoscaler: version 1 knows one metric, the use of CPU, and version 2 any number of them.
//!
//! What version 1 cannot say stands in an annotation there, as upstream writes it, so that nothing is lost on the way
//! through it.

use serde_json::{Map, Value, json};

use super::Conversion;
use crate::fields::{at, integer, items, text};

const VERSION_1: &str = "autoscaling/v1";
const VERSION_2: &str = "autoscaling/v2";

pub(crate) static CONVERSION: Conversion = Conversion { stored_api_version: VERSION_2, to_version };

/// What version 1 has no field for: in the spec or the status, and under which annotation.
const ANNOTATED: [(&str, &str, &str); 4] = [
    ("spec", "metrics", "autoscaling.alpha.kubernetes.io/metrics"),
    ("spec", "behavior", "autoscaling.alpha.kubernetes.io/behavior"),
    ("status", "currentMetrics", "autoscaling.alpha.kubernetes.io/current-metrics"),
    ("status", "conditions", "autoscaling.alpha.kubernetes.io/conditions"),
];

fn to_version(object: &mut Value, api_version: &str) {
    let is_version_1 = text(object, "apiVersion") == VERSION_1;
    match api_version {
        VERSION_1 if !is_version_1 => to_version_1(object),
        VERSION_2 if is_version_1 => to_version_2(object),
        _ => {}
    }
}

fn to_version_1(object: &mut Value) {
    let (target, others) = split(items(object, "spec.metrics"), "target");
    let (current, other_current) = split(items(object, "status.currentMetrics"), "current");
    put(object, "spec", "metrics", others);
    put(object, "status", "currentMetrics", other_current);
    for (part, field, annotation) in ANNOTATED {
        if let Some(value) = take(object, part, field) {
            put_annotation(object, annotation, value.to_string());
        }
    }
    if let Some(target) = target {
        put(object, "spec", "targetCPUUtilizationPercentage", Some(target));
    }
    if let Some(current) = current {
        put(object, "status", "currentCPUUtilizationPercentage", Some(current));
    }
}

fn to_version_2(object: &mut Value) {
    for (part, field, annotation) in ANNOTATED {
        let value = take_annotation(object, annotation).and_then(|text| serde_json::from_str(&text).ok());
        put(object, part, field, value);
    }
    let target = take(object, "spec", "targetCPUUtilizationPercentage");
    let current = take(object, "status", "currentCPUUtilizationPercentage");
    join(
        object,
        "spec",
        "metrics",
        target.map(|target| {
            let target = json!({ "type": "Utilization", "averageUtilization": target });
            json!({ "type": "Resource", "resource": { "name": "cpu", "target": target } })
        }),
    );
    join(
        object,
        "status",
        "currentMetrics",
        current.map(|current| {
            let current = json!({ "averageUtilization": current });
            json!({ "type": "Resource", "resource": { "name": "cpu", "current": current } })
        }),
    );
}

/// The use of CPU among the metrics, and all others; `None` where there are none.
fn split(metrics: &[Value], measure: &str) -> (Option<Value>, Option<Value>) {
    let use_of_cpu = |metric: &Value| {
        let percentage = integer(metric, &format!("resource.{measure}.averageUtilization"))?;
        (text(metric, "type") == "Resource" && text(metric, "resource.name") == "cpu")
            .then(|| json!(percentage))
    };
    let first = metrics.iter().position(|metric| use_of_cpu(metric).is_some());
    let others: Vec<Value> = metrics
        .iter()
        .enumerate()
        .filter(|(index, _)| Some(*index) != first)
        .map(|(_, metric)| metric.clone())
        .collect();
    let found = first.and_then(|index| metrics.get(index)).and_then(use_of_cpu);
    (found, (!others.is_empty()).then(|| json!(others)))
}

/// Adds a metric before those that are there.
fn join(object: &mut Value, part: &str, field: &str, metric: Option<Value>) {
    let Some(metric) = metric else { return };
    let others = take(object, part, field).unwrap_or_default();
    let all = std::iter::once(metric).chain(others.as_array().into_iter().flatten().cloned());
    put(object, part, field, Some(all.collect()));
}

fn take(object: &mut Value, part: &str, field: &str) -> Option<Value> {
    object.get_mut(part)?.as_object_mut()?.remove(field)
}

/// Sets or removes a field of the spec or the status. A part that is not there is only made for a value.
fn put(object: &mut Value, part: &str, field: &str, value: Option<Value>) {
    let Some(value) = value else {
        take(object, part, field);
        return;
    };
    if at(object, part).is_null() {
        object[part] = json!({});
    }
    if let Some(fields) = object[part].as_object_mut() {
        fields.insert(field.to_owned(), value);
    }
}

fn put_annotation(object: &mut Value, name: &str, text: String) {
    let metadata = object.get_mut("metadata").and_then(Value::as_object_mut);
    let Some(metadata) = metadata else { return };
    let annotations = metadata.entry("annotations").or_insert_with(|| Value::Object(Map::new()));
    if let Some(annotations) = annotations.as_object_mut() {
        annotations.insert(name.to_owned(), text.into());
    }
}

fn take_annotation(object: &mut Value, name: &str) -> Option<String> {
    let metadata = object.get_mut("metadata")?.as_object_mut()?;
    let annotations = metadata.get_mut("annotations")?.as_object_mut()?;
    let text = annotations.remove(name)?.as_str().map(str::to_owned);
    if annotations.is_empty() {
        metadata.remove("annotations");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version_2(metrics: Value) -> Value {
        json!({ "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": { "name": "web" },
            "spec": { "maxReplicas": 3, "metrics": metrics } })
    }

    fn cpu(percentage: i64) -> Value {
        json!({ "type": "Resource", "resource": { "name": "cpu",
            "target": { "type": "Utilization", "averageUtilization": percentage } } })
    }

    #[test]
    fn the_use_of_cpu_has_a_field_in_version_1() {
        let mut object = version_2(json!([cpu(50)]));
        to_version(&mut object, VERSION_1);
        assert_eq!(object["spec"], json!({ "maxReplicas": 3, "targetCPUUtilizationPercentage": 50 }));
        assert!(object["metadata"].get("annotations").is_none());
    }

    #[test]
    fn nothing_is_lost_on_the_way_through_version_1() {
        let memory = json!({ "type": "Resource", "resource": { "name": "memory",
            "target": { "type": "AverageValue", "averageValue": "1Gi" } } });
        let mut original = version_2(json!([cpu(50), memory, cpu(80)]));
        original["spec"]["behavior"] = json!({ "scaleDown": { "stabilizationWindowSeconds": 60 } });
        original["status"] = json!({ "conditions": [{ "type": "AbleToScale", "status": "True" }] });
        let mut object = original.clone();
        to_version(&mut object, VERSION_1);
        assert_eq!(object["spec"]["targetCPUUtilizationPercentage"], 50);
        assert_eq!(object["metadata"]["annotations"].as_object().unwrap().len(), 3);
        object["apiVersion"] = json!("autoscaling/v1");
        to_version(&mut object, VERSION_2);
        object["apiVersion"] = json!("autoscaling/v2");
        assert_eq!(object, original);
    }

    #[test]
    fn an_object_of_the_version_stays_as_it_is() {
        let original = version_2(json!([cpu(50)]));
        let mut object = original.clone();
        to_version(&mut object, VERSION_2);
        assert_eq!(object, original);
    }
}
