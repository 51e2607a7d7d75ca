//! Events: `pkg/apis/core/validation/events.go`.
//!
//! The core group takes what it always took, as long as an event without a time of its own lies where its object does;
//! `events.k8s.io` is strict with what is new.

use bythos_schema::FieldError;
use serde_json::Value;

use super::check_immutable;
use crate::names;
use crate::spot::Spot;

const TEXT_BYTES_MAX: usize = 128;
const NOTE_BYTES_MAX: usize = 1024;

/// What fields are called in a group.
struct Names {
    object: &'static str,
    controller: &'static str,
    note: &'static str,
}

const CORE: Names = Names { object: "involvedObject", controller: "reportingComponent", note: "message" };
const EVENTS: Names = Names { object: "regarding", controller: "reportingController", note: "note" };

/// Fields that only the core group fills in.
const DEPRECATED: [&str; 4] =
    ["deprecatedFirstTimestamp", "deprecatedLastTimestamp", "deprecatedCount", "deprecatedSource"];
/// What no update may change in `events.k8s.io`.
const KEPT: [&str; 12] = [
    "regarding",
    "reason",
    "note",
    "deprecatedSource",
    "deprecatedFirstTimestamp",
    "deprecatedLastTimestamp",
    "deprecatedCount",
    "type",
    "action",
    "related",
    "reportingController",
    "reportingInstance",
];

pub(crate) fn of_core(event: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(event), Vec::new());
    check(&root, &CORE, &mut errors);
    errors
}

pub(crate) fn of_events(event: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(event), Vec::new());
    check(&root, &EVENTS, &mut errors);
    if is_new(event) {
        check_new(&root, &mut errors);
    }
    errors
}

/// What was stored has a revision.
fn is_new(event: &Value) -> bool {
    event["metadata"]["resourceVersion"].is_null()
}

fn check(root: &Spot<'_, '_>, names: &Names, errors: &mut Vec<FieldError>) {
    let metadata = root.field("metadata");
    let own = metadata.field("namespace");
    let object = root.field(names.object);
    let namespace = object.field("namespace");
    let has_time = root.field("eventTime").is_set();
    // What has no namespace is told of in `default`, and in `kube-system` by events of the newer sort.
    let may_lie_there = match (namespace.text(), own.text()) {
        ("", "default") => true,
        ("", "kube-system") => has_time,
        ("", _) => false,
        (of_object, own) => has_time || of_object == own,
    };
    if !may_lie_there {
        errors.push(namespace.invalid_value(namespace.text(), "does not match event.namespace"));
    }
    if has_time {
        check_words(root, names, errors);
    }
}

fn check_words(root: &Spot<'_, '_>, fields: &Names, errors: &mut Vec<FieldError>) {
    let controller = root.field(fields.controller);
    if controller.check_given("", errors) {
        controller.check_text(names::qualified_name, errors);
    }
    for field in ["reportingInstance", "action", "reason"] {
        root.field(field).check_given("", errors);
        check_length(&root.field(field), TEXT_BYTES_MAX, errors);
    }
    check_length(&root.field(fields.note), NOTE_BYTES_MAX, errors);
}

fn check_length(text: &Spot<'_, '_>, bytes_max: usize, errors: &mut Vec<FieldError>) {
    if text.text().len() > bytes_max {
        errors.push(text.invalid_value("", format!("can have at most {bytes_max} characters")));
    }
}

fn check_new(root: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    if !root.field("eventTime").is_set() {
        errors.push(root.field("eventTime").required(""));
    }
    check_series(&root.field("series"), errors);
    let type_ = root.field("type");
    if !matches!(type_.text(), "Normal" | "Warning") {
        errors.push(type_.invalid_value("", format!("has invalid value: {}", type_.text())));
    }
    for field in DEPRECATED {
        let spot = root.field(field);
        if !spot.is_empty() && spot.integer() != Some(0) {
            errors.push(spot.invalid_value("", "needs to be unset"));
        }
    }
}

