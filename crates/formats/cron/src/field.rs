//! One field of a schedule, as a set of numbers.

use crate::ScheduleError;

/// What a field may hold.
pub(crate) struct Range {
    pub(crate) name: &'static str,
    min: u8,
    max: u8,
    /// Names of the numbers, beginning with `min`.
    words: &'static [&'static str],
}

pub(crate) const MINUTES: Range = Range { name: "minute", min: 0, max: 59, words: &[] };
pub(crate) const HOURS: Range = Range { name: "hour", min: 0, max: 23, words: &[] };
pub(crate) const DAYS: Range = Range { name: "day of month", min: 1, max: 31, words: &[] };
pub(crate) const MONTHS: Range = Range {
    name: "month",
    min: 1,
    max: 12,
    words: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
};
pub(crate) const WEEKDAYS: Range =
    Range { name: "day of week", min: 0, max: 6, words: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"] };

/// The numbers that a field allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Field {
    bits: u64,
    /// Whether it was written as `*`: a day that is not restricted does not widen the other kind of day.
    pub(crate) is_any: bool,
}

impl Field {
    pub(crate) fn parse(text: &str, range: &Range) -> Result<Field, ScheduleError> {
        let mut field = Field { bits: 0, is_any: false };
        for part in text.split(',') {
            let (bits, is_any) = range.part(part)?;
            field.bits |= bits;
            field.is_any |= is_any;
        }
        Ok(field)
    }

    /// Whether `number` is allowed. Numbers of calendars and clocks are small and not negative.
    pub(crate) fn has(&self, number: i8) -> bool {
        u32::try_from(number).is_ok_and(|number| self.bits.checked_shr(number).unwrap_or_default() & 1 == 1)
    }
}

impl Range {
    /// `*`, `5`, `1-5`, `mon-fri`, each with `/step` behind it.
    fn part(&self, part: &str) -> Result<(u64, bool), ScheduleError> {
        let (span, step) = match part.split_once('/') {
            Some((span, step)) => (span, Some(self.step(step)?)),
            None => (part, None),
        };
        let is_star = matches!(span, "*" | "?");
        let (first, last) = match span.split_once('-') {
            _ if is_star => (self.min, self.max),
            Some((first, last)) => (self.number(first)?, self.number(last)?),
            None => {
                let first = self.number(span)?;
                // `5/15` goes on to the end.
                (first, if step.is_some() { self.max } else { first })
            }
        };
        if first > last {
            return Err(self.refused(part, "begins after its end"));
        }
        let step = step.unwrap_or(1);
        let bits = (first..=last).step_by(step).fold(0, |bits, number| bits | (1 << number));
        Ok((bits, is_star && step == 1))
    }

    fn step(&self, text: &str) -> Result<usize, ScheduleError> {
        match text.parse() {
            Ok(step) if step > 0 => Ok(step),
            _ => Err(self.refused(text, "is no step, which is a number from 1")),
        }
    }

    fn number(&self, text: &str) -> Result<u8, ScheduleError> {
        let word = self.words.iter().position(|word| word.eq_ignore_ascii_case(text));
        if let Some(index) = word.and_then(|index| u8::try_from(index).ok()) {
            return Ok(self.min + index);
        }
        match text.parse() {
            Ok(number) if (self.min..=self.max).contains(&number) => Ok(number),
            _ => Err(self.refused(text, &format!("is no number from {} to {}", self.min, self.max))),
        }
    }

    fn refused(&self, text: &str, words: &str) -> ScheduleError {
        ScheduleError::Field { field: self.name, text: text.to_owned(), words: words.to_owned() }
    }
}
