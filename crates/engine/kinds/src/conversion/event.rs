//! Event: `events.k8s.io` names its fields anew, and the core group keeps the names that there always were.

use serde_json::{Map, Value};

use super::Conversion;
use crate::fields::text;

/// The version of the core group, in which events are stored.
const CORE: &str = "v1";
const EVENTS: &str = "events.k8s.io/v1";

pub(crate) static CONVERSION: Conversion = Conversion { stored_api_version: CORE, to_version };

/// What the same field is called in the core group and in `events.k8s.io`.
const NAMES: [(&str, &str); 7] = [
    OBJECT,
    ("message", "note"),
    ("reportingComponent", "reportingController"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
];

/// What the event is about. It is there in both groups, if only as an empty object.
const OBJECT: (&str, &str) = ("involvedObject", "regarding");

fn to_version(object: &mut Value, api_version: &str) {
    let is_of_core = text(object, "apiVersion") == CORE;
    let Value::Object(fields) = object else { return };
    match api_version {
        EVENTS if is_of_core => NAMES.iter().for_each(|(core, events)| rename(fields, core, events)),
        CORE if !is_of_core => {
            NAMES.iter().for_each(|(core, events)| rename(fields, events, core));
            fields.entry(OBJECT.0).or_insert_with(|| Value::Object(Map::new()));
        }
        _ => {}
    }
}

fn rename(fields: &mut Map<String, Value>, from: &str, to: &str) {
    if let Some(value) = fields.remove(from) {
        fields.insert(to.to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of_core() -> Value {
        json!({
            "apiVersion": CORE,
            "kind": "Event",
            "metadata": { "name": "web.1", "namespace": "shop" },
            "involvedObject": { "kind": "Pod", "name": "web" },
            "reason": "Failed",
            "message": "no image",
            "source": { "component": "kubelet", "host": "one" },
            "firstTimestamp": "2024-01-01T12:01:00Z",
            "lastTimestamp": "2024-01-01T12:04:50Z",
            "count": 3,
            "type": "Warning",
            "eventTime": "2024-01-01T12:01:00.000000Z",
            "series": { "count": 2, "lastObservedTime": "2024-01-01T12:04:00.000000Z" },
            "action": "Pulling",
            "related": { "kind": "Node", "name": "one" },
            "reportingComponent": "kubelet",
            "reportingInstance": "one",
        })
    }

    #[test]
    fn each_field_has_its_name_in_each_group_and_none_is_lost() {
        let mut object = of_core();
        to_version(&mut object, EVENTS);
        let expected = json!({
            "apiVersion": CORE,
            "kind": "Event",
            "metadata": { "name": "web.1", "namespace": "shop" },
            "regarding": { "kind": "Pod", "name": "web" },
            "reason": "Failed",
            "note": "no image",
            "deprecatedSource": { "component": "kubelet", "host": "one" },
            "deprecatedFirstTimestamp": "2024-01-01T12:01:00Z",
            "deprecatedLastTimestamp": "2024-01-01T12:04:50Z",
            "deprecatedCount": 3,
            "type": "Warning",
            "eventTime": "2024-01-01T12:01:00.000000Z",
            "series": { "count": 2, "lastObservedTime": "2024-01-01T12:04:00.000000Z" },
            "action": "Pulling",
            "related": { "kind": "Node", "name": "one" },
            "reportingController": "kubelet",
            "reportingInstance": "one",
        });
        assert_eq!(object, expected);
        object["apiVersion"] = json!(EVENTS);
        to_version(&mut object, CORE);
        object["apiVersion"] = json!(CORE);
        assert_eq!(object, of_core());
    }

    #[test]
    fn an_event_of_the_group_stays_as_it_is() {
        let mut object = of_core();
        to_version(&mut object, CORE);
        assert_eq!(object, of_core());
    }

    #[test]
    fn an_event_about_nothing_says_so_in_the_core_group() {
        let mut object = json!({ "apiVersion": EVENTS, "kind": "Event" });
        to_version(&mut object, CORE);
        assert_eq!(object["involvedObject"], json!({}));
    }
}
