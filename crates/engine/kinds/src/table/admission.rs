//! Kinds of `admissionregistration.k8s.io`.

use super::row;
use crate::Kind;
use crate::columns::admission as columns;
use crate::defaults::{admission_policy as policy_defaults, webhook as webhook_defaults};
use crate::validation::{admission_policy as policy_rules, webhook as webhook_rules};

const GROUP: &str = "admissionregistration.k8s.io";
const NOT_MUTATED: &str = "mutating admission policies are stored, but not applied yet";
const NOT_CALLED: &str = "admission webhooks are stored, but not called yet";

pub(super) fn kinds() -> Vec<Kind> {
    let registered = |kind, plural| row(GROUP, "v1", kind, plural).category("api-extensions");
    vec![
        registered("MutatingAdmissionPolicy", "mutatingadmissionpolicies")
            .columns(columns::mutating_policy())
            .defaults(policy_defaults::policy)
            .validate(policy_rules::validate_mutating)
            .caveat(NOT_MUTATED),
        registered("MutatingAdmissionPolicyBinding", "mutatingadmissionpolicybindings")
            .columns(columns::binding())
            .defaults(policy_defaults::binding)
            .validate(policy_rules::validate_mutating_binding)
            .caveat(NOT_MUTATED),
        registered("MutatingWebhookConfiguration", "mutatingwebhookconfigurations")
            .columns(columns::webhooks())
            .defaults(webhook_defaults::mutating)
            .validate(webhook_rules::mutating)
            .caveat(NOT_CALLED),
        registered("ValidatingAdmissionPolicy", "validatingadmissionpolicies")
            .status()
            .columns(columns::validating_policy())
            .defaults(policy_defaults::policy)
            .validate(policy_rules::validate),
        registered("ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings")
            .columns(columns::binding())
            .defaults(policy_defaults::binding)
            .validate(policy_rules::validate_binding),
        registered("ValidatingWebhookConfiguration", "validatingwebhookconfigurations")
            .columns(columns::webhooks())
            .defaults(webhook_defaults::validating)
            .validate(webhook_rules::validating)
            .caveat(NOT_CALLED),
    ]
}
