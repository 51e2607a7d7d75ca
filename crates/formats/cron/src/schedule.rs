//! A schedule: parsing it, and walking from one of its times to the next.

use std::str::FromStr;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};

use crate::field::{DAYS, Field, HOURS, MINUTES, MONTHS, WEEKDAYS};
use crate::interval;

/// A schedule that has no time within so many years has none: the 30th of February.
const YEARS_MAX: i16 = 5;
const MINUTE: SignedDuration = SignedDuration::from_secs(60);

/// A text that is no schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// There are not five fields.
    #[error("expected exactly 5 fields, found {found}: {text:?}")]
    FieldCount {
        /// How many there are.
        found: usize,
        /// The whole schedule.
        text: String,
    },
    /// A field cannot be read.
    #[error("in the field {field}: {text:?} {words}")]
    Field {
        /// Name of the field.
        field: &'static str,
        /// The part that is wrong.
        text: String,
        /// What is wrong with it.
        words: String,
    },
    /// `@something` that is not known, or `@every` without a length of time.
    #[error("unrecognized descriptor: {text:?}")]
    Descriptor {
        /// What was found.
        text: String,
    },
    /// A time zone in the schedule itself.
    #[error("a time zone is no part of a schedule: {text:?}")]
    TimeZone {
        /// What was found.
        text: String,
    },
}

/// See the crate's documentation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule(Kind);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Calendar(Box<Calendar>),
    Every(Duration),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Calendar {
    minutes: Field,
    hours: Field,
    days: Field,
    months: Field,
    weekdays: Field,
}

impl FromStr for Schedule {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Schedule, ScheduleError> {
        if text.starts_with("TZ=") || text.starts_with("CRON_TZ=") {
            return Err(ScheduleError::TimeZone { text: text.to_owned() });
        }
        let fields = match text {
            "@yearly" | "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" | "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            _ if text.starts_with('@') => return every(text),
            fields => fields,
        };
        Ok(Schedule(Kind::Calendar(Box::new(Calendar::parse(fields)?))))
    }
}

fn every(text: &str) -> Result<Schedule, ScheduleError> {
    let length = text.strip_prefix("@every ").and_then(interval::parse);
    let length = length.ok_or_else(|| ScheduleError::Descriptor { text: text.to_owned() })?;
    Ok(Schedule(Kind::Every(length)))
}

impl Schedule {
    /// The first time after `after`; `None` if there is none in the years to come.
    pub fn next_after(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        match &self.0 {
            Kind::Calendar(calendar) => calendar.next_after(after, zone),
            Kind::Every(length) => {
                let whole = Timestamp::from_second(after.as_second()).ok()?;
                whole.checked_add(SignedDuration::try_from(*length).ok()?).ok()
            }
        }
    }
}

impl Schedule {
    /// The last time that is after `after` and not after `until`.
    pub fn last_within(&self, after: Timestamp, until: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let first = self.next_after(after, zone).filter(|first| *first <= until)?;
        match &self.0 {
            Kind::Every(length) => {
                let length = i64::try_from(length.as_secs()).ok()?;
                let whole = until.duration_since(first).as_secs() / length * length;
                first.checked_add(SignedDuration::from_secs(whole)).ok()
            }
            Kind::Calendar(_) => Some(self.walk_back(first, until, zone)),
        }
    }

    /// Looks back from `until` over ever longer windows, so that a long pause costs little.
    fn walk_back(&self, first: Timestamp, until: Timestamp, zone: &TimeZone) -> Timestamp {
        let mut window = MINUTE * 2;
        loop {
            let start = until.checked_sub(window).ok().filter(|start| *start > first);
            let mut last = start.map_or(Some(first), |start| self.next_after(start, zone));
            last = last.filter(|last| *last <= until);
            if let Some(mut last) = last {
                while let Some(next) = self.next_after(last, zone).filter(|next| *next <= until) {
                    last = next;
                }
                return last;
            }
            window *= 2;
        }
    }
}

impl Calendar {
    fn parse(text: &str) -> Result<Calendar, ScheduleError> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minutes, hours, days, months, weekdays] = fields[..] else {
            return Err(ScheduleError::FieldCount { found: fields.len(), text: text.to_owned() });
        };
        Ok(Calendar {
            minutes: Field::parse(minutes, &MINUTES)?,
            hours: Field::parse(hours, &HOURS)?,
            days: Field::parse(days, &DAYS)?,
            months: Field::parse(months, &MONTHS)?,
            weekdays: Field::parse(weekdays, &WEEKDAYS)?,
        })
    }

    /// Goes ahead in absolute time, in the largest steps that pass over nothing.
    fn next_after(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let whole_minute = after.as_second().div_euclid(60) * 60;
        let start = Timestamp::from_second(whole_minute).ok()?.checked_add(MINUTE).ok()?;
        let mut time = start.to_zoned(zone.clone());
        let year_max = time.year().saturating_add(YEARS_MAX);
        while time.year() <= year_max {
            let next = if !self.months.has(time.month()) {
                first_of_next_month(&time)?
            } else if !self.has_day(&time) {
                time.tomorrow().ok()?.start_of_day().ok()?
            } else if !self.hours.has(time.hour()) {
                let rest = 60 - i64::from(time.minute());
                time.checked_add(SignedDuration::from_secs(rest * 60)).ok()?
            } else if !self.minutes.has(time.minute()) {
                time.checked_add(MINUTE).ok()?
            } else {
                return Some(time.timestamp());
            };
            time = next;
        }
        None
    }

    /// Days of the month and days of the week widen each other, unless one of them is not restricted.
    fn has_day(&self, time: &Zoned) -> bool {
        let by_month = self.days.has(time.day());
        let by_week = self.weekdays.has(time.weekday().to_sunday_zero_offset());
        if self.days.is_any || self.weekdays.is_any { by_month && by_week } else { by_month || by_week }
    }
}

