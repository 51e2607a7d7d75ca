//! Times read by a layout.

use jiff::civil::DateTime;
use jiff::tz::{Offset as Distance, TimeZone};
use jiff::{Span, Zoned};

use super::layout::{MONTHS, Offset, Part, WEEKDAYS, parts};
use crate::function::Failure;
use crate::print::quote;

/// What was read so far.
struct Fields {
    year: i16,
    month: Option<i8>,
    day: Option<i8>,
    year_day: Option<i16>,
    hour: i8,
    minute: i8,
    second: i8,
    nanosecond: i32,
    is_afternoon: Option<bool>,
    zone: Option<TimeZone>,
}

pub(super) fn parse(layout: &str, text: &str, zone: &TimeZone) -> Result<Zoned, Failure> {
    let shown = |text: &str| quote::double(text.as_bytes());
    let mut fields = Fields {
        year: 0,
        month: None,
        day: None,
        year_day: None,
        hour: 0,
        minute: 0,
        second: 0,
        nanosecond: 0,
        is_afternoon: None,
        zone: None,
    };
    let mut rest = text;
    for (part, written) in parts(layout) {
        rest = fields.read(part, rest).ok_or_else(|| {
            let (text, layout, rest, written) = (shown(text), shown(layout), shown(rest), shown(written));
            Failure::new(format!("parsing time {text} as {layout}: cannot parse {rest} as {written}"))
        })?;
    }
    if !rest.is_empty() {
        return Err(Failure::new(format!("parsing time {}: extra text: {}", shown(text), shown(rest))));
    }
    fields.build(zone).ok_or_else(|| Failure::new(format!("parsing time {}: out of range", shown(text))))
}

impl Fields {
    /// Takes one part off the front.
    fn read<'t>(&mut self, part: Part<'_>, text: &'t str) -> Option<&'t str> {
        let padded = |count| number(text, count, count);
        let short = || number(text, 1, 2);
        let spaced = || number(text.strip_prefix(' ').unwrap_or(text), 1, 2);
        let (value, rest) = match part {
            Part::Literal(literal) => return literal_off(literal, text),
            Part::Year => padded(4)?,
            Part::YearOfCentury => padded(2)?,
            Part::MonthPadded | Part::DayPadded | Part::MinutePadded | Part::SecondPadded => padded(2)?,
            Part::Hour24 => short()?,
            Part::Hour12Padded => padded(2)?,
            Part::Month | Part::Day | Part::Minute | Part::Second | Part::Hour12 => short()?,
            Part::DaySpaced => spaced()?,
            Part::YearDayPadded => padded(3)?,
            Part::YearDaySpaced => number(text.trim_start_matches(' '), 1, 3)?,
            Part::MonthName => name(text, &MONTHS, usize::MAX)?,
            Part::MonthShort => name(text, &MONTHS, 3)?,
            Part::WeekdayName => name(text, &WEEKDAYS, usize::MAX)?,
            Part::WeekdayShort => name(text, &WEEKDAYS, 3)?,
            Part::HalfUpper | Part::HalfLower => return self.half(text),
            Part::ZoneName => return self.zone_name(text),
            Part::Offset(offset) => return self.offset(text, offset),
            Part::Fraction(_, digits, is_short) => return self.fraction(text, digits, is_short),
        };
        let small = i8::try_from(value).ok();
        match part {
            Part::Year => self.year = i16::try_from(value).ok()?,
            Part::YearOfCentury => {
                self.year = i16::try_from(if value >= 69 { 1900 + value } else { 2000 + value }).ok()?;
            }
            Part::Month | Part::MonthPadded => self.month = small,
            Part::MonthName | Part::MonthShort => self.month = Some(small? + 1),
            Part::Day | Part::DayPadded | Part::DaySpaced => self.day = small,
            Part::YearDayPadded | Part::YearDaySpaced => self.year_day = i16::try_from(value).ok(),
            Part::Hour24 | Part::Hour12 | Part::Hour12Padded => self.hour = small?,
            Part::Minute | Part::MinutePadded => self.minute = small?,
            Part::Second | Part::SecondPadded => {
                self.second = small?;
                // Go takes a fraction behind the seconds even where the layout has none.
                if rest.starts_with(['.', ','])
                    && rest.get(1..)?.starts_with(|next: char| next.is_ascii_digit())
                {
                    let digits = rest.get(1..)?.bytes().take_while(u8::is_ascii_digit).count();
                    return self.fraction(rest, digits, false);
                }
            }
            _ => {}
        }
        Some(rest)
    }

