//! Kinds of `flowcontrol.apiserver.k8s.io`.

use super::row;
use crate::Kind;
use crate::columns::flow_control as columns;
use crate::defaults::flow_control as defaults;
use crate::validation::flow_control as validation;

pub(super) fn kinds() -> Vec<Kind> {
    let flow = |kind, plural| {
        row("flowcontrol.apiserver.k8s.io", "v1", kind, plural)
            .status()
            .caveat("flow control is stored, but no request is held up by it yet")
    };
    vec![
        flow("FlowSchema", "flowschemas")
            .columns(columns::schema())
            .defaults(defaults::schema)
            .validate(validation::schema),
        flow("PriorityLevelConfiguration", "prioritylevelconfigurations")
            .columns(columns::priority_level())
            .defaults(defaults::priority_level)
            .validate(validation::priority_level),
    ]
}
