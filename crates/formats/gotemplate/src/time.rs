//! Points in time and durations, with the methods that Go gives them.

mod duration;
mod layout;
mod read;

use std::sync::OnceLock;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};

pub use duration::{Duration, parse_duration};

use crate::function::{Failure, Function, Parameter, Type};
use crate::text::Text;
use crate::value::{InJson, Kind, Object, Value};

const TYPE_NAME: &str = "time.Time";
const PRINTED: &str = "2006-01-02 15:04:05.999999999 -0700 MST";
const RFC_3339: &str = "2006-01-02T15:04:05.999999999Z07:00";

/// A point in time, seen from a time zone.
#[derive(Debug, Clone, PartialEq)]
pub struct Time(pub Zoned);

impl Time {
    /// What Go's `time.Time{}` is: the first second of the year 1.
    pub fn zero() -> Time {
        let first = jiff::civil::date(1, 1, 1).at(0, 0, 0, 0);
        Time(first.to_zoned(TimeZone::UTC).unwrap_or_default())
    }

    /// Seconds since 1970.
    ///
    /// # Errors
    /// It is beyond the years that can be told.
    pub fn from_unix(seconds: i64, zone: TimeZone) -> Result<Time, Failure> {
        let timestamp = Timestamp::from_second(seconds);
        timestamp.map(|timestamp| Time(timestamp.to_zoned(zone))).map_err(|error| out_of_range(&error))
    }

    /// Read by one of Go's layouts: `2006-01-02`.
    ///
    /// # Errors
    /// In Go's words.
    pub fn parse(layout: &str, text: &str, zone: &TimeZone) -> Result<Time, Failure> {
        read::parse(layout, text, zone).map(Time)
    }

    /// Written by one of Go's layouts: `Mon Jan 2`.
    pub fn format(&self, layout: &str) -> String {
        layout::format(&self.0, layout)
    }

    /// The same point, seen from another time zone.
    #[must_use]
    pub fn in_zone(&self, zone: TimeZone) -> Time {
        Time(self.0.with_time_zone(zone))
    }

    /// Later by a duration.
    ///
    /// # Errors
    /// It is beyond the years that can be told.
    pub fn add(&self, duration: Duration) -> Result<Time, Failure> {
        let sum = self.0.checked_add(SignedDuration::from_nanos(duration.0));
        sum.map(Time).map_err(|error| out_of_range(&error))
    }

    /// How much later it is than another.
    pub fn since(&self, other: &Time) -> Duration {
        let nanoseconds = self.0.timestamp().as_nanosecond() - other.0.timestamp().as_nanosecond();
        Duration(i64::try_from(nanoseconds).unwrap_or(if nanoseconds < 0 { i64::MIN } else { i64::MAX }))
    }

    fn add_date(&self, years: i64, months: i64, days: i64) -> Result<Time, Failure> {
        let civil = self.0.datetime();
        // Go counts days that a month does not have into the next one.
        let months_in_all = i64::from(civil.year()) * 12 + i64::from(civil.month()) - 1 + years * 12 + months;
        let year = i16::try_from(months_in_all.div_euclid(12)).unwrap_or(i16::MAX);
        let month = i8::try_from(months_in_all.rem_euclid(12) + 1).unwrap_or(1);
        let first = jiff::civil::Date::new(year, month, 1).map_err(|error| out_of_range(&error))?;
        let span = jiff::Span::new().try_days(days + i64::from(civil.day()) - 1);
        let date = span.and_then(|span| first.checked_add(span)).map_err(|error| out_of_range(&error))?;
        let zoned = date.to_datetime(civil.time()).to_zoned(self.0.time_zone().clone());
        zoned.map(Time).map_err(|error| out_of_range(&error))
    }
}

fn out_of_range(error: &jiff::Error) -> Failure {
    Failure::new(format!("time out of range: {error}"))
}

impl Object for Time {
    fn type_name(&self) -> String {
        TYPE_NAME.to_owned()
    }

    fn method(&self, name: &str) -> Option<&'static Function> {
        static METHODS: OnceLock<Vec<Function>> = OnceLock::new();
        METHODS.get_or_init(methods).iter().find(|method| method.name() == name)
    }

    fn text(&self) -> Option<String> {
        Some(self.format(PRINTED))
    }

    fn json(&self) -> InJson {
        InJson::Value(self.format(RFC_3339).into())
    }
}

