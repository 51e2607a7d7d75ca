//! Kinds of `apiextensions.k8s.io`.

use super::row;
use crate::Kind;
use crate::columns::access;
use crate::defaults::custom_resource as defaults;
use crate::validation::custom_resource as validation;

pub(super) fn kinds() -> Vec<Kind> {
    vec![
        row("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions")
            .short(&["crd", "crds"])
            .status()
            .columns(access::created_at())
            .defaults(defaults::default)
            .on_create(defaults::prepare_create)
            .on_update(defaults::prepare_update)
            .validate(validation::validate)
            .validate_update(validation::validate_update),
    ]
}
