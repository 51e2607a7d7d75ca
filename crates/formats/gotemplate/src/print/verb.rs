//! Format strings: verbs, flags, widths, and what goes wrong with them.

use super::value::Printer;
use crate::budget::Spent;
use crate::value::Value;

/// Wider or more precise than this, Go takes for a mistake.
const NUMBER_MAX: usize = 1_000_000;

/// What stands between `%` and the verb.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Flags {
    pub(super) plus: bool,
    pub(super) minus: bool,
    pub(super) sharp: bool,
    pub(super) space: bool,
    pub(super) zero: bool,
    pub(super) width: Option<usize>,
    pub(super) precision: Option<usize>,
}

impl Flags {
    /// Whether numbers above zero get a sign: `+` before `v` asks for the names of fields.
    pub(super) fn signs(&self, verb: char) -> bool {
        self.plus && verb != 'v'
    }
}

/// A format string that is being worked off.
struct Directives<'f, 'v> {
    rest: &'f [u8],
    values: &'v [Value],
    next: usize,
    /// Whether arguments were picked by number: then it is no mistake if some are left.
    is_reordered: bool,
    /// Whether the last number of an argument was one.
    is_good_index: bool,
    /// Whether the number in brackets came right before.
    after_index: bool,
}

pub(super) fn format(printer: &mut Printer<'_>, format: &[u8], values: &[Value]) -> Result<(), Spent> {
    let mut directives = Directives {
        rest: format,
        values,
        next: 0,
        is_reordered: false,
        is_good_index: true,
        after_index: false,
    };
    while !directives.rest.is_empty() {
        printer.spend_step()?;
        let literal = directives.rest.iter().position(|byte| *byte == b'%').unwrap_or(directives.rest.len());
        let (text, rest) = directives.rest.split_at(literal);
        printer.push(text)?;
        directives.rest = rest.get(1..).unwrap_or_default();
        if !rest.is_empty() {
            directives.directive(printer)?;
        }
    }
    directives.extra(printer)
}

impl Directives<'_, '_> {
    fn directive(&mut self, printer: &mut Printer<'_>) -> Result<(), Spent> {
        self.is_good_index = true;
        self.after_index = false;
        let mut flags = self.flags();
        self.index();
        self.width(&mut flags, printer)?;
        self.precision(&mut flags, printer)?;
        if !self.after_index {
            self.index();
        }
        let Some(verb) = self.verb() else { return printer.push(b"%!(NOVERB)") };
        if verb == '%' {
            return printer.push(b"%");
        }
        if !self.is_good_index {
            return printer.push(format!("%!{verb}(BADINDEX)").as_bytes());
        }
        let Some(value) = self.values.get(self.next) else {
            return printer.push(format!("%!{verb}(MISSING)").as_bytes());
        };
        self.next += 1;
        printer.value(value, verb, &flags)
    }

    fn take(&mut self, wanted: u8) -> bool {
        let is_next = self.rest.first() == Some(&wanted);
        if is_next {
            self.rest = self.rest.get(1..).unwrap_or_default();
        }
        is_next
    }

    fn flags(&mut self) -> Flags {
        let mut flags = Flags::default();
        while let Some(flag) = self.rest.first() {
            match flag {
                b'#' => flags.sharp = true,
                b'0' => flags.zero = true,
                b'+' => flags.plus = true,
                b'-' => flags.minus = true,
                b' ' => flags.space = true,
                _ => break,
            }
            self.rest = self.rest.get(1..).unwrap_or_default();
        }
        flags
    }

    fn verb(&mut self) -> Option<char> {
        let verb = crate::text::runes(self.rest).next()?.character();
        let length = if self.rest.first().is_some_and(u8::is_ascii) { 1 } else { verb.len_utf8() };
        self.rest = self.rest.get(length..).unwrap_or_default();
        Some(verb)
    }

    fn number(&mut self) -> Option<usize> {
        let end = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.rest.split_at(end);
        let number = std::str::from_utf8(digits).ok()?.parse().ok().filter(|number| *number <= NUMBER_MAX);
        self.rest = rest;
        number
    }

    /// `[2]`: the argument to go on with, from 1.
    fn index(&mut self) {
        if self.rest.first() != Some(&b'[') {
            return;
        }
        self.is_reordered = true;
        let Some(end) = self.rest.iter().position(|byte| *byte == b']') else {
            self.is_good_index = false;
            self.rest = self.rest.get(1..).unwrap_or_default();
            return;
        };
        let inside = self.rest.get(1..end).and_then(|inside| std::str::from_utf8(inside).ok());
        self.rest = self.rest.get(end + 1..).unwrap_or_default();
        let number = inside.and_then(|inside| inside.parse::<usize>().ok());
        match number.and_then(|number| number.checked_sub(1)).filter(|index| *index < self.values.len()) {
            Some(index) => {
                self.next = index;
                self.after_index = true;
            }
            None => self.is_good_index = false,
        }
    }

    /// `*`: the argument that says how wide or how precise.
    fn starred(&mut self) -> Option<i64> {
        let value = self.values.get(self.next);
        self.next += usize::from(value.is_some());
        self.after_index = false;
        let number = value.and_then(Value::signed);
        let limit = i64::try_from(NUMBER_MAX).unwrap_or(i64::MAX);
        number.filter(|number| (-limit..=limit).contains(number))
    }

    fn width(&mut self, flags: &mut Flags, printer: &mut Printer<'_>) -> Result<(), Spent> {
        if !self.take(b'*') {
            let is_given = self.rest.first().is_some_and(u8::is_ascii_digit);
            flags.width = self.number();
            if self.after_index && is_given {
                self.is_good_index = false;
            }
            return Ok(());
        }
        match self.starred() {
            Some(width) => {
                flags.minus |= width < 0;
                flags.zero &= width >= 0;
                flags.width = usize::try_from(width.unsigned_abs()).ok();
                Ok(())
            }
            None => printer.push(b"%!(BADWIDTH)"),
        }
    }

    fn precision(&mut self, flags: &mut Flags, printer: &mut Printer<'_>) -> Result<(), Spent> {
        if !self.take(b'.') {
            return Ok(());
        }
        if self.after_index {
            self.is_good_index = false;
        }
        self.index();
        if !self.take(b'*') {
            flags.precision = Some(self.number().unwrap_or(0));
            return Ok(());
        }
        match self.starred() {
            Some(precision) => {
                flags.precision = usize::try_from(precision).ok();
                if precision < 0 { printer.push(b"%!(BADPREC)") } else { Ok(()) }
            }
            None => printer.push(b"%!(BADPREC)"),
        }
    }

    /// Arguments that no verb has taken.
    fn extra(&self, printer: &mut Printer<'_>) -> Result<(), Spent> {
        let left = self.values.get(self.next..).unwrap_or_default();
        if self.is_reordered || left.is_empty() {
            return Ok(());
        }
        printer.push(b"%!(EXTRA ")?;
        for (index, value) in left.iter().enumerate() {
            if index > 0 {
                printer.push(b", ")?;
            }
            if matches!(value, Value::Nil) {
                printer.push(b"<nil>")?;
            } else {
                printer.push(value.type_name().as_bytes())?;
                printer.push(b"=")?;
                printer.value(value, 'v', &Flags::default())?;
            }
        }
        printer.push(b")")
    }
}