impl From<Time> for Value {
    fn from(time: Time) -> Value {
        Value::Object(std::rc::Rc::new(time))
    }
}

impl Parameter for Time {
    const TYPE: Type = Type::Object(TYPE_NAME);

    fn from_value(value: Value) -> Option<Time> {
        let Value::Object(object) = value else { return None };
        object.downcast::<Time>().cloned()
    }
}

fn int(number: impl Into<i64>) -> Value {
    Value::Int(number.into())
}

fn methods() -> Vec<Function> {
    vec![
        Function::new("Add", |time: Time, duration: Duration| time.add(duration)),
        Function::new("AddDate", |time: Time, years: i64, months: i64, days: i64| {
            time.add_date(years, months, days)
        }),
        Function::new("After", |time: Time, other: Time| time.0 > other.0),
        Function::new("Before", |time: Time, other: Time| time.0 < other.0),
        Function::new("Compare", |time: Time, other: Time| int(time.0.cmp(&other.0) as i64)),
        Function::new("Equal", |time: Time, other: Time| time.0.timestamp() == other.0.timestamp()),
        Function::new("Sub", |time: Time, other: Time| time.since(&other)),
        Function::new("Format", |time: Time, layout: Text| time.format(&layout.to_str())),
        Function::new("String", |time: Time| time.format(PRINTED)),
        Function::new("IsZero", |time: Time| time == Time::zero()),
        Function::new("UTC", |time: Time| time.in_zone(TimeZone::UTC)),
        Function::new("Local", |time: Time| time),
        Function::new("Unix", |time: Time| time.0.timestamp().as_second()),
        Function::new("UnixMilli", |time: Time| time.0.timestamp().as_millisecond()),
        Function::new("UnixMicro", |time: Time| time.0.timestamp().as_microsecond()),
        Function::new("UnixNano", |time: Time| {
            i64::try_from(time.0.timestamp().as_nanosecond()).unwrap_or_default()
        }),
        Function::new("Year", |time: Time| int(time.0.year())),
        Function::new("Month", |time: Time| Name::month(&time)),
        Function::new("Day", |time: Time| int(time.0.day())),
        Function::new("Hour", |time: Time| int(time.0.hour())),
        Function::new("Minute", |time: Time| int(time.0.minute())),
        Function::new("Second", |time: Time| int(time.0.second())),
        Function::new("Nanosecond", |time: Time| int(time.0.subsec_nanosecond())),
        Function::new("Weekday", |time: Time| Name::weekday(&time)),
        Function::new("YearDay", |time: Time| int(time.0.day_of_year())),
    ]
}

/// A month or a day of the week: a number that prints as a name.
#[derive(Debug)]
struct Name {
    type_name: &'static str,
    number: i64,
    text: &'static str,
}

impl Name {
    fn month(time: &Time) -> std::rc::Rc<Name> {
        let text = layout::month_name(&time.0);
        std::rc::Rc::new(Name { type_name: "time.Month", number: i64::from(time.0.month()), text })
    }

    fn weekday(time: &Time) -> std::rc::Rc<Name> {
        let number = i64::from(time.0.weekday().to_sunday_zero_offset());
        let text = layout::weekday_name(&time.0);
        std::rc::Rc::new(Name { type_name: "time.Weekday", number, text })
    }
}

impl Object for Name {
    fn type_name(&self) -> String {
        self.type_name.to_owned()
    }

    fn kind(&self) -> Kind {
        Kind::Int
    }

    fn text(&self) -> Option<String> {
        Some(self.text.to_owned())
    }

    fn number(&self) -> Option<i64> {
        Some(self.number)
    }

    fn method(&self, name: &str) -> Option<&'static Function> {
        static STRING: OnceLock<Function> = OnceLock::new();
        let string = || Function::new("String", |name: Named| name.0);
        (name == "String").then(|| STRING.get_or_init(string))
    }
}

/// The text of a [`Name`].
struct Named(&'static str);

impl Parameter for Named {
    const TYPE: Type = Type::Any;

    fn from_value(value: Value) -> Option<Named> {
        let Value::Object(object) = value else { return None };
        object.downcast::<Name>().map(|name| Named(name.text))
    }
}