fn first_of_next_month(time: &Zoned) -> Option<Zoned> {
    time.last_of_month().ok()?.tomorrow().ok()?.start_of_day().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap()
    }

    #[track_caller]
    fn check(schedule: &str, zone: &TimeZone, after: &str, expected: &[&str]) {
        let schedule: Schedule = schedule.parse().unwrap();
        let mut time: Timestamp = after.parse().unwrap();
        for expected in expected {
            time = schedule.next_after(time, zone).unwrap();
            assert_eq!(time.to_string(), *expected, "{schedule:?}");
        }
    }

    #[test]
    fn times_follow_one_another_as_the_fields_say() {
        let utc = TimeZone::UTC;
        check(
            "*/20 * * * *",
            &utc,
            "2026-01-01T00:00:00Z",
            &["2026-01-01T00:20:00Z", "2026-01-01T00:40:00Z"],
        );
        check("* * * * *", &utc, "2026-01-01T00:00:59.5Z", &["2026-01-01T00:01:00Z"]);
        check(
            "5/25 1-2 * * *",
            &utc,
            "2026-01-01T01:30:00Z",
            &["2026-01-01T01:55:00Z", "2026-01-01T02:05:00Z"],
        );
        check("0 0 29 2 ?", &utc, "2026-01-01T00:00:00Z", &["2028-02-29T00:00:00Z"]);
        check("0 12 * JAN mon-Tue", &utc, "2026-01-06T12:00:00Z", &["2026-01-12T12:00:00Z"]);
        check("@monthly", &utc, "2026-12-05T00:00:00Z", &["2027-01-01T00:00:00Z"]);
        check("@every 1h30m", &utc, "2026-01-01T00:00:00.7Z", &["2026-01-01T01:30:00Z"]);
        check("@every 1ms", &utc, "2026-01-01T00:00:00Z", &["2026-01-01T00:00:01Z"]);
    }

    #[test]
    fn days_of_month_and_week_widen_each_other_unless_one_is_free() {
        let utc = TimeZone::UTC;
        check(
            "0 0 13 * 5",
            &utc,
            "2026-01-01T00:00:00Z",
            &["2026-01-02T00:00:00Z", "2026-01-09T00:00:00Z", "2026-01-13T00:00:00Z"],
        );
        check("0 0 * * 5", &utc, "2026-01-02T00:00:00Z", &["2026-01-09T00:00:00Z"]);
        check("0 0 */2 * 5", &utc, "2026-01-01T00:00:00Z", &["2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"]);
    }

    #[test]
    fn times_of_a_zone_move_with_its_clock() {
        let zone = zone("Europe/Berlin");
        check("30 2 * * *", &zone, "2026-03-28T01:30:00Z", &["2026-03-30T00:30:00Z"]);
        check("30 2 * * *", &zone, "2026-10-24T00:30:00Z", &["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"]);
        check("0 9 * * *", &zone, "2026-03-28T08:00:00Z", &["2026-03-29T07:00:00Z"]);
    }

    #[track_caller]
    fn check_last(schedule: &str, after: &str, until: &str, expected: Option<&str>) {
        let schedule: Schedule = schedule.parse().unwrap();
        let last = schedule.last_within(after.parse().unwrap(), until.parse().unwrap(), &TimeZone::UTC);
        assert_eq!(last.map(|last| last.to_string()).as_deref(), expected, "{schedule:?}");
    }

    #[test]
    fn the_last_time_before_now_is_found_however_long_ago_it_was() {
        check_last("*/5 * * * *", "2026-01-01T00:00:00Z", "2026-01-01T00:04:59Z", None);
        check_last(
            "*/5 * * * *",
            "2026-01-01T00:00:00Z",
            "2026-01-01T00:05:00Z",
            Some("2026-01-01T00:05:00Z"),
        );
        check_last("* * * * *", "2020-01-01T00:00:00Z", "2026-01-01T00:05:30Z", Some("2026-01-01T00:05:00Z"));
        check_last(
            "30 6-16/4 * * 1-5",
            "2026-01-01T00:00:00Z",
            "2026-01-04T20:00:00Z",
            Some("2026-01-02T14:30:00Z"),
        );
        check_last("0 0 1 1 *", "2020-01-01T00:00:00Z", "2026-07-01T00:00:00Z", Some("2026-01-01T00:00:00Z"));
        check_last("@every 7m", "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z", Some("2026-01-01T00:56:00Z"));
    }

    #[test]
    fn a_schedule_without_any_time_has_none() {
        let schedule: Schedule = "0 0 30 2 *".parse().unwrap();
        assert_eq!(schedule.next_after(Timestamp::UNIX_EPOCH, &TimeZone::UTC), None);
    }

    #[test]
    fn what_is_no_schedule_is_refused_with_the_place() {
        let cases = [
            ("* * * *", "expected exactly 5 fields, found 4"),
            ("60 * * * *", "in the field minute: \"60\" is no number from 0 to 59"),
            ("* * * * 7", "in the field day of week"),
            ("* * 0 * *", "in the field day of month"),
            ("*/0 * * * *", "is no step"),
            ("5-1 * * * *", "begins after its end"),
            ("a * * * *", "in the field minute"),
            ("@often", "unrecognized descriptor"),
            ("@every", "unrecognized descriptor"),
            ("@every 5", "unrecognized descriptor"),
            ("TZ=UTC * * * * *", "a time zone is no part of a schedule"),
            ("", "found 0"),
        ];
        for (text, words) in cases {
            let error = text.parse::<Schedule>().unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
