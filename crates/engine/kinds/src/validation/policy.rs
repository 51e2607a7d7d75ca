//! Budgets, priorities, quotas, limits, leases, and classes of runtimes.

use bythos_schema::FieldError;
use serde_json::Value;

use super::quantity::check_quantity;
use super::{check_immutable, check_share};
use crate::Quantity;
use crate::names;
use crate::selector::validate_label_selector;
use crate::spot::Spot;

/// The highest priority that is not the system's.
const USER_PRIORITY_MAX: i64 = 1_000_000_000;
const SYSTEM_CLASSES: [(&str, i64); 2] =
    [("system-cluster-critical", 2_000_000_000), ("system-node-critical", 2_000_001_000)];

pub(crate) fn disruption_budget(budget: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(budget), Vec::new());
    let spec = root.field("spec");
    let (available, unavailable) = (spec.field("minAvailable"), spec.field("maxUnavailable"));
    if available.is_set() && unavailable.is_set() {
        errors.push(spec.invalid("minAvailable and maxUnavailable cannot be both set"));
    }
    for share in [&available, &unavailable] {
        if share.is_set() {
            check_share(share, &mut errors);
            let percent = share.text().strip_suffix('%').and_then(|number| number.parse::<i64>().ok());
            if percent.is_some_and(|percent| percent > 100) {
                errors.push(share.invalid("must not be greater than 100%"));
            }
        }
    }
    spec.field("unhealthyPodEvictionPolicy")
        .check_supported(&["AlwaysAllow", "IfHealthyBudget"], &mut errors);
    if spec.field("selector").is_set() {
        validate_label_selector(&spec.field("selector"), &mut errors);
    }
    errors
}

pub(crate) fn priority_class(class: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(class), Vec::new());
    let metadata = root.field("metadata");
    let (name, value) = (metadata.field("name"), root.field("value"));
    let number = value.integer().unwrap_or_default();
    if name.text().starts_with("system-") {
        if !SYSTEM_CLASSES.contains(&(name.text(), number)) {
            errors.push(
                name.forbidden("priority class names with 'system-' prefix are reserved for system use only"),
            );
        }
    } else if number > USER_PRIORITY_MAX {
        let words = format!("maximum allowed value of a user defined priority is {USER_PRIORITY_MAX}");
        errors.push(value.forbidden(words));
    }
    root.field("preemptionPolicy").check_supported(&["Never", "PreemptLowerPriority"], &mut errors);
    errors
}

pub(crate) fn priority_class_update(old: &Value, new: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(new), Vec::new());
    if old["value"] != new["value"] {
        errors.push(root.field("value").forbidden("may not be changed in an update."));
    }
    check_immutable(&root.field("preemptionPolicy"), &old["preemptionPolicy"], &mut errors);
    errors
}

pub(crate) fn resource_quota(quota: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(quota), Vec::new());
    let spec = root.field("spec");
    let hard = spec.field("hard");
    for (name, amount) in hard.entries() {
        errors.extend(names::qualified_name(name).into_iter().map(|words| amount.invalid_value(name, words)));
        check_quantity(&amount, &mut errors);
        let is_counted = name.starts_with("count/") || !name.contains('.') && !is_measured(name);
        if is_counted && Quantity::from_value(amount.value()).is_ok_and(|quantity| !quantity.is_whole()) {
            errors.push(amount.invalid("must be an integer"));
        }
    }
    let scopes = [
        "BestEffort",
        "CrossNamespacePodAffinity",
        "NotBestEffort",
        "NotTerminating",
        "PriorityClass",
        "Terminating",
        "VolumeAttributesClass",
    ];
    for scope in spec.field("scopes").items() {
        scope.check_supported(&scopes, &mut errors);
    }
    errors
}

/// Whether amounts of this resource may be fractions.
fn is_measured(name: &str) -> bool {
    matches!(name, "cpu" | "memory" | "storage" | "ephemeral-storage")
}

pub(crate) fn resource_quota_update(old: &Value, new: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(new), Vec::new());
    check_immutable(&root.field("spec").field("scopes"), &old["spec"]["scopes"], &mut errors);
    errors
}

pub(crate) fn limit_range(range: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(range), Vec::new());
    let mut known = Vec::new();
    for limit in root.field("spec").field("limits").items() {
        let type_ = limit.field("type");
        if known.contains(&type_.text()) {
            errors.push(type_.duplicate());
        }
        known.push(type_.text());
        check_limit(&limit, &mut errors);
    }
    errors
}

