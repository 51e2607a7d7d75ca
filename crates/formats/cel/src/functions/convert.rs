//! From one type to another: `int()`, `double()`, `string()`, `type()` and the like.

use super::time::{parse_duration, parse_timestamp, print_duration};
use super::{Function, global, mismatch};
use crate::price::Price;
use crate::types::Library::{Cidr, Ip, Quantity};
use crate::types::Pattern::{self, A, Bool, Bytes, Double, Duration, Int, String, Timestamp, Type, Uint};
use crate::value::{LibraryValue, Text, Value};
use crate::{Fault, Meter};

const ONE: Price = Price::Fixed(1);

pub(super) const FUNCTIONS: &[Function] = &[
    global("int", &[Int], Int, ONE, int),
    global("int", &[Uint], Int, ONE, int),
    global("int", &[Double], Int, ONE, int),
    global("int", &[String], Int, ONE, int),
    global("int", &[Timestamp], Int, ONE, int),
    global("uint", &[Uint], Uint, ONE, uint),
    global("uint", &[Int], Uint, ONE, uint),
    global("uint", &[Double], Uint, ONE, uint),
    global("uint", &[String], Uint, ONE, uint),
    global("double", &[Double], Double, ONE, double),
    global("double", &[Int], Double, ONE, double),
    global("double", &[Uint], Double, ONE, double),
    global("double", &[String], Double, ONE, double),
    global("bool", &[Bool], Bool, ONE, bool),
    global("bool", &[String], Bool, ONE, bool),
    global("string", &[String], String, ONE, string),
    global("string", &[Bytes], String, Price::Text(0, 1), string),
    global("string", &[Bool], String, ONE, string),
    global("string", &[Int], String, ONE, string),
    global("string", &[Uint], String, ONE, string),
    global("string", &[Double], String, ONE, string),
    global("string", &[Timestamp], String, ONE, string),
    global("string", &[Duration], String, ONE, string),
    global("string", &[Pattern::Library(Ip)], String, ONE, string),
    global("string", &[Pattern::Library(Cidr)], String, ONE, string),
    global("string", &[Pattern::Library(Quantity)], String, ONE, string),
    global("bytes", &[Bytes], Bytes, ONE, bytes),
    global("bytes", &[String], Bytes, Price::Text(0, 1), bytes),
    global("timestamp", &[Timestamp], Timestamp, ONE, timestamp),
    global("timestamp", &[String], Timestamp, ONE, timestamp),
    global("timestamp", &[Int], Timestamp, ONE, timestamp),
    global("duration", &[Duration], Duration, ONE, duration),
    global("duration", &[String], Duration, ONE, duration),
    global("duration", &[Int], Duration, ONE, duration),
    global("type", &[A], Type, ONE, type_of),
];

fn wrong(from: &str, to: &str, what: &str) -> Fault {
    Fault::failed(format!("type conversion error from {from} to {to}: {what:?}"))
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "the bounds are checked first; a double is cut toward zero"
)]
fn int<'a>(arguments: &[Value<'a>], _: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    let overflow = Fault::Overflow("integer");
    Ok(Value::Int(match arguments {
        [Value::Int(number)] => *number,
        [Value::Uint(number)] => i64::try_from(*number).map_err(|_| overflow)?,
        [Value::Double(number)] if *number > i64::MIN as f64 && *number < i64::MAX as f64 => *number as i64,
        [Value::Double(_)] => return Err(overflow),
        [Value::String(text)] => text.parse().map_err(|_| wrong("string", "int", text))?,
        [Value::Timestamp(time)] => time.as_second(),
        _ => return Err(mismatch("int", arguments)),
    }))
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "the bounds are checked first; a double is cut toward zero"
)]
fn uint<'a>(arguments: &[Value<'a>], _: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    let overflow = Fault::Overflow("unsigned integer");
    Ok(Value::Uint(match arguments {
        [Value::Uint(number)] => *number,
        [Value::Int(number)] => u64::try_from(*number).map_err(|_| overflow)?,
        [Value::Double(number)] if *number >= 0.0 && *number < u64::MAX as f64 => *number as u64,
        [Value::Double(_)] => return Err(overflow),
        [Value::String(text)] => text.parse().map_err(|_| wrong("string", "uint", text))?,
        _ => return Err(mismatch("uint", arguments)),
    }))
}

