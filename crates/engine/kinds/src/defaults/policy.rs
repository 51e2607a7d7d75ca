//! Priorities, quotas and limits.

use serde_json::Value;

use super::quantity::canonicalise;
use crate::fields::{entries, fill, is_unset, items_in, make_object, text};

pub(crate) fn priority_class(class: &mut Value) {
    fill(class, "preemptionPolicy", "PreemptLowerPriority");
    fill(class, "value", 0);
}

pub(crate) fn resource_quota(quota: &mut Value) {
    for (part, field) in [("spec", "hard"), ("status", "hard"), ("status", "used")] {
        canonicalise(quota.get_mut(part).and_then(|part| part.get_mut(field)));
    }
}

/// What a container gets without asking is at most what it may have, and what it requests is that, or the least.
pub(crate) fn limit_range(range: &mut Value) {
    let limits = range.get_mut("spec").into_iter().flat_map(|spec| items_in(spec, "limits"));
    for limit in limits {
        for field in ["max", "min", "default", "defaultRequest", "maxLimitRequestRatio"] {
            canonicalise(limit.get_mut(field));
        }
        if text(limit, "type") == "Container" {
            take_over(limit, "max", "default");
            take_over(limit, "default", "defaultRequest");
            take_over(limit, "min", "defaultRequest");
        }
    }
}

fn take_over(limit: &mut Value, from: &str, to: &str) {
    let amounts: Vec<(String, Value)> =
        entries(limit, from).map(|(name, amount)| (name.clone(), amount.clone())).collect();
    if amounts.is_empty() {
        return;
    }
    let Some(target) = make_object(limit, to) else { return };
    for (name, amount) in amounts {
        if is_unset(target.get(&name)) {
            target[&name] = amount;
        }
    }
}
