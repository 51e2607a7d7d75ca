//! Kinds that make pods from a template: Deployment, ReplicaSet, StatefulSet, DaemonSet.

use bythos_schema::FieldError;
use serde_json::Value;

use super::metadata::check_template_metadata;
use super::{check_immutable, pod};
use crate::LabelSelector;
use crate::selector::validate_label_selector;
use crate::spot::Spot;

/// What holds for each of them.
pub(crate) fn validate(workload: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(workload), Vec::new());
    let spec = root.field("spec");
    for number in ["replicas", "minReadySeconds", "revisionHistoryLimit"] {
        spec.field(number).check_not_negative(&mut errors);
    }
    check_selector(&spec, &mut errors);
    check_template(&spec.field("template"), &mut errors);
    errors
}

pub(crate) fn validate_deployment(deployment: &Value) -> Vec<FieldError> {
    let mut errors = validate(deployment);
    let root = Spot::root(deployment);
    let spec = root.field("spec");
    let deadline = spec.field("progressDeadlineSeconds");
    deadline.check_not_negative(&mut errors);
    let least = spec.field("minReadySeconds").integer().unwrap_or_default();
    if deadline.integer().is_some_and(|seconds| seconds <= least) {
        errors.push(deadline.invalid("must be greater than minReadySeconds"));
    }
    check_strategy(&spec.field("strategy"), &mut errors);
    errors
}

/// The selector says which pods belong to a workload; it cannot change hands.
pub(crate) fn validate_update(old: &Value, new: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(new), Vec::new());
    check_immutable(&root.field("spec").field("selector"), &old["spec"]["selector"], &mut errors);
    errors
}

fn check_selector(spec: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let selector = spec.field("selector");
    if !selector.is_set() {
        errors.push(selector.required(""));
        return;
    }
    validate_label_selector(&selector, errors);
    let Ok(Some(parsed)) = LabelSelector::from_object(selector.value()) else { return };
    if parsed.is_everything() {
        errors
            .push(selector.invalid("empty selector is invalid, since it selects every pod of the namespace"));
        return;
    }
    let template = spec.field("template");
    let metadata = template.field("metadata");
    let labels = metadata.field("labels");
    if !parsed.matches(labels.value()) {
        errors.push(labels.invalid("`selector` does not match template `labels`"));
    }
}

fn check_template(template: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    check_template_metadata(&template.field("metadata"), errors);
    let spec = template.field("spec");
    pod::check_spec(&spec, errors);
    let policy = spec.field("restartPolicy");
    if matches!(policy.text(), "OnFailure" | "Never") {
        errors.push(policy.unsupported(&["Always"]));
    }
}

fn check_strategy(strategy: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let rolling = strategy.field("rollingUpdate");
    match strategy.field("type").text() {
        "Recreate" if rolling.is_set() => {
            errors.push(rolling.forbidden("may not be specified when strategy `type` is 'Recreate'"));
        }
        "Recreate" => {}
        "RollingUpdate" => check_rolling_update(&rolling, errors),
        _ => strategy.field("type").check_supported(&["Recreate", "RollingUpdate"], errors),
    }
}

fn check_rolling_update(rolling: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let (unavailable, surge) = (rolling.field("maxUnavailable"), rolling.field("maxSurge"));
    check_number_or_percentage(&unavailable, errors);
    check_number_or_percentage(&surge, errors);
    if number_of(unavailable.value()) == Some(0) && number_of(surge.value()) == Some(0) {
        errors.push(unavailable.invalid("may not be 0 when `maxSurge` is 0"));
    }
    if unavailable.text().ends_with('%') && number_of(unavailable.value()) > Some(100) {
        errors.push(unavailable.invalid("must not be greater than 100%"));
    }
}

fn check_number_or_percentage(amount: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    match amount.value() {
        Value::String(text) if !text.strip_suffix('%').is_some_and(is_digits) => errors.push(amount.invalid(
            "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', \
             regex used for validation is '[0-9]+%')",
        )),
        _ => amount.check_not_negative(errors),
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn number_of(amount: &Value) -> Option<i64> {
    match amount {
        Value::String(text) => text.trim_end_matches('%').parse().ok(),
        other => other.as_i64(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn deployment() -> Value {
        json!({"spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": "web"}},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
            "template": {
                "metadata": {"labels": {"app": "web", "tier": "front"}},
                "spec": {"restartPolicy": "Always", "containers": [{"name": "web", "image": "web:1"}]},
            },
        }})
    }

    #[track_caller]
    fn check(change: fn(&mut Value), expected: &[&str]) {
        let mut deployment = deployment();
        change(&mut deployment["spec"]);
        let found: Vec<String> = validate_deployment(&deployment).iter().map(ToString::to_string).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_workload_selects_the_pods_that_it_makes() {
        check(|_| {}, &[]);
        check(|spec| spec["selector"] = Value::Null, &["spec.selector: Required value"]);
        check(
            |spec| spec["selector"] = json!({}),
            &[
                "spec.selector: Invalid value: {}: empty selector is invalid, since it selects every pod of the namespace",
            ],
        );
        check(
            |spec| spec["template"]["metadata"]["labels"] = json!({"app": "other"}),
            &[
                r#"spec.template.metadata.labels: Invalid value: {"app":"other"}: `selector` does not match template `labels`"#,
            ],
        );
        check(
            |spec| spec["selector"]["matchExpressions"] = json!([{"key": "tier", "operator": "In"}]),
            &[
                "spec.selector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
                r#"spec.template.metadata.labels: Invalid value: {"app":"web","tier":"front"}: `selector` does not match template `labels`"#,
            ],
        );
    }

    #[test]
    fn the_template_is_checked_as_a_pod_that_runs_always() {
        check(
            |spec| {
                spec["template"]["spec"] = json!({"restartPolicy": "Never", "containers": [{"name": "web"}]});
            },
            &[
                "spec.template.spec.containers[0].image: Required value",
                r#"spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always""#,
            ],
        );
        check(
            |spec| spec["replicas"] = json!(-1),
            &["spec.replicas: Invalid value: -1: must be greater than or equal to 0"],
        );
    }

    #[test]
    fn a_strategy_can_make_progress() {
        check(
            |spec| spec["strategy"]["rollingUpdate"] = json!({"maxSurge": 0, "maxUnavailable": "0%"}),
            &[
                r#"spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "0%": may not be 0 when `maxSurge` is 0"#,
            ],
        );
        check(
            |spec| spec["strategy"]["type"] = json!("Recreate"),
            &[
                "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'",
            ],
        );
        check(
            |spec| spec["strategy"]["type"] = json!("Rolling"),
            &[
                r#"spec.strategy.type: Unsupported value: "Rolling": supported values: "Recreate", "RollingUpdate""#,
            ],
        );
        check(
            |spec| spec["progressDeadlineSeconds"] = json!(0),
            &["spec.progressDeadlineSeconds: Invalid value: 0: must be greater than minReadySeconds"],
        );
    }

    #[test]
    fn the_selector_does_not_change() {
        let (old, mut new) = (deployment(), deployment());
        assert!(validate_update(&old, &new).is_empty());
        new["spec"]["selector"]["matchLabels"] = json!({"tier": "front"});
        assert_eq!(
            validate_update(&old, &new)[0].to_string(),
            r#"spec.selector: Invalid value: {"matchLabels":{"tier":"front"}}: field is immutable"#
        );
    }
}