    fn half<'t>(&mut self, text: &'t str) -> Option<&'t str> {
        let (half, rest) = text.split_at_checked(2)?;
        self.is_afternoon = Some(match half {
            "PM" | "pm" => true,
            "AM" | "am" => false,
            _ => return None,
        });
        Some(rest)
    }

    fn zone_name<'t>(&mut self, text: &'t str) -> Option<&'t str> {
        let end = text.find(|next: char| !next.is_ascii_uppercase()).unwrap_or(text.len());
        let (name, rest) = text.split_at(end);
        if self.zone.is_none() {
            self.zone = (name == "UTC" || name == "GMT").then_some(TimeZone::UTC);
        }
        (3..=5).contains(&name.len()).then_some(rest)
    }

    fn offset<'t>(&mut self, text: &'t str, offset: Offset) -> Option<&'t str> {
        if let Some(rest) = text.strip_prefix('Z').filter(|_| offset.is_iso) {
            self.zone = Some(TimeZone::UTC);
            return Some(rest);
        }
        let sign = match text.chars().next()? {
            '+' => 1,
            '-' => -1,
            _ => return None,
        };
        let (hours, mut rest) = number(text.get(1..)?, 2, 2)?;
        let mut seconds = hours * 3600;
        for (is_there, unit) in [(offset.has_minutes, 60), (offset.has_seconds, 1)] {
            if is_there {
                let digits = if offset.has_colons { rest.strip_prefix(':')? } else { rest };
                let (value, after) = number(digits, 2, 2)?;
                seconds += value * unit;
                rest = after;
            }
        }
        let distance = Distance::from_seconds(i32::try_from(sign * seconds).ok()?).ok()?;
        self.zone = Some(if seconds == 0 { TimeZone::UTC } else { TimeZone::fixed(distance) });
        Some(rest)
    }

    fn fraction<'t>(&mut self, text: &'t str, digits: usize, is_short: bool) -> Option<&'t str> {
        let Some(after) = text.strip_prefix(['.', ',']) else { return is_short.then_some(text) };
        let found = after.bytes().take_while(u8::is_ascii_digit).count();
        let count = if is_short { found } else { digits };
        let (fraction, rest) = after.split_at_checked(count).filter(|_| found >= count && count > 0)?;
        let padded: String = fraction.chars().chain(std::iter::repeat('0')).take(9).collect();
        self.nanosecond = padded.parse().ok()?;
        Some(rest)
    }

    fn build(self, zone: &TimeZone) -> Option<Zoned> {
        let hour = match self.is_afternoon {
            Some(true) if self.hour < 12 => self.hour + 12,
            Some(false) if self.hour == 12 => 0,
            _ => self.hour,
        };
        let (month, day) = (self.month.unwrap_or(1), self.day.unwrap_or(1));
        let civil =
            DateTime::new(self.year, month, day, hour, self.minute, self.second, self.nanosecond).ok()?;
        let civil = match self.year_day {
            Some(year_day) if self.month.is_none() && self.day.is_none() => {
                civil.checked_add(Span::new().try_days(i64::from(year_day) - 1).ok()?).ok()?
            }
            _ => civil,
        };
        civil.to_zoned(self.zone.unwrap_or_else(|| zone.clone())).ok()
    }
}

fn literal_off<'t>(literal: &str, text: &'t str) -> Option<&'t str> {
    // One space stands for any number of them.
    if literal.starts_with(' ') && literal.trim_start_matches(' ').is_empty() {
        return Some(text.trim_start_matches(' ')).filter(|rest| rest.len() < text.len() || text.is_empty());
    }
    text.strip_prefix(literal)
}

fn number(text: &str, digits_min: usize, digits_max: usize) -> Option<(i64, &str)> {
    let count = text.bytes().take(digits_max).take_while(u8::is_ascii_digit).count();
    let (digits, rest) = text.split_at_checked(count).filter(|_| count >= digits_min)?;
    Some((digits.parse().ok()?, rest))
}

/// The number of a name, from 0.
fn name<'t>(text: &'t str, names: &[&str], letters_max: usize) -> Option<(i64, &'t str)> {
    let found = names.iter().enumerate().find_map(|(index, name)| {
        let name = name.get(..letters_max).unwrap_or(name);
        let start = text.get(..name.len())?;
        start.eq_ignore_ascii_case(name).then_some((index, name.len()))
    });
    let (index, length) = found?;
    Some((i64::try_from(index).ok()?, text.get(length..)?))
}
