//! Times: `now`, `date`, `dateModify`, `ago`, ...

use bythos_gotemplate::time::{Duration, Time};
use bythos_gotemplate::{Failure, Function, Scope, Text, Value};
use jiff::tz::TimeZone;

use super::{both, durations, rendering};

const DAY: &str = "2006-01-02";

pub(super) fn functions() -> Vec<Function> {
    let mut functions = vec![
        Function::new("now", now),
        Function::new("date", |scope: &mut Scope<'_>, layout: Text, value: Value| {
            format(scope, &layout.to_str(), &value, "Local")
        }),
        Function::new("htmlDate", |scope: &mut Scope<'_>, value: Value| format(scope, DAY, &value, "Local")),
        Function::new("htmlDateInZone", |scope: &mut Scope<'_>, value: Value, zone: Text| {
            format(scope, DAY, &value, &zone.to_str())
        }),
        Function::new("toDate", |scope: &mut Scope<'_>, layout: Text, text: Text| {
            to_date(scope, &layout, &text).or_else(|_| Ok::<_, Failure>(Time::zero()))
        }),
        Function::new("mustToDate", |scope: &mut Scope<'_>, layout: Text, text: Text| {
            to_date(scope, &layout, &text)
        }),
        Function::new("unixEpoch", |time: Time| time.0.timestamp().as_second().to_string()),
        Function::new("ago", ago),
        Function::new("durationRound", duration_round),
    ];
    functions.extend(both!(
        "dateInZone",
        "date_in_zone",
        |scope: &mut Scope<'_>, layout: Text, value: Value, zone: Text| {
            format(scope, &layout.to_str(), &value, &zone.to_str())
        }
    ));
    functions.extend(both!("dateModify", "date_modify", |duration: Text, time: Time| {
        match durations::parse(&duration) {
            Some(duration) => time.add(duration),
            None => Ok(time),
        }
    }));
    functions.extend(both!("mustDateModify", "must_date_modify", |duration: Text, time: Time| {
        bythos_gotemplate::time::parse_duration(&duration.to_str()).and_then(|duration| time.add(duration))
    }));
    functions
}

fn zone(scope: &Scope<'_>, name: &str) -> Result<TimeZone, Failure> {
    if name.is_empty() || name == "UTC" {
        return Ok(TimeZone::UTC);
    }
    Ok(rendering(scope)?.world.time_zone(name).unwrap_or(TimeZone::UTC))
}

fn now(scope: &mut Scope<'_>) -> Result<Time, Failure> {
    let zone = zone(scope, "Local")?;
    Ok(Time(rendering(scope)?.world.now().to_zoned(zone)))
}

/// A time, or seconds since 1970; anything else is now.
fn time_of(scope: &mut Scope<'_>, value: &Value) -> Result<Time, Failure> {
    match value {
        Value::Object(object) => match object.downcast::<Time>() {
            Some(time) => Ok(time.clone()),
            None => now(scope),
        },
        Value::Int(seconds) | Value::Int64(seconds) => Time::from_unix(*seconds, TimeZone::UTC),
        _ => now(scope),
    }
}

fn format(scope: &mut Scope<'_>, layout: &str, value: &Value, name: &str) -> Result<String, Failure> {
    let zone = zone(scope, name)?;
    Ok(time_of(scope, value)?.in_zone(zone).format(layout))
}

fn to_date(scope: &Scope<'_>, layout: &Text, text: &Text) -> Result<Time, Failure> {
    Time::parse(&layout.to_str(), &text.to_str(), &zone(scope, "Local")?)
}

fn ago(scope: &mut Scope<'_>, value: Value) -> Result<String, Failure> {
    let since = now(scope)?.since(&time_of(scope, &value)?);
    Ok(since.round(Duration::from_seconds(1)).to_string())
}

/// In the largest unit that is passed: `2h`.
fn duration_round(scope: &mut Scope<'_>, value: Value) -> Result<String, Failure> {
    const SECOND: u64 = 1_000_000_000;
    const UNITS: [(u64, &str); 6] = [
        (SECOND * 3600 * 24 * 365, "y"),
        (SECOND * 3600 * 24 * 30, "mo"),
        (SECOND * 3600 * 24, "d"),
        (SECOND * 3600, "h"),
        (SECOND * 60, "m"),
        (SECOND, "s"),
    ];
    let duration = match &value {
        Value::String(text) => durations::parse(text).unwrap_or(Duration(0)),
        Value::Int64(nanoseconds) => Duration(*nanoseconds),
        Value::Object(object) => match object.downcast::<Time>() {
            Some(time) => now(scope)?.since(time),
            None => Duration(0),
        },
        _ => Duration(0),
    };
    let magnitude = duration.0.unsigned_abs();
    let unit = UNITS.iter().find(|(unit, _)| magnitude > *unit);
    Ok(unit.map_or_else(|| "0s".to_owned(), |(unit, name)| format!("{}{name}", magnitude / unit)))
}
