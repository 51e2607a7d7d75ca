//! Events. Their name says nothing, so it stands last, and only with `-o wide`.

use jiff::Timestamp;
use serde_json::Value;

use super::{column, column_at, count, text_at, wide};
use crate::Column;
use crate::cell::since;
use crate::fields::{at, integer, text};

pub(crate) fn columns() -> Vec<Column> {
    vec![
        column_at("Last Seen", |event, now| last_seen(event, now).into()),
        column("Type", |event| text_at(event, "type")),
        column("Reason", |event| text_at(event, "reason")),
        column("Object", |event| object(event).into()),
        wide(column("Subobject", |event| text_at(event, "involvedObject.fieldPath"))),
        wide(column("Source", |event| source(event).into())),
        column("Message", |event| text(event, "message").trim().into()),
        wide(column_at("First Seen", |event, now| first_seen(event, now).into())),
        wide(count("Count", times)),
        wide(column("Name", |event| text_at(event, "metadata.name"))),
    ]
}

fn first_seen(event: &Value, now: Timestamp) -> String {
    match text(event, "firstTimestamp") {
        "" => since(text(event, "eventTime"), now),
        time => since(time, now),
    }
}

fn last_seen(event: &Value, now: Timestamp) -> String {
    match (text(event, "series.lastObservedTime"), text(event, "lastTimestamp")) {
        ("", "") => first_seen(event, now),
        ("", time) | (time, _) => since(time, now),
    }
}

fn object(event: &Value) -> String {
    let kind = text(event, "involvedObject.kind").to_lowercase();
    match text(event, "involvedObject.name") {
        "" => kind,
        name => format!("{kind}/{name}"),
    }
}

fn source(event: &Value) -> String {
    let pair = |component: &str, instance: &str| match instance {
        "" => component.to_owned(),
        instance => format!("{component}, {instance}"),
    };
    match text(event, "source.component") {
        "" => pair(text(event, "reportingComponent"), text(event, "reportingInstance")),
        component => pair(component, text(event, "source.host")),
    }
}

fn times(event: &Value) -> Value {
    let series = at(event, "series");
    let count = if series.is_object() {
        integer(series, "count")
    } else {
        integer(event, "count").map(|count| count.max(1))
    };
    count.unwrap_or(1).into()
}
