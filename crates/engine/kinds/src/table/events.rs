//! Event, which two groups serve: the core group and `events.k8s.io`.

use super::{row, selectable};
use crate::columns::event;
use crate::conversion::event::CONVERSION;
use crate::validation::event as validation;
use crate::{Kind, SelectableField};

pub(super) fn kinds() -> Vec<Kind> {
    vec![
        event_of("events.k8s.io")
            .validate(validation::of_events)
            .validate_update(validation::of_events_update)
            .selectable(FIELDS_OF_EVENTS),
    ]
}

pub(super) fn of_core() -> Kind {
    event_of("").validate(validation::of_core).selectable(FIELDS_OF_CORE)
}

fn event_of(group: &'static str) -> Kind {
    row(group, "v1", "Event", "events")
        .namespaced()
        .short(&["ev"])
        .columns(event::columns())
        .converted(&CONVERSION)
}

const FIELDS_OF_CORE: &[SelectableField] = &[
    ("involvedObject.kind", |event| selectable(event, "involvedObject.kind")),
    ("involvedObject.namespace", |event| selectable(event, "involvedObject.namespace")),
    ("involvedObject.name", |event| selectable(event, "involvedObject.name")),
    ("involvedObject.uid", |event| selectable(event, "involvedObject.uid")),
    ("involvedObject.apiVersion", |event| selectable(event, "involvedObject.apiVersion")),
    ("involvedObject.resourceVersion", |event| selectable(event, "involvedObject.resourceVersion")),
    ("involvedObject.fieldPath", |event| selectable(event, "involvedObject.fieldPath")),
    ("reason", |event| selectable(event, "reason")),
    ("reportingComponent", |event| selectable(event, "reportingComponent")),
    ("source", |event| {
        let component = selectable(event, "source.component");
        if component.is_empty() { selectable(event, "reportingComponent") } else { component }
    }),
    ("type", |event| selectable(event, "type")),
];

/// Read where they are stored: in the shape of the core group.
const FIELDS_OF_EVENTS: &[SelectableField] = &[
    ("regarding.kind", |event| selectable(event, "involvedObject.kind")),
    ("regarding.namespace", |event| selectable(event, "involvedObject.namespace")),
    ("regarding.name", |event| selectable(event, "involvedObject.name")),
    ("regarding.uid", |event| selectable(event, "involvedObject.uid")),
    ("regarding.apiVersion", |event| selectable(event, "involvedObject.apiVersion")),
    ("regarding.resourceVersion", |event| selectable(event, "involvedObject.resourceVersion")),
    ("regarding.fieldPath", |event| selectable(event, "involvedObject.fieldPath")),
    ("reason", |event| selectable(event, "reason")),
    ("reportingController", |event| selectable(event, "reportingComponent")),
    ("type", |event| selectable(event, "type")),
];
