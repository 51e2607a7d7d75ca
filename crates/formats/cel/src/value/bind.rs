//! From the JSON of an object to values, along its schema: a field of format `date-time` is a timestamp.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bythos_schema::{Schema, Type};
use serde_json::Value as Json;

use super::{List, Map, Text, Value};
use crate::Fault;
use crate::functions::time::{parse_duration, parse_timestamp};

impl<'a> Value<'a> {
    /// The value of JSON. Without a schema numbers are `int` if they are whole and `double` else.
    ///
    /// # Errors
    /// A text is not what its format says.
    pub fn from_json(json: &'a Json, schema: Option<&'a Schema>) -> Result<Self, Fault> {
        bind(json, schema)
    }
}

pub(super) fn bind<'a>(json: &'a Json, schema: Option<&'a Schema>) -> Result<Value<'a>, Fault> {
    Ok(match json {
        Json::Null => Value::Null,
        Json::Bool(flag) => Value::Bool(*flag),
        Json::Number(number) => match schema.map(|schema| schema.type_) {
            Some(Type::Number) => Value::Double(number.as_f64().unwrap_or_default()),
            _ => whole_or_double(number),
        },
        Json::String(text) => return bind_text(text, schema),
        Json::Array(items) => Value::List(List::Json { items, schema }),
        Json::Object(fields) => {
            let schema = schema.filter(|schema| schema.type_ == Type::Object);
            Value::Map(Map::Json { fields, schema })
        }
    })
}

fn whole_or_double<'a>(number: &serde_json::Number) -> Value<'a> {
    match (number.as_i64(), number.as_f64()) {
        (Some(whole), _) => Value::Int(whole),
        (None, Some(double)) => Value::Double(double),
        (None, None) => Value::Null,
    }
}

fn bind_text<'a>(text: &'a str, schema: Option<&'a Schema>) -> Result<Value<'a>, Fault> {
    let text_schema = schema.filter(|schema| schema.type_ == Type::String);
    let format = text_schema.and_then(|schema| schema.bounds.format.as_deref());
    match format {
        Some("byte") => {
            let bytes =
                STANDARD.decode(text).map_err(|error| Fault::failed(format!("invalid bytes: {error}")))?;
            Ok(Value::Bytes(bytes.into()))
        }
        Some("duration") => parse_duration(text).map(Value::Duration),
        Some("date-time") => parse_timestamp(text).map(Value::Timestamp),
        Some("date") => parse_timestamp(&format!("{text}T00:00:00Z")).map(Value::Timestamp),
        _ => Ok(Value::String(Text::Borrowed(text))),
    }
}
