//! Numbers as Go has them. In JSON there is but one kind of them; here an integer stands for an `int64`, and everything
//! else for a `float64`.

use serde_json::{Map, Number, Value};

/// What Go's decoder makes of JSON: every number is a `float64`.
pub(super) fn decoded(mut value: Value) -> Value {
    for_each_number(&mut value, &mut |number| {
        if let Some(float) = number.as_f64().and_then(Number::from_f64) {
            *number = float;
        }
    });
    value
}

/// What Go's encoder makes of it: a whole number has no dot, whichever type it has.
pub(super) fn encoded(mut value: Value) -> Value {
    /// From here on, floats have gaps wider than one.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    for_each_number(&mut value, &mut |number| {
        if let Some(float) =
            number.as_f64().filter(|it| number.is_f64() && it.fract() == 0.0 && it.abs() <= EXACT)
        {
            *number = Number::from(float as i64);
        }
    });
    value
}

fn for_each_number(value: &mut Value, change: &mut impl FnMut(&mut Number)) {
    match value {
        Value::Number(number) => change(number),
        Value::Array(items) => items.iter_mut().for_each(|item| for_each_number(item, change)),
        Value::Object(fields) => fields.values_mut().for_each(|field| for_each_number(field, change)),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// As templates see it.
pub(super) fn seen(value: &Value) -> bythos_gotemplate::Value {
    use bythos_gotemplate::Value as Seen;
    match value {
        Value::Number(number) => match number.as_i64() {
            Some(number) => Seen::Int64(number),
            None => Seen::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::Array(items) => Seen::list(items.iter().map(seen).collect()),
        Value::Object(fields) => Seen::Map(seen_fields(fields)),
        Value::Null => Seen::Nil,
        Value::Bool(value) => Seen::Bool(*value),
        Value::String(text) => Seen::from(text.as_str()),
    }
}

pub(super) fn seen_fields(fields: &Map<String, Value>) -> bythos_gotemplate::Map {
    fields.iter().map(|(name, field)| (name.as_str().into(), seen(field))).collect()
}
