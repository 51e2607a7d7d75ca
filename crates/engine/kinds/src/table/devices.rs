//! Kinds of `resource.k8s.io`.

use super::{row, selectable_fields};
use crate::Kind;
use crate::columns::device as columns;
use crate::defaults::device as defaults;
use crate::validation::device as validation;

pub(super) fn kinds() -> Vec<Kind> {
    let resource = |kind, plural| {
        row("resource.k8s.io", "v1", kind, plural)
            .caveat("devices and claims of them are stored, but not allocated to pods yet")
    };
    vec![
        resource("DeviceClass", "deviceclasses").validate(validation::class),
        resource("DeviceTaintRule", "devicetaintrules").status().validate(validation::taint_rule),
        resource("ResourceClaim", "resourceclaims")
            .namespaced()
            .status()
            .columns(columns::claim())
            .defaults(defaults::claim)
            .validate(validation::claim)
            .validate_update(validation::spec_update),
        resource("ResourceClaimTemplate", "resourceclaimtemplates")
            .namespaced()
            .defaults(defaults::claim_template)
            .validate(validation::claim_template)
            .validate_update(validation::spec_update),
        resource("ResourceSlice", "resourceslices")
            .columns(columns::slice())
            .validate(validation::slice)
            .validate_update(validation::slice_update)
            .selectable(selectable_fields!["spec.driver", "spec.nodeName"]),
    ]
}
