//! Which tests of a release run. Pure.

use std::sync::Arc;

use bythos_api::helmrelease::Filter;
use bythos_helm::plan::{Plan, Step};
use bythos_helm::release::Change;

/// Whether a test is meant: one that is excluded is not, and where some are named, those are.
pub(crate) fn is_chosen(name: &str, filters: &[Filter]) -> bool {
    let is_named = |exclude: bool| filters.iter().any(|it| it.exclude == exclude && it.name == name);
    let names_some = filters.iter().any(|it| !it.exclude);
    !is_named(true) && (!names_some || is_named(false))
}

/// Leaves out the tests that are not meant.
pub(crate) fn only_chosen(plan: &mut Plan, filters: &[Filter]) {
    let record = Arc::clone(&plan.record);
    let is_meant = |hook: usize| record.hooks.get(hook).is_none_or(|hook| is_chosen(&hook.name, filters));
    plan.steps.retain(|step| match step {
        Step::Hook { hook, .. } => is_meant(*hook),
        Step::ChangeRecord {
            change: Change::HookStarted { hook } | Change::HookEnded { hook, .. }, ..
        } => is_meant(*hook),
        _ => true,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_chosen_by_name() {
        let filter = |name: &str, exclude| Filter { name: name.to_owned(), exclude };
        assert!(is_chosen("a", &[]));
        assert!(!is_chosen("a", &[filter("a", true)]) && is_chosen("b", &[filter("a", true)]));
        assert!(is_chosen("a", &[filter("a", false)]) && !is_chosen("b", &[filter("a", false)]));
        assert!(!is_chosen("a", &[filter("a", false), filter("a", true)]));
    }
}