fn check_series(series: &Spot<'_, '_>, errors: &mut Vec<FieldError>) {
    if !series.is_set() {
        return;
    }
    if series.field("count").integer().is_none_or(|count| count < 2) {
        errors.push(series.field("count").invalid_value("", "should be at least 2"));
    }
    series.field("lastObservedTime").check_given("", errors);
}

pub(crate) fn of_events_update(old: &Value, new: &Value) -> Vec<FieldError> {
    let (root, mut errors) = (Spot::root(new), Vec::new());
    if old["series"] != new["series"] {
        check_series(&root.field("series"), &mut errors);
    }
    for field in KEPT {
        check_immutable(&root.field(field), &old[field], &mut errors);
    }
    errors
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn expect(errors: &[FieldError], expected: &[&str]) {
        let found: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(found, expected);
    }

    fn event(of: Value) -> Value {
        let mut event = json!({"metadata": {"name": "web.1", "namespace": "shop"}});
        event.as_object_mut().unwrap().extend(of.as_object().unwrap().clone());
        event
    }

    fn good() -> Value {
        event(
            json!({"eventTime": "2024-01-01T12:00:00.000000Z", "regarding": {"namespace": "shop"}, "type": "Normal",
            "reason": "Started", "action": "Starting", "reportingController": "kubelet", "reportingInstance": "one"}),
        )
    }

    #[test]
    fn an_event_lies_where_its_object_does() {
        let about = |namespace: &str, own: &str| {
            let mut event = event(json!({"involvedObject": {"namespace": namespace}}));
            event["metadata"]["namespace"] = json!(own);
            of_core(&event)
        };
        expect(&about("shop", "shop"), &[]);
        expect(&about("", "default"), &[]);
        for (namespace, own) in [("shop", "other"), ("", "shop"), ("", "kube-system")] {
            let words = format!(
                "involvedObject.namespace: Invalid value: {namespace:?}: does not match event.namespace"
            );
            expect(&about(namespace, own), &[&words]);
        }
    }

    #[test]
    fn an_event_with_a_time_says_who_did_what() {
        expect(&of_events(&good()), &[]);
        let bare = event(json!({"eventTime": "2024-01-01T12:00:00.000000Z", "message": "x".repeat(1025),
            "involvedObject": {"namespace": "shop"}}));
        expect(
            &of_core(&bare),
            &[
                "reportingComponent: Required value",
                "reportingInstance: Required value",
                "action: Required value",
                "reason: Required value",
                r#"message: Invalid value: "": can have at most 1024 characters"#,
            ],
        );
    }

    #[test]
    fn a_new_event_of_events_has_none_of_the_old_fields() {
        let with = |field: &str, value: Value| {
            let mut event = good();
            event[field] = value;
            of_events(&event)
        };
        expect(
            &with("deprecatedCount", json!(3)),
            &[r#"deprecatedCount: Invalid value: "": needs to be unset"#],
        );
        expect(&with("type", json!("News")), &[r#"type: Invalid value: "": has invalid value: News"#]);
        expect(&with("eventTime", Value::Null), &["eventTime: Required value"]);
        expect(
            &with("series", json!({"count": 1})),
            &[
                r#"series.count: Invalid value: "": should be at least 2"#,
                "series.lastObservedTime: Required value",
            ],
        );
        let mut stored = good();
        stored["metadata"]["resourceVersion"] = json!("1");
        stored["deprecatedCount"] = json!(3);
        expect(&of_events(&stored), &[]);
    }

    #[test]
    fn an_update_only_counts() {
        let mut counted = good();
        counted["series"] = json!({"count": 2, "lastObservedTime": "2024-01-01T12:00:01.000000Z"});
        expect(&of_events_update(&good(), &counted), &[]);
        counted["note"] = json!("else");
        expect(&of_events_update(&good(), &counted), &[r#"note: Invalid value: "else": field is immutable"#]);
    }
}
