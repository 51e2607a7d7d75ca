//! HorizontalPodAutoscalers: `pkg/apis/autoscaling/validation`.

use bythos_schema::FieldError;
use serde_json::Value;

use super::quantity::check_quantity;
use crate::Quantity;
use crate::names;
use crate::selector::validate_label_selector;
use crate::spot::Spot;

/// The types of metrics, and the field in which each is described.
const SOURCES: [(&str, &str); 5] = [
    ("ContainerResource", "containerResource"),
    ("External", "external"),
    ("Object", "object"),
    ("Pods", "pods"),
    ("Resource", "resource"),
];
const WINDOW_SECONDS_MAX: i64 = 3600;
const PERIOD_SECONDS_MAX: i64 = 1800;

pub(crate) fn version_1(scaler: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(scaler), Vec::new());
    let spec = root.field("spec");
    check_bounds(&spec, &mut errors);
    check_target(&spec.field("scaleTargetRef"), &mut errors);
    check_above_zero(&spec.field("targetCPUUtilizationPercentage"), &mut errors);
    errors
}

pub(crate) fn version_2(scaler: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(scaler), Vec::new());
    let spec = root.field("spec");
    check_bounds(&spec, &mut errors);
    check_target(&spec.field("scaleTargetRef"), &mut errors);
    spec.field("metrics").items().for_each(|metric| check_metric(&metric, &mut errors));
    let behavior = spec.field("behavior");
    for direction in ["scaleUp", "scaleDown"] {
        if behavior.field(direction).is_set() {
            check_scaling(&behavior.field(direction), &mut errors);
        }
    }
    errors
}

fn check_bounds(spec: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let (least, most) = (spec.field("minReplicas"), spec.field("maxReplicas"));
    if least.integer().is_some_and(|count| count < 1) {
        errors.push(least.invalid("must be greater than or equal to 1"));
    }
    let count_max = most.integer().unwrap_or_default();
    if count_max < 1 {
        errors.push(most.invalid("must be greater than 0"));
    }
    if least.integer().is_some_and(|count| count > count_max) {
        errors.push(most.invalid("must be greater than or equal to `minReplicas`"));
    }
}

fn check_target(target: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    for field in ["kind", "name"] {
        if target.field(field).check_given("", errors) {
            target.field(field).check_text(names::path_segment, errors);
        }
    }
    let version = target.field("apiVersion");
    if version.text().split('/').count() > 2 {
        errors.push(version.invalid(format!("unexpected GroupVersion string: {}", version.text())));
    }
}

fn check_metric(metric: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let type_ = metric.field("type");
    if !type_.check_given("must specify a metric source type", errors) {
        return;
    }
    let Some((_, expected)) = SOURCES.iter().find(|(known, _)| *known == type_.text()) else {
        return errors.push(type_.unsupported(&SOURCES.map(|(known, _)| known)));
    };
    let source = metric.field(expected);
    if source.check_given("must populate information for the given metric source", errors) {
        check_source(expected, &source, errors);
    }
    for (_, field) in SOURCES.iter().filter(|(_, field)| field != expected && metric.field(field).is_set()) {
        errors.push(metric.field(field).forbidden("must populate the given metric source only"));
    }
}

fn check_source(name: &str, source: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let target = source.field("target");
    match name {
        "resource" | "containerResource" => {
            source.field("name").check_given("must specify a resource name", errors);
            if name == "containerResource" {
                source.field("container").check_given("must specify a container", errors);
            }
            let words = "must set either a target raw value or a target utilization";
            check_one_of(&target, ["averageUtilization", "averageValue"], words, errors);
        }
        "pods" => {
            check_identifier(&source.field("metric"), errors);
            target.field("averageValue").check_given("must specify a positive target averageValue", errors);
        }
        _ => {
            if name == "object" {
                check_target(&source.field("describedObject"), errors);
            }
            check_identifier(&source.field("metric"), errors);
            let words = "must set either a target value for metric or a per-pod target";
            check_one_of(&target, ["value", "averageValue"], words, errors);
        }
    }
    check_aim(&target, errors);
}

fn check_identifier(metric: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    if metric.field("name").check_given("must specify a metric name", errors) {
        metric.field("name").check_text(names::path_segment, errors);
    }
    if metric.field("selector").is_set() {
        validate_label_selector(&metric.field("selector"), errors);
    }
}

fn check_one_of(target: &Spot<'_, '_>, fields: [&str; 2], missing: &str, errors: &mut Vec<FieldError>) {
    let [first, second] = fields.map(|field| !target.value()[field].is_null());
    match (first, second) {
        (false, false) => errors.push(target.field(fields[0]).required(missing)),
        (true, true) => {
            let words = format!("may not set both {} and {}", fields[0], fields[1]);
            errors.push(target.field(fields[1]).forbidden(words));
        }
        _ => {}
    }
}

fn check_aim(target: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let type_ = target.field("type");
    if type_.check_given("must specify a metric target type", errors)
        && !matches!(type_.text(), "Utilization" | "Value" | "AverageValue")
    {
        errors.push(type_.invalid("must be either Utilization, Value, or AverageValue"));
    }
    for amount in
        [target.field("value"), target.field("averageValue")].iter().filter(|amount| amount.is_set())
    {
        check_quantity(amount, errors);
        if Quantity::from_value(amount.value()) == Ok(Quantity::ZERO) {
            errors.push(amount.invalid("must be positive"));
        }
    }
    check_above_zero(&target.field("averageUtilization"), errors);
}

