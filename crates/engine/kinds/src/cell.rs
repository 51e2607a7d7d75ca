//! The cells of a table.

use jiff::Timestamp;
use serde_json::Value;

use crate::duration::human_duration;
use crate::{Cell, Column, json_path};

/// The cell's value for an object. Dates come as RFC 3339 and are printed as ages (`5d`) relative to `now`.
///
/// A cell for which the object has no value is `null`, which clients print as nothing.
pub fn cell(column: &Column, object: &Value, now: Timestamp) -> Value {
    match &column.cell {
        Cell::Computed(compute) => compute(object),
        Cell::ComputedAt(compute) => compute(object, now),
        Cell::Path(path) => {
            let found = json_path::find(path, object).ok().and_then(|found| found.into_iter().next());
            found.map_or(Value::Null, |value| typed(&column.type_, value, now))
        }
    }
}

/// A value of a custom object as a cell of this type; `null` if it is of another.
fn typed(type_: &str, value: &Value, now: Timestamp) -> Value {
    match (type_, value) {
        ("string", Value::String(_)) => value.clone(),
        ("string", Value::Null) => Value::Null,
        ("string", other) => other.to_string().into(),
        ("integer", Value::Number(number)) => {
            number.as_i64().map_or_else(|| whole(number.as_f64()), Value::from)
        }
        ("number", Value::Number(_)) | ("boolean", Value::Bool(_)) => value.clone(),
        ("date", Value::String(text)) => since(text, now).into(),
        _ => Value::Null,
    }
}

fn whole(number: Option<f64>) -> Value {
    #[allow(clippy::cast_possible_truncation, reason = "a column of integers shows the whole part")]
    number.map_or(Value::Null, |number| (number as i64).into())
}

/// How long ago a time in RFC 3339 was.
pub(crate) fn since(time: &str, now: Timestamp) -> String {
    match time.parse::<Timestamp>() {
        _ if time.is_empty() => "<unknown>".to_owned(),
        Ok(time) => human_duration(now.as_second() - time.as_second()),
        Err(_) => "<invalid>".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(type_: &'static str, path: &'static str, expected: Value) {
        let object = json!({
            "metadata": {"creationTimestamp": "2024-01-01T00:00:00Z"},
            "spec": {"size": 3, "ratio": 0.5, "on": true, "name": "web", "list": ["a", "b"]},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]},
        });
        let column = Column {
            name: "X".into(),
            type_: type_.into(),
            format: "".into(),
            description: "".into(),
            priority: 0,
            cell: Cell::Path(path.into()),
        };
        let now = "2024-01-01T00:03:10Z".parse().unwrap();
        assert_eq!(cell(&column, &object, now), expected, "{type_} {path}");
    }

    #[test]
    fn cells_of_custom_kinds_have_the_type_of_their_column() {
        check("string", ".spec.name", json!("web"));
        check("string", ".spec.size", json!("3"));
        check("string", ".spec.list", json!(r#"["a","b"]"#));
        check("integer", ".spec.size", json!(3));
        check("number", ".spec.ratio", json!(0.5));
        check("boolean", ".spec.on", json!(true));
        check("integer", ".spec.name", Value::Null);
        check("string", ".spec.missing", Value::Null);
        check("string", r#".status.conditions[?(@.type=="Ready")].status"#, json!("True"));
        check("date", ".metadata.creationTimestamp", json!("3m10s"));
        check("date", ".spec.name", json!("<invalid>"));
    }
}
