//! Strings and bytes.

use super::Printer;
use crate::budget::{Spent, deeper};
use crate::print::quote;
use crate::print::verb::Flags;
use crate::text::{Text, runes};
use crate::value::Value;

impl Printer<'_> {
    pub(super) fn string(
        &mut self,
        value: &Value,
        text: &[u8],
        verb: char,
        flags: &Flags,
    ) -> Result<(), Spent> {
        match verb {
            'v' if flags.sharp => {
                let flags = Flags { sharp: false, ..flags.clone() };
                self.quoted(text, &flags)
            }
            'v' | 's' => {
                let text = truncated(text, flags.precision);
                self.pad(&text, flags)
            }
            'q' => self.quoted(&truncated(text, flags.precision), flags),
            'x' | 'X' => self.hexadecimal(text, verb, flags),
            _ => self.bad_verb(value, verb),
        }
    }

    fn quoted(&mut self, text: &[u8], flags: &Flags) -> Result<(), Spent> {
        let raw = std::str::from_utf8(text).ok().filter(|text| flags.sharp && can_be_raw(text));
        let text = match raw {
            Some(raw) => format!("`{raw}`"),
            None if flags.plus => quote::double_ascii(text),
            None => quote::double(text),
        };
        self.pad(text.as_bytes(), flags)
    }

    fn hexadecimal(&mut self, text: &[u8], verb: char, flags: &Flags) -> Result<(), Spent> {
        self.budget.spend_bytes(text.len().saturating_mul(5))?;
        let length = flags.precision.unwrap_or(text.len()).min(text.len());
        let prefix = match (flags.sharp, verb) {
            (false, _) => "",
            (true, 'X') => "0X",
            (true, _) => "0x",
        };
        let bytes = text.get(..length).unwrap_or_default().iter();
        let digits =
            bytes.map(|byte| if verb == 'X' { format!("{byte:02X}") } else { format!("{byte:02x}") });
        let text = if flags.space {
            digits.map(|digits| format!("{prefix}{digits}")).collect::<Vec<_>>().join(" ")
        } else if length > 0 {
            format!("{prefix}{}", digits.collect::<String>())
        } else {
            String::new()
        };
        self.pad(text.as_bytes(), flags)
    }

    pub(super) fn bytes(
        &mut self,
        value: &Value,
        text: &Text,
        verb: char,
        flags: &Flags,
    ) -> Result<(), Spent> {
        if matches!(verb, 's' | 'q' | 'x' | 'X') {
            return self.string(value, text.as_bytes(), verb, flags);
        }
        let is_syntax = verb == 'v' && flags.sharp;
        let is_plain = matches!(verb, 'v' | 'd') && *flags == Flags::default();
        let (open, between, close) = if is_syntax { ("[]byte{", ", ", "}") } else { ("[", " ", "]") };
        self.push(open.as_bytes())?;
        self.depth = deeper(self.depth)?;
        for (index, byte) in text.as_bytes().iter().enumerate() {
            if index > 0 {
                self.push(between.as_bytes())?;
            }
            if is_plain {
                self.decimal(*byte)?;
            } else {
                self.value(&Value::Byte(*byte), verb, flags)?;
            }
        }
        self.depth -= 1;
        self.push(close.as_bytes())
    }

    /// As [`Printer::value`] prints it without flags. Files of a chart have many bytes, and a chart that prints all that it
    /// sees prints them too.
    fn decimal(&mut self, byte: u8) -> Result<(), Spent> {
        self.spend_step()?;
        let digits = [byte / 100, byte / 10 % 10, byte % 10].map(|digit| b'0' + digit);
        let leading = usize::from(byte < 100) + usize::from(byte < 10);
        self.push(digits.get(leading..).unwrap_or_default())
    }
}

fn truncated(text: &[u8], characters_max: Option<usize>) -> std::borrow::Cow<'_, [u8]> {
    let Some(characters_max) = characters_max else { return text.into() };
    let mut end = 0;
    for rune in runes(text).take(characters_max) {
        end += match rune {
            crate::text::Rune::Character(character) => character.len_utf8(),
            crate::text::Rune::Stray(_) => 1,
        };
    }
    text.get(..end).unwrap_or(text).into()
}

fn can_be_raw(text: &str) -> bool {
    text.chars().all(|character| {
        character != '`' && character != '\u{feff}' && (character == '\t' || !character.is_control())
    })
}
