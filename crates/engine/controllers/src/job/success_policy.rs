//! `spec.successPolicy`: when an Indexed Job has succeeded before all of its indexes have. Pure.

use k8s_openapi::api::batch::v1::{SuccessPolicy, SuccessPolicyRule};

use super::indexes::Indexes;

/// The words of the first rule that is met.
pub(super) fn met(policy: Option<&SuccessPolicy>, completions: i32, succeeded: &Indexes) -> Option<String> {
    let rules = &policy?.rules;
    let number = rules.iter().position(|rule| is_met(rule, completions, succeeded))?;
    Some(format!("Matched rules at index {number}"))
}

fn is_met(rule: &SuccessPolicyRule, completions: i32, succeeded: &Indexes) -> bool {
    let named = rule.succeeded_indexes.as_deref().map(|text| Indexes::parse(text, completions));
    match (named, rule.succeeded_count) {
        (Some(named), count) => named.count_in(succeeded) >= count.unwrap_or_else(|| named.len()),
        (None, Some(count)) => succeeded.len() >= count,
        (None, None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, from_value, json};

    #[track_caller]
    fn check(rules: &Value, succeeded: &str, expected: Option<&str>) {
        let policy: SuccessPolicy = from_value(json!({ "rules": rules })).unwrap();
        assert_eq!(met(Some(&policy), 10, &Indexes::parse(succeeded, 10)).as_deref(), expected);
    }

    #[test]
    fn a_rule_names_indexes_a_count_or_both() {
        let rules = json!([
            { "succeededIndexes": "0-2", "succeededCount": 2 },
            { "succeededIndexes": "7" },
            { "succeededCount": 4 },
        ]);
        check(&rules, "0", None);
        check(&rules, "0,2", Some("Matched rules at index 0"));
        check(&rules, "7", Some("Matched rules at index 1"));
        check(&rules, "3-6", Some("Matched rules at index 2"));
    }
}
