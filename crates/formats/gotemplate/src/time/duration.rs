//! Durations: whole nanoseconds that print as `1h2m3s`.

use std::sync::OnceLock;

use crate::function::{Failure, Function, Parameter, Type};
use crate::print::quote;
use crate::value::{Kind, Object, Value};

const TYPE_NAME: &str = "time.Duration";
const SECOND: i64 = 1_000_000_000;

/// In nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration(pub i64);

impl Duration {
    /// Whole seconds. What is too long becomes the longest.
    pub fn from_seconds(seconds: i64) -> Duration {
        Duration(seconds.saturating_mul(SECOND))
    }

    /// In seconds, with a fraction.
    #[allow(clippy::cast_precision_loss, reason = "Go's Seconds loses it as well")]
    pub fn seconds(self) -> f64 {
        (self.0 / SECOND) as f64 + (self.0 % SECOND) as f64 / 1e9
    }

    /// To the nearest multiple; halves go away from zero. Without a positive multiple, as it is.
    #[must_use]
    pub fn round(self, multiple: Duration) -> Duration {
        if multiple.0 <= 0 {
            return self;
        }
        let rest = self.0 % multiple.0;
        let is_half = rest.unsigned_abs().saturating_mul(2) >= multiple.0.unsigned_abs();
        let away = if is_half { multiple.0 * rest.signum() } else { 0 };
        Duration((self.0 - rest).saturating_add(away))
    }

    /// Towards zero to a multiple. Without a positive multiple, as it is.
    #[must_use]
    pub fn truncate(self, multiple: Duration) -> Duration {
        if multiple.0 <= 0 { self } else { Duration(self.0 - self.0 % multiple.0) }
    }
}

impl std::fmt::Display for Duration {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let nanoseconds = self.0.unsigned_abs();
        let (unit, digits, name) = match nanoseconds {
            0 => return formatter.write_str("0s"),
            1..1_000 => (1, 0, "ns"),
            1_000..1_000_000 => (1_000, 3, "µs"),
            1_000_000..1_000_000_000 => (1_000_000, 6, "ms"),
            _ => (1_000_000_000, 9, "s"),
        };
        let whole = nanoseconds / unit;
        let fraction = fraction(nanoseconds % unit, digits);
        match (whole / 3600, whole / 60 % 60, whole % 60) {
            _ if digits < 9 => write!(formatter, "{sign}{whole}{fraction}{name}"),
            (0, 0, seconds) => write!(formatter, "{sign}{seconds}{fraction}s"),
            (0, minutes, seconds) => write!(formatter, "{sign}{minutes}m{seconds}{fraction}s"),
            (hours, minutes, seconds) => write!(formatter, "{sign}{hours}h{minutes}m{seconds}{fraction}s"),
        }
    }
}

fn fraction(rest: u64, digits: usize) -> String {
    let text = format!("{rest:0digits$}");
    let text = text.trim_end_matches('0');
    if text.is_empty() { String::new() } else { format!(".{text}") }
}

/// As `time.ParseDuration`: `1h30m`, `1.5s`, `-2ms`.
///
/// # Errors
/// In Go's words.
pub fn parse_duration(text: &str) -> Result<Duration, Failure> {
    let shown = || quote::double(text.as_bytes());
    let invalid = || Failure::new(format!("time: invalid duration {}", shown()));
    let (is_negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(Duration(0));
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut sum: i128 = 0;
    while !rest.is_empty() {
        let end = rest.find(|next: char| !next.is_ascii_digit() && next != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(end);
        let unit_end = after.find(|next: char| next.is_ascii_digit() || next == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        if !number.contains(|digit: char| digit.is_ascii_digit()) {
            return Err(invalid());
        }
        if unit.is_empty() {
            return Err(Failure::new(format!("time: missing unit in duration {}", shown())));
        }
        let Some(nanoseconds) = unit_nanoseconds(unit) else {
            let unit = quote::double(unit.as_bytes());
            return Err(Failure::new(format!("time: unknown unit {unit} in duration {}", shown())));
        };
        sum = sum.saturating_add(scaled(number, nanoseconds).ok_or_else(invalid)?);
        rest = after;
    }
    let signed = if is_negative { -sum } else { sum };
    i64::try_from(signed).map(Duration).map_err(|_| invalid())
}

fn unit_nanoseconds(unit: &str) -> Option<i128> {
    Some(match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

fn scaled(number: &str, unit: i128) -> Option<i128> {
    const FRACTION_DIGITS_MAX: usize = 18;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let whole: i128 = if whole.is_empty() { 0 } else { whole.parse::<i64>().ok()?.into() };
    let fraction = fraction.get(..FRACTION_DIGITS_MAX).unwrap_or(fraction);
    let parts: i128 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    let scale = 10i128.pow(u32::try_from(fraction.len()).ok()?);
    Some(whole * unit + parts * unit / scale)
}

impl Object for Duration {
    fn type_name(&self) -> String {
        TYPE_NAME.to_owned()
    }

    fn kind(&self) -> Kind {
        Kind::Int64
    }

    fn text(&self) -> Option<String> {
        Some(self.to_string())
    }

    fn number(&self) -> Option<i64> {
        Some(self.0)
    }

    fn method(&self, name: &str) -> Option<&'static Function> {
        static METHODS: OnceLock<Vec<Function>> = OnceLock::new();
        METHODS.get_or_init(methods).iter().find(|method| method.name() == name)
    }
}

impl From<Duration> for Value {
    fn from(duration: Duration) -> Value {
        Value::Object(std::rc::Rc::new(duration))
    }
}

impl Parameter for Duration {
    const TYPE: Type = Type::Object(TYPE_NAME);

    fn from_value(value: Value) -> Option<Duration> {
        let Value::Object(object) = value else { return None };
        object.downcast::<Duration>().copied()
    }
}

fn methods() -> Vec<Function> {
    vec![
        Function::new("Abs", |duration: Duration| Duration(duration.0.saturating_abs())),
        Function::new("Hours", |duration: Duration| duration.seconds() / 3600.0),
        Function::new("Minutes", |duration: Duration| duration.seconds() / 60.0),
        Function::new("Seconds", Duration::seconds),
        Function::new("Milliseconds", |duration: Duration| duration.0 / 1_000_000),
        Function::new("Microseconds", |duration: Duration| duration.0 / 1_000),
        Function::new("Nanoseconds", |duration: Duration| duration.0),
        Function::new("Round", |duration: Duration, multiple: Duration| duration.round(multiple)),
        Function::new("Truncate", |duration: Duration, multiple: Duration| duration.truncate(multiple)),
        Function::new("String", |duration: Duration| duration.to_string()),
    ]
}
