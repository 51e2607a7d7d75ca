//! When the pods of a Job mean its failure or its success.

use std::collections::BTreeSet;

use bythos_schema::FieldError;
use serde_json::Value;

use crate::names;
use crate::spot::Spot;

const RULES_MAX: usize = 20;

pub(super) fn check(spec: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let (failure, success) = (spec.field("podFailurePolicy"), spec.field("successPolicy"));
    if failure.is_set() {
        check_failure_policy(spec, &failure, errors);
    }
    if success.is_set() {
        check_success_policy(spec, &success, errors);
    }
    let replacement = spec.field("podReplacementPolicy");
    let supported: &[&str] = if failure.is_set() { &["Failed"] } else { &["Failed", "TerminatingOrFailed"] };
    replacement.check_supported(supported, errors);
}

fn check_failure_policy(spec: &Spot<'_, '_>, policy: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let template = spec.field("template");
    let pod_spec = template.field("spec");
    let restart = pod_spec.field("restartPolicy");
    if restart.text() != "Never" {
        errors.push(restart.invalid("only \"Never\" is supported when podFailurePolicy is specified"));
    }
    let containers: BTreeSet<&str> = ["containers", "initContainers"]
        .iter()
        .filter_map(|list| pod_spec.value()[*list].as_array())
        .flatten()
        .filter_map(|container| container["name"].as_str())
        .collect();
    let rules = policy.field("rules");
    check_rule_count(&rules, errors);
    for rule in rules.items() {
        check_failure_rule(&rule, &containers, spec.field("backoffLimitPerIndex").is_set(), errors);
    }
}

fn check_rule_count(rules: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let count = rules.items().count();
    if count > RULES_MAX {
        errors.push(rules.invalid_value(count, format!("must have at most {RULES_MAX} items")));
    }
}

fn check_failure_rule(
    rule: &Spot<'_, '_>,
    containers: &BTreeSet<&str>,
    has_index_limits: bool,
    errors: &mut Vec<FieldError>,
) {
    let action = rule.field("action");
    if action.is_empty() {
        errors.push(action.required("valid values: [\"Count\" \"FailIndex\" \"FailJob\" \"Ignore\"]"));
    } else {
        action.check_supported(&["Count", "FailIndex", "FailJob", "Ignore"], errors);
    }
    if action.text() == "FailIndex" && !has_index_limits {
        errors.push(action.invalid("requires the backoffLimitPerIndex to be set"));
    }
    let (codes, conditions) = (rule.field("onExitCodes"), rule.field("onPodConditions"));
    match (codes.is_set(), conditions.is_empty()) {
        (true, false) => {
            errors.push(rule.invalid("specifying both OnExitCodes and OnPodConditions is not supported"));
        }
        (false, true) => {
            errors.push(rule.invalid("specifying one of OnExitCodes and OnPodConditions is required"));
        }
        (true, true) => check_exit_codes(&codes, containers, errors),
        (false, false) => {
            for pattern in conditions.items() {
                check_pattern(&pattern, errors);
            }
        }
    }
}

fn check_exit_codes(codes: &Spot<'_, '_>, containers: &BTreeSet<&str>, errors: &mut Vec<FieldError>) {
    let operator = codes.field("operator");
    if operator.is_empty() {
        errors.push(operator.required("valid values: [\"In\" \"NotIn\"]"));
    } else {
        operator.check_supported(&["In", "NotIn"], errors);
    }
    let container = codes.field("containerName");
    if container.is_set() && !containers.contains(container.text()) {
        errors.push(
            container.invalid("must be one of the container or initContainer names in the pod template"),
        );
    }
    let values = codes.field("values");
    if values.is_empty() {
        errors.push(values.invalid("at least one value is required"));
    }
    let mut last = None;
    for value in values.items() {
        let number = value.integer();
        if operator.text() == "In" && number == Some(0) {
            errors.push(value.invalid("must not be 0 for the In operator"));
        }
        if last.is_some() && last == number {
            errors.push(value.duplicate());
        } else if last > number {
            errors.push(values.invalid("must be ordered"));
            break;
        }
        last = number;
    }
}

fn check_pattern(pattern: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    pattern.field("type").check_text(names::qualified_name, errors);
    let status = pattern.field("status");
    if status.is_empty() {
        errors.push(status.required("valid values: [\"False\" \"True\" \"Unknown\"]"));
    } else {
        status.check_supported(&["False", "True", "Unknown"], errors);
    }
}

fn check_success_policy(spec: &Spot<'_, '_>, policy: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    if spec.field("completionMode").text() != "Indexed" {
        errors.push(policy.invalid("requires indexed completion mode"));
        return;
    }
    let completions = spec.field("completions").integer().unwrap_or_default();
    let rules = policy.field("rules");
    if rules.is_empty() {
        errors
            .push(rules.required("at least one rules must be specified when the successPolicy is specified"));
    }
    check_rule_count(&rules, errors);
    for rule in rules.items() {
        check_success_rule(&rule, completions, errors);
    }
}

fn check_success_rule(rule: &Spot<'_, '_>, completions: i64, errors: &mut Vec<FieldError>) {
    let (indexes, count) = (rule.field("succeededIndexes"), rule.field("succeededCount"));
    if !indexes.is_set() && !count.is_set() {
        errors.push(rule.required("at least one of succeededCount or succeededIndexes must be specified"));
    }
    let mut named = completions;
    if indexes.is_set() {
        match count_indexes(indexes.value(), completions) {
            Ok(total) => named = total,
            Err(words) => errors.push(indexes.invalid(format!("error parsing succeededIndexes: {words}"))),
        }
    }
    count.check_not_negative(errors);
    if count.integer().is_some_and(|count| count > named) {
        let whole = if indexes.is_set() {
            "the number of indexes in the specified succeededIndexes field"
        } else {
            "the number of specified completions"
        };
        errors.push(count.invalid(format!("must be less than or equal to {named} ({whole})")));
    }
}

/// How many indexes `0,2-4` names: in order, without repeats, below `completions`.
fn count_indexes(text: &Value, completions: i64) -> Result<i64, String> {
    let (mut count, mut last) = (0, -1);
    for part in text.as_str().unwrap_or_default().split(',') {
        let (first, end) = part.split_once('-').unwrap_or((part, part));
        let number = |text: &str| {
            text.parse::<i64>().map_err(|_| format!("cannot convert string to integer for index: {text:?}"))
        };
        let (first, end) = (number(first)?, number(end)?);
        if end >= completions {
            return Err(format!("too large index: {part:?}"));
        }
        if first <= last || end < first {
            return Err(format!("non-increasing order: {part:?}"));
        }
        count += end - first + 1;
        last = end;
    }
    Ok(count)
}
