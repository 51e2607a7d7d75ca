//! From JSON, as Go's decoder fills an `interface {}`.

use super::{Map, Value};

impl From<serde_json::Value> for Value {
    /// Every number becomes a `float64`.
    fn from(value: serde_json::Value) -> Value {
        match value {
            serde_json::Value::Null => Value::Nil,
            serde_json::Value::Bool(value) => Value::Bool(value),
            serde_json::Value::Number(number) => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
            serde_json::Value::String(text) => Value::String(text.into()),
            serde_json::Value::Array(items) => Value::list(items.into_iter().map(Value::from).collect()),
            serde_json::Value::Object(fields) => {
                let fields = fields.into_iter().map(|(name, field)| (name.into(), Value::from(field)));
                Value::Map(fields.collect::<Map>())
            }
        }
    }
}
