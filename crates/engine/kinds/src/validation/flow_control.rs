//! FlowSchemas and PriorityLevelConfigurations: `pkg/apis/flowcontrol/validation`.

use bythos_schema::FieldError;
use serde_json::Value;

use crate::names;
use crate::spot::Spot;

const PRECEDENCE_MAX: i64 = 10_000;

pub(crate) fn schema(schema: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(schema), Vec::new());
    let spec = root.field("spec");
    spec.field("matchingPrecedence").check_range(1..=PRECEDENCE_MAX, &mut errors);
    let level = spec.field("priorityLevelConfiguration");
    let name = level.field("name");
    if name.check_given("must reference a priority level", &mut errors) {
        name.check_text(names::rfc1123_subdomain, &mut errors);
    }
    let method = spec.field("distinguisherMethod");
    if method.is_set() {
        method.field("type").check_supported(&["ByNamespace", "ByUser"], &mut errors);
    }
    spec.field("rules").items().for_each(|rule| check_rule(&rule, &mut errors));
    errors
}

fn check_rule(rule: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let subjects = rule.field("subjects");
    subjects.check_given("subjects must contain at least one value", errors);
    subjects.items().for_each(|subject| check_subject(&subject, errors));
    let (of_resources, of_paths) = (rule.field("resourceRules"), rule.field("nonResourceRules"));
    if of_resources.is_empty() && of_paths.is_empty() {
        errors.push(rule.required("at least one of resourceRules and nonResourceRules has to be non-empty"));
    }
    for rule in of_resources.items() {
        for field in ["verbs", "apiGroups", "resources"] {
            rule.field(field).check_given(&format!("{field} must contain at least one value"), errors);
        }
        if rule.field("namespaces").is_empty() && !rule.field("clusterScope").is_true() {
            let words = "resource rules that are not cluster scoped must supply at least one namespace";
            errors.push(rule.field("namespaces").required(words));
        }
    }
    for rule in of_paths.items() {
        for field in ["verbs", "nonResourceURLs"] {
            rule.field(field).check_given(&format!("{field} must contain at least one value"), errors);
        }
    }
}

fn check_subject(subject: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    const PARTS: [(&str, &str); 3] =
        [("Group", "group"), ("ServiceAccount", "serviceAccount"), ("User", "user")];
    let kind = subject.field("kind");
    if !PARTS.iter().any(|(known, _)| *known == kind.text()) {
        return errors.push(kind.unsupported(&PARTS.map(|(known, _)| known)));
    }
    for (known, part) in PARTS {
        let part_of = subject.field(part);
        match (known == kind.text(), part_of.is_set()) {
            (true, true) => {
                part_of.field("name").check_given("", errors);
            }
            (true, false) => {
                errors.push(part_of.required(&format!("{part} is required when subject kind is '{known}'")));
            }
            (false, true) => {
                errors.push(
                    part_of.forbidden(format!("{part} is forbidden when subject kind is not '{known}'")),
                );
            }
            (false, false) => {}
        }
    }
}

pub(crate) fn priority_level(level: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(level), Vec::new());
    let spec = root.field("spec");
    let (type_, limited, exempt) = (spec.field("type"), spec.field("limited"), spec.field("exempt"));
    match type_.text() {
        "Exempt" => {
            if limited.is_set() {
                errors.push(limited.forbidden("must be nil if the type is not Limited"));
            }
            check_shares(&exempt, &mut errors);
        }
        "Limited" => {
            if exempt.is_set() {
                errors.push(exempt.forbidden("must be nil if the type is Limited"));
            }
            if limited.check_given("must not be empty when type is Limited", &mut errors) {
                check_shares(&limited, &mut errors);
                check_response(&limited.field("limitResponse"), &mut errors);
            }
        }
        _ => errors.push(type_.unsupported(&["Exempt", "Limited"])),
    }
    errors
}

fn check_shares(part: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    part.field("nominalConcurrencyShares").check_not_negative(errors);
    part.field("borrowingLimitPercent").check_not_negative(errors);
    part.field("lendablePercent").check_range(0..=100, errors);
}

fn check_response(response: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    let (type_, queuing) = (response.field("type"), response.field("queuing"));
    match type_.text() {
        "Reject" if queuing.is_set() => {
            errors.push(queuing.forbidden("must be nil if limited.limitResponse.type is not Limited"));
        }
        "Reject" => {}
        "Queue" => {
            if queuing.check_given("must not be empty if limited.limitResponse.type is Limited", errors) {
                check_queues(&queuing, errors);
            }
        }
        _ => errors.push(type_.unsupported(&["Queue", "Reject"])),
    }
}

fn check_queues(queuing: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    for field in ["queues", "handSize", "queueLengthLimit"] {
        if queuing.field(field).integer().is_some_and(|number| number < 1) {
            errors.push(queuing.field(field).invalid("must be positive"));
        }
    }
    let number = |field: &str| queuing.field(field).integer();
    if let (Some(queues), Some(hand)) = (number("queues"), number("handSize"))
        && hand > queues
    {
        let words = format!("should not be greater than queues ({queues})");
        errors.push(queuing.field("handSize").invalid(words));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::validation::tests::check;

    #[test]
    fn a_schema_says_whose_requests_go_to_which_level() {
        let user = json!({"kind": "User", "user": {"name": "*"}});
        let rule =
            json!({"subjects": [user], "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}]});
        let schema_of = |rule: Value| {
            schema(
                &json!({"spec": {"matchingPrecedence": 1000, "priorityLevelConfiguration": {"name": "low"},
                "rules": [rule]}}),
            )
        };
        check(&schema_of(rule), &[]);
        check(
            &schema_of(json!({"subjects": [{"kind": "Group", "user": {"name": "a"}}],
                "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"]}]})),
            &[
                "spec.rules[0].subjects[0].group: Required value: group is required when subject kind is 'Group'",
                "spec.rules[0].subjects[0].user: Forbidden: user is forbidden when subject kind is not 'User'",
                "spec.rules[0].resourceRules[0].resources: Required value: resources must contain at least one value",
                "spec.rules[0].resourceRules[0].namespaces: Required value: resource rules that are not cluster scoped \
                 must supply at least one namespace",
            ],
        );
        check(
            &schema(&json!({"spec": {"matchingPrecedence": 0}})),
            &[
                "spec.matchingPrecedence: Invalid value: 0: must be between 1 and 10000, inclusive",
                "spec.priorityLevelConfiguration.name: Required value: must reference a priority level",
            ],
        );
    }

    #[test]
    fn a_level_is_limited_or_exempt() {
        let level = |spec: Value| priority_level(&json!({ "spec": spec }));
        check(&level(json!({"type": "Exempt"})), &[]);
        let queuing = json!({"queues": 64, "handSize": 8, "queueLengthLimit": 50});
        let limited = json!({"limitResponse": {"type": "Queue", "queuing": queuing}});
        check(&level(json!({"type": "Limited", "limited": limited})), &[]);
        check(
            &level(json!({"type": "Exempt", "limited": limited})),
            &["spec.limited: Forbidden: must be nil if the type is not Limited"],
        );
        let greedy = json!({"lendablePercent": 101, "limitResponse": {"type": "Queue", "queuing": {"queues": 2, "handSize": 3}}});
        check(
            &level(json!({"type": "Limited", "limited": greedy})),
            &[
                "spec.limited.lendablePercent: Invalid value: 101: must be between 0 and 100, inclusive",
                "spec.limited.limitResponse.queuing.handSize: Invalid value: 3: should not be greater than queues (2)",
            ],
        );
    }
}
