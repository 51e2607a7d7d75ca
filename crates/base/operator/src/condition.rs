//! Conditions in a status, by the rules of the Kubernetes API conventions.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;

/// Sets a condition of `type_` in `conditions`. `lastTransitionTime` moves only with the status.
///
/// `generation` is the generation of the object that the condition speaks of.
pub fn set(
    conditions: &mut Vec<Condition>,
    type_: &str,
    status: bool,
    reason: &str,
    message: impl Into<String>,
    generation: Option<i64>,
) {
    let status = if status { "True" } else { "False" };
    let existing = conditions.iter().position(|condition| condition.type_ == type_);
    let last_transition_time = match existing {
        Some(index) if conditions[index].status == status => conditions[index].last_transition_time.clone(),
        _ => Time(Timestamp::now()),
    };
    let condition = Condition {
        type_: type_.to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
        message: message.into(),
        observed_generation: generation,
        last_transition_time,
    };
    match existing {
        Some(index) => conditions[index] = condition,
        None => conditions.push(condition),
    }
}

/// The condition of `type_`, if it is there.
pub fn get<'a>(conditions: &'a [Condition], type_: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.type_ == type_)
}

/// Whether the condition of `type_` is there and true.
pub fn is_true(conditions: &[Condition], type_: &str) -> bool {
    get(conditions, type_).is_some_and(|condition| condition.status == "True")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_transition_time_changes_only_with_the_status() {
        let mut conditions = Vec::new();
        set(&mut conditions, "Ready", false, "Waiting", "for a commit", Some(1));
        let long_ago = Time("2020-01-01T00:00:00Z".parse().unwrap());
        conditions[0].last_transition_time = long_ago.clone();
        set(&mut conditions, "Ready", false, "Waiting", "for another commit", Some(2));
        assert_eq!(conditions[0].last_transition_time, long_ago);
        assert_eq!(conditions[0].message, "for another commit");
        set(&mut conditions, "Ready", true, "Succeeded", "", Some(2));
        assert_ne!(conditions[0].last_transition_time, long_ago);
        assert!(is_true(&conditions, "Ready"));
    }
}
