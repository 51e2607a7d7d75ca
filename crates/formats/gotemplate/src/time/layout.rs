//! Go's layouts: a time is written as one certain time would be, `Mon Jan 2 15:04:05 MST 2006`.

use std::fmt::Write as _;

use jiff::Zoned;

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
pub(super) const WEEKDAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// A part of a layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part<'l> {
    Literal(&'l str),
    Year,
    YearOfCentury,
    MonthName,
    MonthShort,
    Month,
    MonthPadded,
    WeekdayName,
    WeekdayShort,
    Day,
    DaySpaced,
    DayPadded,
    YearDaySpaced,
    YearDayPadded,
    Hour24,
    Hour12,
    Hour12Padded,
    Minute,
    MinutePadded,
    Second,
    SecondPadded,
    HalfUpper,
    HalfLower,
    ZoneName,
    Offset(Offset),
    /// The sign before it, the digits, and whether zeros at the end are left out.
    Fraction(char, usize, bool),
}

/// How the distance to UTC is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Offset {
    /// `Z` where there is none.
    pub(super) is_iso: bool,
    pub(super) has_minutes: bool,
    pub(super) has_seconds: bool,
    pub(super) has_colons: bool,
}

/// What can be found in a layout. The first that fits is taken.
const WORDS: [(&str, Part<'static>); 34] = [
    ("January", Part::MonthName),
    ("Jan", Part::MonthShort),
    ("Monday", Part::WeekdayName),
    ("Mon", Part::WeekdayShort),
    ("MST", Part::ZoneName),
    ("2006", Part::Year),
    ("__2", Part::YearDaySpaced),
    ("_2006", Part::Literal("_")),
    ("_2", Part::DaySpaced),
    ("002", Part::YearDayPadded),
    ("01", Part::MonthPadded),
    ("02", Part::DayPadded),
    ("03", Part::Hour12Padded),
    ("04", Part::MinutePadded),
    ("05", Part::SecondPadded),
    ("06", Part::YearOfCentury),
    ("15", Part::Hour24),
    ("1", Part::Month),
    ("2", Part::Day),
    ("3", Part::Hour12),
    ("4", Part::Minute),
    ("5", Part::Second),
    ("PM", Part::HalfUpper),
    ("pm", Part::HalfLower),
    ("-07:00:00", Part::Offset(offset(false, true, true, true))),
    ("-07:00", Part::Offset(offset(false, true, false, true))),
    ("-070000", Part::Offset(offset(false, true, true, false))),
    ("-0700", Part::Offset(offset(false, true, false, false))),
    ("-07", Part::Offset(offset(false, false, false, false))),
    ("Z07:00:00", Part::Offset(offset(true, true, true, true))),
    ("Z07:00", Part::Offset(offset(true, true, false, true))),
    ("Z070000", Part::Offset(offset(true, true, true, false))),
    ("Z0700", Part::Offset(offset(true, true, false, false))),
    ("Z07", Part::Offset(offset(true, false, false, false))),
];

const fn offset(is_iso: bool, has_minutes: bool, has_seconds: bool, has_colons: bool) -> Offset {
    Offset { is_iso, has_minutes, has_seconds, has_colons }
}

/// The parts of a layout, in order, and how they are written there.
pub(super) fn parts(layout: &str) -> Vec<(Part<'_>, &str)> {
    let literal = |text| (Part::Literal(text), text);
    let mut parts = Vec::new();
    let mut literal_start = 0;
    let mut at = 0;
    while let Some(rest) = layout.get(at..).filter(|rest| !rest.is_empty()) {
        match part(rest) {
            Some((part, length)) => {
                parts.extend(layout.get(literal_start..at).filter(|text| !text.is_empty()).map(literal));
                parts.push((part, layout.get(at..at + length).unwrap_or_default()));
                at += length;
                literal_start = at;
            }
            None => at += rest.chars().next().map_or(1, char::len_utf8),
        }
    }
    parts.extend(layout.get(literal_start..).filter(|text| !text.is_empty()).map(literal));
    parts
}

fn part(rest: &str) -> Option<(Part<'static>, usize)> {
    if let Some(fraction) = fraction(rest) {
        return Some(fraction);
    }
    let (word, part) = WORDS.iter().find(|(word, _)| rest.starts_with(word))?;
    let is_longer_word = matches!(part, Part::MonthShort)
        && rest
            .get(word.len()..)
            .is_some_and(|after| after.starts_with(|next: char| next.is_ascii_lowercase()));
    let length = if *word == "_2006" { 1 } else { word.len() };
    (!is_longer_word).then_some((*part, length))
}

/// `.000`, `,999`: only if no digit follows.
fn fraction(rest: &str) -> Option<(Part<'static>, usize)> {
    let sign = rest.chars().next().filter(|sign| matches!(sign, '.' | ','))?;
    let digits = rest.get(1..)?;
    let kind = digits.chars().next().filter(|kind| matches!(kind, '0' | '9'))?;
    let count = digits.chars().take_while(|digit| *digit == kind).count();
    let is_last = !digits.get(count..)?.starts_with(|next: char| next.is_ascii_digit());
    is_last.then_some((Part::Fraction(sign, count, kind == '9'), 1 + count))
}

pub(super) fn month_name(time: &Zoned) -> &'static str {
    usize::try_from(time.month() - 1).ok().and_then(|index| MONTHS.get(index)).copied().unwrap_or_default()
}

