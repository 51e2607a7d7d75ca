//! Wishes that annotations bring: to release once more, to forget failures. Pure.

use bythos_api::helmrelease::{HelmRelease, HelmReleaseStatus};
use bythos_api::names::{RECONCILE_FORCE_AT, RECONCILE_REQUESTED_AT, RECONCILE_RESET_AT};
use kube::ResourceExt as _;

/// Whether the failures are to be forgotten: asked for once, together with a reconciliation.
pub(super) fn take_reset(object: &HelmRelease, status: &mut HelmReleaseStatus) -> bool {
    let is_reconciled = is_requested(object, status);
    take(object, RECONCILE_RESET_AT, &mut status.last_handled_reset_at) && is_reconciled
}

/// Whether a release is to be made whatever the state: asked for once, together with a reconciliation.
pub(super) fn take_force(object: &HelmRelease, status: &mut HelmReleaseStatus) -> bool {
    let is_reconciled = is_requested(object, status);
    take(object, RECONCILE_FORCE_AT, &mut status.last_handled_force_at) && is_reconciled
}

/// Whether the time of the wish is that of a reconciliation that is asked for and not done.
fn is_requested(object: &HelmRelease, status: &HelmReleaseStatus) -> bool {
    let requested = object.annotations().get(RECONCILE_REQUESTED_AT);
    requested.is_some() && requested != status.last_handled_reconcile_at.as_ref()
}

fn take(object: &HelmRelease, annotation: &str, handled: &mut Option<String>) -> bool {
    let Some(asked) = object.annotations().get(annotation) else { return false };
    let is_new = handled.as_ref() != Some(asked);
    let is_same = object.annotations().get(RECONCILE_REQUESTED_AT) == Some(asked);
    *handled = Some(asked.clone());
    is_new && is_same
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn release(annotations: &serde_json::Value) -> HelmRelease {
        serde_json::from_value(json!({
            "apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease",
            "metadata": { "name": "a", "annotations": annotations }, "spec": { "interval": "1m" },
        }))
        .unwrap()
    }

    #[test]
    fn a_wish_counts_once_and_only_with_a_reconciliation() {
        let cases = [
            (json!({}), None, false),
            (json!({ RECONCILE_FORCE_AT: "1" }), None, false),
            (json!({ RECONCILE_FORCE_AT: "1", RECONCILE_REQUESTED_AT: "2" }), None, false),
            (json!({ RECONCILE_FORCE_AT: "1", RECONCILE_REQUESTED_AT: "1" }), None, true),
            (json!({ RECONCILE_FORCE_AT: "1", RECONCILE_REQUESTED_AT: "1" }), Some("1"), false),
        ];
        for (annotations, handled, expected) in cases {
            let mut status = HelmReleaseStatus {
                last_handled_force_at: handled.map(str::to_owned),
                ..HelmReleaseStatus::default()
            };
            let object = release(&annotations);
            assert_eq!(take_force(&object, &mut status), expected, "{annotations}");
            assert!(!take_force(&object, &mut status), "{annotations}");
        }
    }
}
