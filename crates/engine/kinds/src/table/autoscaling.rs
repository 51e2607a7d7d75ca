//! Kinds of `autoscaling`.

use super::row;
use crate::Kind;
use crate::columns::autoscaler;
use crate::conversion::autoscaler::CONVERSION;
use crate::defaults;
use crate::validation::autoscaler as validation;

pub(super) fn kinds() -> Vec<Kind> {
    let autoscaler = |version| {
        row("autoscaling", version, "HorizontalPodAutoscaler", "horizontalpodautoscalers")
            .namespaced()
            .short(&["hpa"])
            .in_all()
            .status()
            .columns(autoscaler::columns())
            .converted(&CONVERSION)
            .caveat("autoscalers are stored, but nothing is scaled by them yet")
    };
    vec![
        autoscaler("v1").defaults(defaults::autoscaler::version_1).validate(validation::version_1),
        autoscaler("v2").defaults(defaults::autoscaler::version_2).validate(validation::version_2),
    ]
}
