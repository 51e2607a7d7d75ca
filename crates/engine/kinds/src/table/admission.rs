//! Kinds of `admissionregistration.k8s.io`.

use super::row;
use crate::Kind;
use crate::columns::admission as columns;
use crate::defaults::admission_policy as defaults;
use crate::validation::admission_policy as validation;

const GROUP: &str = "admissionregistration.k8s.io";

pub(super) fn kinds() -> Vec<Kind> {
    vec![
        row(GROUP, "v1", "ValidatingAdmissionPolicy", "validatingadmissionpolicies")
            .status()
            .columns(columns::policy())
            .defaults(defaults::policy)
            .validate(validation::validate),
        row(GROUP, "v1", "ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings")
            .columns(columns::binding())
            .defaults(defaults::binding)
            .validate(validation::validate_binding),
    ]
}