pub(super) fn weekday_name(time: &Zoned) -> &'static str {
    let index = usize::try_from(time.weekday().to_sunday_zero_offset()).ok();
    index.and_then(|index| WEEKDAYS.get(index)).copied().unwrap_or_default()
}

pub(super) fn format(time: &Zoned, layout: &str) -> String {
    let mut text = String::new();
    for (part, _) in parts(layout) {
        // Writing to a string cannot fail.
        write_part(&mut text, time, part).unwrap_or_default();
    }
    text
}

fn write_part(text: &mut String, time: &Zoned, part: Part<'_>) -> std::fmt::Result {
    let short = |name: &'static str| name.get(..3).unwrap_or(name);
    let hour = match time.hour() % 12 {
        0 => 12,
        hour => hour,
    };
    let is_afternoon = time.hour() >= 12;
    match part {
        Part::Literal(literal) => text.write_str(literal),
        Part::Year => write!(text, "{:04}", time.year()),
        Part::YearOfCentury => write!(text, "{:02}", time.year().rem_euclid(100)),
        Part::MonthName => text.write_str(month_name(time)),
        Part::MonthShort => text.write_str(short(month_name(time))),
        Part::Month => write!(text, "{}", time.month()),
        Part::MonthPadded => write!(text, "{:02}", time.month()),
        Part::WeekdayName => text.write_str(weekday_name(time)),
        Part::WeekdayShort => text.write_str(short(weekday_name(time))),
        Part::Day => write!(text, "{}", time.day()),
        Part::DaySpaced => write!(text, "{:2}", time.day()),
        Part::DayPadded => write!(text, "{:02}", time.day()),
        Part::YearDaySpaced => write!(text, "{:3}", time.day_of_year()),
        Part::YearDayPadded => write!(text, "{:03}", time.day_of_year()),
        Part::Hour24 => write!(text, "{:02}", time.hour()),
        Part::Hour12 => write!(text, "{hour}"),
        Part::Hour12Padded => write!(text, "{hour:02}"),
        Part::Minute => write!(text, "{}", time.minute()),
        Part::MinutePadded => write!(text, "{:02}", time.minute()),
        Part::Second => write!(text, "{}", time.second()),
        Part::SecondPadded => write!(text, "{:02}", time.second()),
        Part::HalfUpper => text.write_str(if is_afternoon { "PM" } else { "AM" }),
        Part::HalfLower => text.write_str(if is_afternoon { "pm" } else { "am" }),
        Part::ZoneName => write_zone(text, time),
        Part::Offset(offset) => write_offset(text, time, offset),
        Part::Fraction(sign, digits, is_short) => write_fraction(text, time, sign, digits, is_short),
    }
}

fn write_zone(text: &mut String, time: &Zoned) -> std::fmt::Result {
    let zone = time.time_zone();
    let info = zone.to_offset_info(time.timestamp());
    match info.abbreviation() {
        "" => write_offset(text, time, offset(false, true, false, false)),
        name if name.starts_with(['+', '-']) => text.write_str(name),
        name => text.write_str(name),
    }
}

fn write_offset(text: &mut String, time: &Zoned, offset: Offset) -> std::fmt::Result {
    let seconds = time.offset().seconds();
    if offset.is_iso && seconds == 0 {
        return text.write_str("Z");
    }
    let sign = if seconds < 0 { '-' } else { '+' };
    let seconds = seconds.unsigned_abs();
    let colon = if offset.has_colons { ":" } else { "" };
    write!(text, "{sign}{:02}", seconds / 3600)?;
    if offset.has_minutes {
        write!(text, "{colon}{:02}", seconds / 60 % 60)?;
    }
    if offset.has_seconds {
        write!(text, "{colon}{:02}", seconds % 60)?;
    }
    Ok(())
}

fn write_fraction(
    text: &mut String,
    time: &Zoned,
    sign: char,
    digits: usize,
    is_short: bool,
) -> std::fmt::Result {
    let all = format!("{:09}", time.subsec_nanosecond());
    let mut shown = all.get(..digits.min(9)).unwrap_or(&all);
    if is_short {
        shown = shown.trim_end_matches('0');
        if shown.is_empty() {
            return Ok(());
        }
    }
    write!(text, "{sign}{shown}")
}
