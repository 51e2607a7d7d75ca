//! What an update of a kind needs, and what it may do besides: upstream's `AllowUnconditionalUpdate` and
//! `AllowCreateOnUpdate`.

use crate::{Kind, SchemaSource};

/// Groups and kinds whose objects an update makes if they are not there.
const CREATED_BY_UPDATE: [(&str, &str); 10] = [
    ("", "Endpoints"),
    ("", "Event"),
    ("", "LimitRange"),
    ("", "Service"),
    ("coordination.k8s.io", "Lease"),
    ("events.k8s.io", "Event"),
    ("rbac.authorization.k8s.io", "ClusterRole"),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"),
    ("rbac.authorization.k8s.io", "Role"),
    ("rbac.authorization.k8s.io", "RoleBinding"),
];

/// Groups and kinds whose updates must say which revision they were computed from.
const NEEDS_REVISION: [(&str, &str); 15] = [
    ("admissionregistration.k8s.io", "MutatingAdmissionPolicy"),
    ("admissionregistration.k8s.io", "MutatingAdmissionPolicyBinding"),
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"),
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy"),
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding"),
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
    ("apiextensions.k8s.io", "CustomResourceDefinition"),
    ("apiregistration.k8s.io", "APIService"),
    ("certificates.k8s.io", "ClusterTrustBundle"),
    ("coordination.k8s.io", "Lease"),
    ("node.k8s.io", "RuntimeClass"),
    ("policy", "PodDisruptionBudget"),
    ("storage.k8s.io", "CSIDriver"),
    ("storage.k8s.io", "CSINode"),
    ("storage.k8s.io", "VolumeAttachment"),
];

impl Kind {
    /// Whether an update makes an object that is not there.
    pub fn is_created_by_update(&self) -> bool {
        self.is_one_of(&CREATED_BY_UPDATE)
    }

    /// Whether an update must say which revision it was computed from; those of custom kinds must.
    pub fn needs_revision_for_update(&self) -> bool {
        matches!(self.schema, SchemaSource::Definition(_)) || self.is_one_of(&NEEDS_REVISION)
    }

    fn is_one_of(&self, kinds: &[(&str, &str)]) -> bool {
        kinds.contains(&(self.group.as_ref(), self.kind.as_ref()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::built_in;

    #[test]
    fn the_tables_name_kinds_that_there_are() {
        let kinds = built_in();
        for (group, kind) in CREATED_BY_UPDATE.iter().chain(&NEEDS_REVISION) {
            assert!(kinds.iter().any(|known| known.group == *group && known.kind == *kind), "{group} {kind}");
        }
    }
}
