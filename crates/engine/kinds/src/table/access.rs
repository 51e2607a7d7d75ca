//! Kinds of `authentication.k8s.io`, `authorization.k8s.io` and `rbac.authorization.k8s.io`.

use super::row;
use crate::columns::access;
use crate::defaults;
use crate::validation::access as validation;
use crate::{Kind, NameRule};

pub(super) fn kinds() -> Vec<Kind> {
    let who = |kind, plural| row("authentication.k8s.io", "v1", kind, plural).only_answered();
    let review = |kind, plural| row("authorization.k8s.io", "v1", kind, plural).only_answered();
    let rbac =
        |kind, plural| row("rbac.authorization.k8s.io", "v1", kind, plural).names(NameRule::PathSegment);
    vec![
        who("SelfSubjectReview", "selfsubjectreviews"),
        who("TokenReview", "tokenreviews"),
        review("LocalSubjectAccessReview", "localsubjectaccessreviews").namespaced(),
        review("SelfSubjectAccessReview", "selfsubjectaccessreviews"),
        review("SelfSubjectRulesReview", "selfsubjectrulesreviews"),
        review("SubjectAccessReview", "subjectaccessreviews"),
        rbac("ClusterRole", "clusterroles").columns(access::role()).validate(validation::cluster_role),
        rbac("ClusterRoleBinding", "clusterrolebindings")
            .columns(access::binding())
            .defaults(defaults::access::binding)
            .validate(validation::cluster_role_binding)
            .validate_update(validation::binding_update),
        rbac("Role", "roles").namespaced().columns(access::role()).validate(validation::role),
        rbac("RoleBinding", "rolebindings")
            .namespaced()
            .columns(access::binding())
            .defaults(defaults::access::binding)
            .validate(validation::role_binding)
            .validate_update(validation::binding_update),
    ]
}
