//! Timestamps and durations: how they are read and printed, and their parts.

use jiff::{SignedDuration, Timestamp, Zoned, tz};

use super::{Function, method, mismatch};
use crate::Fault;
use crate::price::Price;
use crate::types::Pattern::{Duration, Int, String, Timestamp as Time};
use crate::value::Value;

const ONE: Price = Price::Fixed(1);

macro_rules! parts {
    ($($name:literal, $part:expr;)* => $($unit:literal, $nanoseconds:expr;)*) => {
        &[
            $(
                method($name, &[Time], Int, ONE, |arguments, _| part($name, arguments, $part)),
                method($name, &[Time, String], Int, ONE, |arguments, _| part($name, arguments, $part)),
            )*
            $(method($unit, &[Duration], Int, ONE, |arguments, _| whole_units($unit, arguments, $nanoseconds)),)*
        ]
    };
}

pub(super) const FUNCTIONS: &[Function] = parts! {
    "getFullYear", |time| i64::from(time.year());
    "getMonth", |time| i64::from(time.month()) - 1;
    "getDayOfMonth", |time| i64::from(time.day()) - 1;
    "getDate", |time| i64::from(time.day());
    "getDayOfWeek", |time| i64::from(time.weekday().to_sunday_zero_offset());
    "getDayOfYear", |time| i64::from(time.day_of_year()) - 1;
    "getHours", |time| i64::from(time.hour());
    "getMinutes", |time| i64::from(time.minute());
    "getSeconds", |time| i64::from(time.second());
    "getMilliseconds", |time| i64::from(time.millisecond());
    =>
    "getHours", 3_600_000_000_000;
    "getMinutes", 60_000_000_000;
    "getSeconds", 1_000_000_000;
    "getMilliseconds", 1_000_000;
};

fn part<'a>(name: &str, arguments: &[Value<'a>], part: fn(&Zoned) -> i64) -> Result<Value<'a>, Fault> {
    let (time, zone) = match arguments {
        [Value::Timestamp(time)] => (time, tz::TimeZone::UTC),
        [Value::Timestamp(time), Value::String(zone)] => (time, time_zone(zone)?),
        _ => return Err(mismatch(name, arguments)),
    };
    Ok(Value::Int(part(&time.to_zoned(zone))))
}

/// A name as `Europe/Berlin`, or an offset as `-08:00`.
fn time_zone(zone: &str) -> Result<tz::TimeZone, Fault> {
    let unknown = || Fault::failed(format!("unknown time zone {zone}"));
    if zone.is_empty() || zone == "UTC" {
        return Ok(tz::TimeZone::UTC);
    }
    let Some((hours, minutes)) = zone.split_once(':') else {
        return tz::TimeZone::get(zone).map_err(|_| unknown());
    };
    let is_negative = hours.starts_with('-');
    let hours: i32 = hours.parse().map_err(|_| unknown())?;
    let minutes: i32 =
        minutes.parse().ok().filter(|minutes| (0..60).contains(minutes)).ok_or_else(unknown)?;
    let seconds =
        hours.checked_mul(3600).ok_or_else(unknown)? + if is_negative { -minutes } else { minutes } * 60;
    tz::Offset::from_seconds(seconds).map(tz::TimeZone::fixed).map_err(|_| unknown())
}

fn whole_units<'a>(name: &str, arguments: &[Value<'a>], nanoseconds: i128) -> Result<Value<'a>, Fault> {
    let [Value::Duration(span)] = arguments else { return Err(mismatch(name, arguments)) };
    Ok(Value::Int(i64::try_from(span.as_nanos() / nanoseconds).unwrap_or(i64::MAX)))
}

/// A moment as RFC 3339 writes it.
pub(crate) fn parse_timestamp(text: &str) -> Result<Timestamp, Fault> {
    let has_time = text.get(10..11).is_some_and(|mark| mark.eq_ignore_ascii_case("t"));
    let time = if has_time { text.parse().ok() } else { None };
    time.ok_or_else(|| {
        Fault::failed(format!("invalid timestamp {text:?}: expected RFC 3339, as 2006-01-02T15:04:05Z"))
    })
}

/// A span as Go writes it: `1h30m`, `-1.5s`, `100ms`.
pub(crate) fn parse_duration(text: &str) -> Result<SignedDuration, Fault> {
    let invalid =
        || Fault::failed(format!("invalid duration {text:?}: expected for example 1h30m, 1.5s or 100ms"));
    let (is_negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(SignedDuration::ZERO);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(invalid)?;
        let (number, after) = rest.split_at(end);
        let end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let nanoseconds = nanoseconds(number, unit).ok_or_else(invalid)?;
        total = total.checked_add(nanoseconds).ok_or_else(invalid)?;
        rest = after;
    }
    let total = i64::try_from(if is_negative { -total } else { total }).map_err(|_| invalid())?;
    Ok(SignedDuration::from_nanos(total))
}

fn nanoseconds(number: &str, unit: &str) -> Option<i128> {
    let unit: i128 = match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let fraction = fraction.get(..fraction.len().min(18))?;
    let amount = |digits: &str| if digits.is_empty() { Some(0) } else { digits.parse::<i128>().ok() };
    let scale = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let whole = amount(whole)?.checked_mul(unit)?;
    whole.checked_add(amount(fraction)?.checked_mul(unit)? / scale)
}

/// In seconds, as upstream turns a duration into a text: `5400s`, `0.1s`.
pub(super) fn print_duration(span: SignedDuration) -> std::string::String {
    let nanoseconds = span.as_nanos();
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let size = nanoseconds.unsigned_abs();
    let (seconds, fraction) = (size / 1_000_000_000, size % 1_000_000_000);
    if fraction == 0 {
        return format!("{sign}{seconds}s");
    }
    let fraction = format!("{fraction:09}");
    format!("{sign}{seconds}.{}s", fraction.trim_end_matches('0'))
}