#[allow(clippy::cast_precision_loss, reason = "a double is as close as it can be")]
fn double<'a>(arguments: &[Value<'a>], _: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    Ok(Value::Double(match arguments {
        [Value::Double(number)] => *number,
        [Value::Int(number)] => *number as f64,
        [Value::Uint(number)] => *number as f64,
        [Value::String(text)] => text.parse().map_err(|_| wrong("string", "double", text))?,
        _ => return Err(mismatch("double", arguments)),
    }))
}

fn bool<'a>(arguments: &[Value<'a>], _: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    Ok(Value::Bool(match arguments {
        [Value::Bool(flag)] => *flag,
        [Value::String(text)] => match &**text {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => true,
            "0" | "f" | "F" | "false" | "FALSE" | "False" => false,
            other => return Err(wrong("string", "bool", other)),
        },
        _ => return Err(mismatch("bool", arguments)),
    }))
}

fn string<'a>(arguments: &[Value<'a>], _: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    match arguments {
        [Value::String(text)] => Ok(Value::String(text.clone())),
        [Value::Bytes(bytes)] => match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Value::text(text)),
            Err(_) => Err(Fault::failed("invalid UTF-8 in bytes, cannot convert to string")),
        },
        [value] => to_text(value).map(Value::text).ok_or_else(|| mismatch("string", arguments)),
        _ => Err(mismatch("string", arguments)),
    }
}

/// The text of a plain value.
pub(super) fn to_text(value: &Value<'_>) -> Option<std::string::String> {
    Some(match value {
        Value::String(text) => text.to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Uint(number) => number.to_string(),
        Value::Double(number) => print_double(*number),
        Value::Timestamp(time) => time.to_string(),
        Value::Duration(span) => print_duration(*span),
        Value::Null => "null".to_owned(),
        Value::Type(name) => (*name).to_owned(),
        Value::Library(LibraryValue::Ip(address)) => address.to_string(),
        Value::Library(LibraryValue::Cidr(network)) => network.to_string(),
        Value::Library(LibraryValue::Quantity(quantity)) => quantity.to_string(),
        _ => return None,
    })
}

/// As Go prints with `%g`, as short as it can be.
fn print_double(number: f64) -> std::string::String {
    let size = number.abs();
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    if size != 0.0 && !(1e-4..1e21).contains(&size) {
        let text = format!("{number:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
        return format!("{digits}e{sign}{exponent:0>2}");
    }
    number.to_string()
}

fn bytes<'a>(arguments: &[Value<'a>], _: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    match arguments {
        [Value::Bytes(bytes)] => Ok(Value::Bytes(bytes.clone())),
        [Value::String(text)] => Ok(Value::Bytes(text.as_bytes().into())),
        _ => Err(mismatch("bytes", arguments)),
    }
}

fn timestamp<'a>(arguments: &[Value<'a>], _: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    match arguments {
        [Value::Timestamp(time)] => Ok(Value::Timestamp(*time)),
        [Value::String(text)] => parse_timestamp(text).map(Value::Timestamp),
        [Value::Int(seconds)] => jiff::Timestamp::from_second(*seconds)
            .map(Value::Timestamp)
            .map_err(|_| Fault::Overflow("timestamp")),
        _ => Err(mismatch("timestamp", arguments)),
    }
}

fn duration<'a>(arguments: &[Value<'a>], _: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    match arguments {
        [Value::Duration(span)] => Ok(Value::Duration(*span)),
        [Value::String(text)] => parse_duration(text).map(Value::Duration),
        [Value::Int(nanoseconds)] => Ok(Value::Duration(jiff::SignedDuration::from_nanos(*nanoseconds))),
        _ => Err(mismatch("duration", arguments)),
    }
}

fn type_of<'a>(arguments: &[Value<'a>], _: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    arguments.first().map(|value| Value::Type(value.type_name())).ok_or_else(|| mismatch("type", arguments))
}

/// A text that was made.
pub(super) fn made<'a>(text: std::string::String) -> Value<'a> {
    Value::String(Text::Shared(text.into()))
}
