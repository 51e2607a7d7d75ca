//! Durations: Helm's `mustToDuration` and what follows from it, and Sprig's `duration`.

use bythos_gotemplate::time::{Duration, parse_duration};
use bythos_gotemplate::{Failure, Function, Text, Value, parse_float};

use crate::cast::float_to_int;

pub(super) fn functions() -> Vec<Function> {
    let of = |operate: fn(Duration) -> f64| move |value: Value| as_duration(&value).map_or(0.0, operate);
    let whole = |unit: i64| move |value: Value| as_duration(&value).map_or(0, |duration| duration.0 / unit);
    vec![
        Function::new("mustToDuration", |value: Value| as_duration(&value)),
        Function::new("durationSeconds", of(Duration::seconds)),
        Function::new("durationMinutes", of(|duration| hours(duration, 60))),
        Function::new("durationHours", of(|duration| hours(duration, 3600))),
        Function::new("durationDays", of(|duration| hours(duration, 3600) / 24.0)),
        Function::new("durationWeeks", of(|duration| hours(duration, 3600) / 24.0 / 7.0)),
        Function::new("durationMilliseconds", whole(1_000_000)),
        Function::new("durationMicroseconds", whole(1_000)),
        Function::new("durationNanoseconds", whole(1)),
        Function::new("durationRoundTo", |value: Value, multiple: Value| {
            changed(&value, &multiple, Duration::round)
        }),
        Function::new("durationTruncateTo", |value: Value, multiple: Value| {
            changed(&value, &multiple, Duration::truncate)
        }),
        Function::new("duration", |value: Value| Duration::from_seconds(seconds(&value)).to_string()),
    ]
}

/// Units of so many seconds, the way Go divides: the whole ones apart from the rest.
#[allow(clippy::cast_precision_loss, reason = "a float is what is asked for")]
fn hours(duration: Duration, seconds: i64) -> f64 {
    let unit = seconds * 1_000_000_000;
    (duration.0 / unit) as f64 + (duration.0 % unit) as f64 / unit as f64
}

fn seconds(value: &Value) -> i64 {
    match value {
        Value::String(text) => text.to_str().parse().unwrap_or(0),
        Value::Int64(seconds) => *seconds,
        _ => 0,
    }
}

fn changed(value: &Value, multiple: &Value, change: fn(Duration, Duration) -> Duration) -> Duration {
    let Ok(duration) = as_duration(value) else { return Duration(0) };
    as_duration(multiple).map_or(duration, |multiple| change(duration, multiple))
}

/// A duration as text, or a number of seconds.
fn as_duration(value: &Value) -> Result<Duration, Failure> {
    match value {
        Value::Nil => Err(Failure::new("invalid duration")),
        Value::String(text) => from_text(&text.to_str()),
        Value::Int(seconds) | Value::Int64(seconds) => from_seconds(i128::from(*seconds)),
        Value::Uint64(seconds) => from_seconds(i128::from(*seconds)),
        Value::Float(seconds) => from_fraction(*seconds),
        Value::Object(object) => match object.downcast::<Duration>() {
            Some(duration) => Ok(*duration),
            None => Err(Failure::new(format!("unsupported duration type {}", object.type_name()))),
        },
        other => Err(Failure::new(format!("unsupported duration type {}", other.type_name()))),
    }
}

fn from_text(text: &str) -> Result<Duration, Failure> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Err(Failure::new("empty duration"));
    }
    if let Ok(duration) = parse_duration(trimmed) {
        return Ok(duration);
    }
    match parse_float(trimmed) {
        Some(seconds) => from_fraction(seconds),
        None => Err(Failure::new(format!("could not parse duration {text:?}"))),
    }
}

fn from_seconds(seconds: i128) -> Result<Duration, Failure> {
    let nanoseconds = i64::try_from(seconds * 1_000_000_000);
    nanoseconds.map(Duration).map_err(|_| Failure::new(format!("duration seconds overflow: {seconds}")))
}

fn from_fraction(seconds: f64) -> Result<Duration, Failure> {
    const SECONDS_MAX: f64 = 9_223_372_036.854_775;
    if !seconds.is_finite() {
        return Err(Failure::new(format!("invalid duration seconds: {seconds}")));
    }
    if seconds.abs() > SECONDS_MAX {
        return Err(Failure::new(format!("duration seconds overflow: {seconds}")));
    }
    Ok(Duration(float_to_int(seconds * 1e9)))
}

/// Text, for the other functions on times.
pub(super) fn parse(text: &Text) -> Option<Duration> {
    parse_duration(&text.to_str()).ok()
}