fn check_limit(limit: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let is_pod = limit.field("type").text() == "Pod";
    for field in ["max", "min", "default", "defaultRequest", "maxLimitRequestRatio"] {
        let amounts = limit.field(field);
        if is_pod && field.starts_with("default") && amounts.is_set() {
            errors.push(amounts.forbidden("may not be specified when `type` is 'Pod'"));
        }
        for (_, amount) in amounts.entries() {
            check_quantity(&amount, errors);
        }
    }
    // Each may not be above the next.
    for (low, low_words, high, high_words) in [
        ("min", "min value", "max", "max value"),
        ("min", "min value", "defaultRequest", "default request value"),
        ("min", "min value", "default", "default value"),
        ("defaultRequest", "default request value", "default", "default limit value"),
        ("defaultRequest", "default request value", "max", "max value"),
        ("default", "default value", "max", "max value"),
    ] {
        for (name, amount) in limit.field(low).entries() {
            let bound = &limit.value()[high][name];
            let is_above = match (Quantity::from_value(amount.value()), Quantity::from_value(bound)) {
                (Ok(amount), Ok(bound)) => amount > bound,
                _ => false,
            };
            if is_above {
                let (amount_text, bound_text) = (shown(amount.value()), shown(bound));
                let words = format!("{low_words} {amount_text} is greater than {high_words} {bound_text}");
                errors.push(amount.invalid(words));
            }
        }
    }
}

fn shown(amount: &Value) -> String {
    amount.as_str().map_or_else(|| amount.to_string(), str::to_owned)
}

pub(crate) fn lease(lease: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(lease), Vec::new());
    let spec = root.field("spec");
    let seconds = spec.field("leaseDurationSeconds");
    if seconds.integer().is_some_and(|seconds| seconds <= 0) {
        errors.push(seconds.invalid("must be greater than 0"));
    }
    spec.field("leaseTransitions").check_not_negative(&mut errors);
    if spec.field("holderIdentity").is_set() && spec.field("holderIdentity").is_empty() {
        errors.push(spec.field("holderIdentity").invalid("must not be empty"));
    }
    errors
}

pub(crate) fn runtime_class(class: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(class), Vec::new());
    root.field("handler").check_text(names::rfc1123_label, &mut errors);
    errors
}

pub(crate) fn runtime_class_update(old: &Value, new: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(new), Vec::new());
    check_immutable(&root.field("handler"), &old["handler"], &mut errors);
    errors
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::validation::tests::check;

    #[test]
    fn a_budget_counts_from_one_side() {
        check(&disruption_budget(&json!({"spec": {"minAvailable": "50%"}})), &[]);
        check(
            &disruption_budget(&json!({"spec": {"minAvailable": 1, "maxUnavailable": "101%"}})),
            &[
                r#"spec: Invalid value: {"maxUnavailable":"101%","minAvailable":1}: minAvailable and maxUnavailable cannot be both set"#,
                r#"spec.maxUnavailable: Invalid value: "101%": must not be greater than 100%"#,
            ],
        );
    }

    #[test]
    fn priorities_of_users_stay_below_those_of_the_system() {
        let class = |name: &str, value: i64| json!({"metadata": {"name": name}, "value": value});
        check(&priority_class(&class("high", USER_PRIORITY_MAX)), &[]);
        check(&priority_class(&class("system-node-critical", 2_000_001_000)), &[]);
        check(
            &priority_class(&class("high", USER_PRIORITY_MAX + 1)),
            &["value: Forbidden: maximum allowed value of a user defined priority is 1000000000"],
        );
        check(
            &priority_class(&class("system-mine", 1)),
            &[
                "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only",
            ],
        );
        check(
            &priority_class_update(&class("a", 1), &class("a", 2)),
            &["value: Forbidden: may not be changed in an update."],
        );
    }

    #[test]
    fn quotas_and_limits_are_amounts_in_order() {
        check(&resource_quota(&json!({"spec": {"hard": {"requests.cpu": "500m", "pods": 5}}})), &[]);
        check(
            &resource_quota(&json!({"spec": {"hard": {"pods": "1500m", "cpu": "-1"}}})),
            &[
                r#"spec.hard[cpu]: Invalid value: "-1": must be greater than or equal to 0"#,
                r#"spec.hard[pods]: Invalid value: "1500m": must be an integer"#,
            ],
        );
        check(
            &limit_range(
                &json!({"spec": {"limits": [{"type": "Container", "min": {"cpu": "2"}, "max": {"cpu": "1"}}]}}),
            ),
            &[r#"spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than max value 1"#],
        );
    }

    #[test]
    fn leases_and_runtimes_are_whole() {
        check(
            &lease(&json!({"spec": {"leaseDurationSeconds": 0}})),
            &["spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0"],
        );
        check(&runtime_class(&json!({"handler": "runc"})), &[]);
    }
}
