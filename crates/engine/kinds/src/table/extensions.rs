//! Kinds of `apiextensions.k8s.io` and `apiregistration.k8s.io`.

use super::row;
use crate::Kind;
use crate::columns::{access, api_service};
use crate::defaults;
use crate::validation;

pub(super) fn kinds() -> Vec<Kind> {
    vec![
        row("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions")
            .short(&["crd", "crds"])
            .category("api-extensions")
            .status()
            .columns(access::created_at())
            .defaults(defaults::custom_resource::default)
            .on_create(defaults::custom_resource::prepare_create)
            .on_update(defaults::custom_resource::prepare_update)
            .validate(validation::custom_resource::validate)
            .validate_update(validation::custom_resource::validate_update),
        row("apiregistration.k8s.io", "v1", "APIService", "apiservices")
            .category("api-extensions")
            .status()
            .columns(api_service::columns())
            .defaults(defaults::api_service::default)
            .validate(validation::api_service::validate)
            .caveat("aggregated APIs are stored, but requests are not passed on to their servers yet"),
    ]
}
