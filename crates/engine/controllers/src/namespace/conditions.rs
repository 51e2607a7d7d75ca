//! The conditions of a namespace on its way out, in upstream's words. Pure.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::NamespaceCondition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

use super::content::Remains;

struct Verdict {
    type_: &'static str,
    is_true: bool,
    reason: &'static str,
    message: String,
}

/// The conditions that follow those `before`.
pub(super) fn after(
    before: Vec<NamespaceCondition>,
    remains: &Remains,
    now: Timestamp,
) -> Vec<NamespaceCondition> {
    let mut conditions = before;
    for verdict in verdicts(remains) {
        set(&mut conditions, verdict, now);
    }
    conditions
}

fn verdicts(remains: &Remains) -> [Verdict; 5] {
    [discovery(remains), group_versions(), content_failure(remains), content(remains), finalizers(remains)]
}

fn discovery(remains: &Remains) -> Verdict {
    let type_ = "NamespaceDeletionDiscoveryFailure";
    if remains.undiscovered.is_empty() {
        let message = "All resources successfully discovered".to_owned();
        return Verdict { type_, is_true: false, reason: "ResourcesDiscovered", message };
    }
    let causes: Vec<_> =
        remains.undiscovered.iter().map(|(group, cause)| format!("{group}: {cause}")).collect();
    let message =
        format!("Discovery failed for some groups, {} failing: {}", causes.len(), causes.join(", "));
    Verdict { type_, is_true: true, reason: "DiscoveryFailed", message }
}

fn group_versions() -> Verdict {
    // Never true here: group versions are taken apart where they are discovered. Readers expect the condition.
    Verdict {
        type_: "NamespaceDeletionGroupVersionParsingFailure",
        is_true: false,
        reason: "ParsedGroupVersions",
        message: "All legacy kube types successfully parsed".to_owned(),
    }
}

fn content_failure(remains: &Remains) -> Verdict {
    let type_ = "NamespaceDeletionContentFailure";
    if remains.failures.is_empty() {
        let message = "All content successfully deleted, may be waiting on finalization".to_owned();
        return Verdict { type_, is_true: false, reason: "ContentDeleted", message };
    }
    let message = format!(
        "Failed to delete all resource types, {} remaining: {}",
        remains.failures.len(),
        remains.failures.join(", ")
    );
    Verdict { type_, is_true: true, reason: "ContentDeletionFailed", message }
}

fn content(remains: &Remains) -> Verdict {
    let type_ = "NamespaceContentRemaining";
    if remains.objects.is_empty() {
        let message = "All content successfully removed".to_owned();
        return Verdict { type_, is_true: false, reason: "ContentRemoved", message };
    }
    let message = format!("Some resources are remaining: {}", listed(&remains.objects, " has "));
    Verdict { type_, is_true: true, reason: "SomeResourcesRemain", message }
}

fn finalizers(remains: &Remains) -> Verdict {
    let type_ = "NamespaceFinalizersRemaining";
    if remains.finalizers.is_empty() {
        let message = "All content-preserving finalizers finished".to_owned();
        return Verdict { type_, is_true: false, reason: "ContentHasNoFinalizers", message };
    }
    let listed = listed(&remains.finalizers, " in ");
    let message = format!("Some content in the namespace has finalizers remaining: {listed}");
    Verdict { type_, is_true: true, reason: "SomeFinalizersRemain", message }
}

fn listed(counts: &BTreeMap<String, usize>, between: &str) -> String {
    let parts: Vec<_> =
        counts.iter().map(|(what, count)| format!("{what}{between}{count} resource instances")).collect();
    parts.join(", ")
}

fn set(conditions: &mut Vec<NamespaceCondition>, verdict: Verdict, now: Timestamp) {
    let status = if verdict.is_true { "True" } else { "False" };
    let before = conditions.iter_mut().find(|condition| condition.type_ == verdict.type_);
    let since = before.as_ref().filter(|before| before.status == status);
    let condition = NamespaceCondition {
        type_: verdict.type_.to_owned(),
        status: status.to_owned(),
        reason: Some(verdict.reason.to_owned()),
        message: Some(verdict.message),
        last_transition_time: since.and_then(|since| since.last_transition_time.clone()).or(Some(Time(now))),
    };
    match before {
        Some(before) => *before = condition,
        None => conditions.push(condition),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(remains: &Remains, type_: &str, status: &str, message: &str) {
        let conditions = after(Vec::new(), remains, Timestamp::UNIX_EPOCH);
        let condition = conditions.iter().find(|condition| condition.type_ == type_).unwrap();
        assert_eq!((condition.status.as_str(), condition.message.as_deref()), (status, Some(message)));
    }

    #[test]
    fn conditions_say_what_remains_and_why() {
        let remains = Remains {
            objects: BTreeMap::from([("pods.".to_owned(), 2), ("widgets.example.com".to_owned(), 1)]),
            finalizers: BTreeMap::from([("example.com/hold".to_owned(), 1)]),
            failures: vec!["secrets: not now".to_owned()],
            undiscovered: vec![("metrics.k8s.io/v1".to_owned(), "no answer".to_owned())],
        };
        check(
            &remains,
            "NamespaceContentRemaining",
            "True",
            "Some resources are remaining: pods. has 2 resource instances, widgets.example.com has 1 resource instances",
        );
        check(
            &remains,
            "NamespaceFinalizersRemaining",
            "True",
            "Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances",
        );
        check(
            &remains,
            "NamespaceDeletionContentFailure",
            "True",
            "Failed to delete all resource types, 1 remaining: secrets: not now",
        );
        check(
            &remains,
            "NamespaceDeletionDiscoveryFailure",
            "True",
            "Discovery failed for some groups, 1 failing: metrics.k8s.io/v1: no answer",
        );
        check(&Remains::default(), "NamespaceContentRemaining", "False", "All content successfully removed");
    }

    #[test]
    fn a_condition_keeps_its_time_while_its_status_stays() {
        let before = after(Vec::new(), &Remains::default(), Timestamp::UNIX_EPOCH);
        let later = after(before.clone(), &Remains::default(), Timestamp::now());
        assert_eq!(before, later);
    }
}
