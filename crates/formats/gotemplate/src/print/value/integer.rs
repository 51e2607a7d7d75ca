//! Whole numbers.

use super::Printer;
use crate::budget::Spent;
use crate::print::quote;
use crate::print::verb::Flags;
use crate::value::Value;

impl Printer<'_> {
    pub(super) fn integer(
        &mut self,
        value: &Value,
        number: i128,
        verb: char,
        flags: &Flags,
    ) -> Result<(), Spent> {
        let magnitude = number.unsigned_abs();
        let is_unsigned = matches!(value, Value::Byte(_) | Value::Uint64(_));
        let (digits, prefix) = match verb {
            'v' if flags.sharp && is_unsigned => (format!("{magnitude:x}"), "0x"),
            'v' | 'd' => (magnitude.to_string(), ""),
            'b' => (format!("{magnitude:b}"), if flags.sharp { "0b" } else { "" }),
            'o' => (format!("{magnitude:o}"), if flags.sharp { "0" } else { "" }),
            'O' => (format!("{magnitude:o}"), "0o"),
            'x' => (format!("{magnitude:x}"), if flags.sharp { "0x" } else { "" }),
            'X' => (format!("{magnitude:X}"), if flags.sharp { "0X" } else { "" }),
            'c' | 'q' | 'U' => return self.character(number, verb, flags),
            _ => return self.bad_verb(value, verb),
        };
        if flags.precision == Some(0) && number == 0 {
            return self.fill(b' ', flags.width.unwrap_or(0));
        }
        let sign = match number {
            ..0 => "-",
            _ if flags.signs(verb) => "+",
            _ if flags.space => " ",
            _ => "",
        };
        let wanted = match flags.precision {
            Some(precision) => precision,
            None if flags.zero && !flags.minus => flags.width.unwrap_or(0).saturating_sub(sign.len()),
            None => 0,
        };
        let zeros = wanted.saturating_sub(digits.len());
        // `%#o` has its zero already where there are others.
        let prefix = if prefix == "0" && (zeros > 0 || digits.starts_with('0')) { "" } else { prefix };
        self.budget.spend_bytes(zeros)?;
        let text = format!("{sign}{prefix}{}{digits}", "0".repeat(zeros));
        self.pad(text.as_bytes(), &Flags { zero: false, ..flags.clone() })
    }

    fn character(&mut self, number: i128, verb: char, flags: &Flags) -> Result<(), Spent> {
        let code = u32::try_from(number).ok();
        let character = code.and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER);
        let text = match verb {
            'c' => character.to_string(),
            'q' => quote::single(character, flags.plus),
            _ if flags.sharp => quote::unicode(character),
            _ => format!("U+{:04X}", code.unwrap_or_default()),
        };
        self.pad(text.as_bytes(), flags)
    }
}