fn check_above_zero(number: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    if number.integer().is_some_and(|number| number < 1) {
        errors.push(number.invalid("must be greater than 0"));
    }
}

fn check_scaling(scaling: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let window = scaling.field("stabilizationWindowSeconds");
    match window.integer() {
        Some(seconds) if seconds < 0 => errors.push(window.invalid("must be greater than or equal to zero")),
        Some(seconds) if seconds > WINDOW_SECONDS_MAX => {
            errors.push(window.invalid(format!("must be less than or equal to {WINDOW_SECONDS_MAX}")));
        }
        _ => {}
    }
    scaling.field("selectPolicy").check_supported(&["Disabled", "Max", "Min"], errors);
    let policies = scaling.field("policies");
    policies.check_given("must specify at least one Policy", errors);
    for policy in policies.items() {
        check_policy(&policy, errors);
    }
}

fn check_policy(policy: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let (type_, value, period) = (policy.field("type"), policy.field("value"), policy.field("periodSeconds"));
    if !matches!(type_.text(), "Percent" | "Pods") {
        errors.push(type_.unsupported(&["Percent", "Pods"]));
    }
    for number in [&value, &period] {
        if number.integer().unwrap_or_default() <= 0 {
            errors.push(number.invalid("must be greater than zero"));
        }
    }
    if period.integer().is_some_and(|seconds| seconds > PERIOD_SECONDS_MAX) {
        errors.push(period.invalid(format!("must be less than or equal to {PERIOD_SECONDS_MAX}")));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::validation::tests::check;

    fn with(field: &str, value: Value) -> Value {
        let mut spec = json!({"minReplicas": 1, "maxReplicas": 3,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}});
        spec[field] = value;
        json!({ "spec": spec })
    }

    #[test]
    fn bounds_are_in_order_and_the_target_is_named() {
        check(&version_2(&with("maxReplicas", json!(1))), &[]);
        for version in [version_1, version_2] {
            check(
                &version(&with("minReplicas", json!(5))),
                &["spec.maxReplicas: Invalid value: 3: must be greater than or equal to `minReplicas`"],
            );
            check(
                &version(&with("maxReplicas", json!(0))),
                &[
                    "spec.maxReplicas: Invalid value: 0: must be greater than 0",
                    "spec.maxReplicas: Invalid value: 0: must be greater than or equal to `minReplicas`",
                ],
            );
            check(
                &version(&with("minReplicas", json!(0))),
                &["spec.minReplicas: Invalid value: 0: must be greater than or equal to 1"],
            );
            check(
                &version(&with("scaleTargetRef", json!({"kind": "Deployment"}))),
                &["spec.scaleTargetRef.name: Required value"],
            );
        }
        check(
            &version_1(&with("targetCPUUtilizationPercentage", json!(0))),
            &["spec.targetCPUUtilizationPercentage: Invalid value: 0: must be greater than 0"],
        );
    }

    #[test]
    fn a_metric_is_described_where_its_type_says() {
        let metric = |metric: Value| version_2(&with("metrics", json!([metric])));
        let cpu = json!({"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}});
        check(&metric(json!({"type": "Resource", "resource": cpu})), &[]);
        check(
            &metric(json!({"type": "Pods", "resource": cpu})),
            &[
                "spec.metrics[0].pods: Required value: must populate information for the given metric source",
                "spec.metrics[0].resource: Forbidden: must populate the given metric source only",
            ],
        );
        check(
            &metric(json!({"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Some"}}})),
            &[
                "spec.metrics[0].resource.target.averageUtilization: Required value: must set either a target raw \
                 value or a target utilization",
                r#"spec.metrics[0].resource.target.type: Invalid value: "Some": must be either Utilization, Value, or AverageValue"#,
            ],
        );
        check(
            &metric(json!({"type": "External", "external": {"metric": {"name": "queue"},
                "target": {"type": "Value", "value": "0"}}})),
            &[r#"spec.metrics[0].external.target.value: Invalid value: "0": must be positive"#],
        );
        check(
            &metric(json!({"type": "Moon"})),
            &[
                r#"spec.metrics[0].type: Unsupported value: "Moon": supported values: "ContainerResource", "External", "Object", "Pods", "Resource""#,
            ],
        );
    }

    #[test]
    fn behavior_is_bounded() {
        let down = |scaling: Value| version_2(&with("behavior", json!({ "scaleDown": scaling })));
        let policy = json!({"type": "Percent", "value": 10, "periodSeconds": 60});
        check(&down(json!({"policies": [policy]})), &[]);
        check(
            &down(json!({"stabilizationWindowSeconds": 3601, "selectPolicy": "Most",
                "policies": [{"type": "Percent", "value": 0, "periodSeconds": 1801}]})),
            &[
                "spec.behavior.scaleDown.stabilizationWindowSeconds: Invalid value: 3601: must be less than or equal to 3600",
                r#"spec.behavior.scaleDown.selectPolicy: Unsupported value: "Most": supported values: "Disabled", "Max", "Min""#,
                "spec.behavior.scaleDown.policies[0].value: Invalid value: 0: must be greater than zero",
                "spec.behavior.scaleDown.policies[0].periodSeconds: Invalid value: 1801: must be less than or equal to 1800",
            ],
        );
        check(
            &down(json!({})),
            &["spec.behavior.scaleDown.policies: Required value: must specify at least one Policy"],
        );
    }
}
