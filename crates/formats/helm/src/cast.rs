//! Any value as a number, as Sprig's arithmetic takes it: text is read, what cannot be read is zero.

use bythos_gotemplate::{Value, parse_float, parse_signed};

/// As `cast.ToInt64`.
pub(crate) fn to_int(value: &Value) -> i64 {
    match value {
        Value::Int(number) | Value::Int64(number) => *number,
        Value::Uint64(number) => number.cast_signed(),
        Value::Byte(number) => i64::from(*number),
        Value::Float(number) => float_to_int(*number),
        Value::String(text) => parse_signed(without_zero_decimals(&text.to_str())).unwrap_or(0),
        Value::Bool(value) => i64::from(*value),
        _ => 0,
    }
}

/// Towards zero; beyond the range, what the processor gives Go.
#[allow(clippy::cast_possible_truncation, reason = "that is what is asked for")]
pub(crate) fn float_to_int(number: f64) -> i64 {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if (-LIMIT..LIMIT).contains(&number) { number as i64 } else { i64::MIN }
}

/// As `cast.ToFloat64`.
#[allow(clippy::cast_precision_loss, reason = "that is what is asked for")]
pub(crate) fn to_float(value: &Value) -> f64 {
    match value {
        Value::Float(number) => *number,
        Value::Uint64(number) => *number as f64,
        Value::String(text) => parse_float(&text.to_str()).unwrap_or(0.0),
        other => to_int(other) as f64,
    }
}

/// `1.00` is `1`.
fn without_zero_decimals(text: &str) -> &str {
    match text.split_once('.') {
        Some((whole, decimals)) if !decimals.is_empty() && decimals.bytes().all(|digit| digit == b'0') => {
            whole
        }
        _ => text,
    }
}
