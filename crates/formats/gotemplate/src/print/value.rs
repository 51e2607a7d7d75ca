//! One value, by a verb.

mod integer;
mod string;

use super::float::format_float;
use super::verb::Flags;
use crate::budget::{Budget, Spent, deeper};
use crate::text::Text;
use crate::value::{Kind, List, Map, Object, Value};

/// Text that grows, within a budget.
pub(super) struct Printer<'b> {
    text: Vec<u8>,
    budget: &'b Budget,
    depth: usize,
}

impl<'b> Printer<'b> {
    pub(super) fn new(budget: &'b Budget) -> Printer<'b> {
        Printer { text: Vec::new(), budget, depth: 0 }
    }

    pub(super) fn end(self) -> Text {
        self.text.into()
    }

    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), Spent> {
        self.budget.spend_bytes(bytes.len())?;
        self.text.extend_from_slice(bytes);
        Ok(())
    }

    pub(super) fn spend_step(&self) -> Result<(), Spent> {
        self.budget.spend_steps(1)
    }

    /// The text, as wide as the flags want it, in characters.
    fn pad(&mut self, text: &[u8], flags: &Flags) -> Result<(), Spent> {
        let missing = flags.width.unwrap_or(0).saturating_sub(crate::text::runes(text).count());
        if flags.minus {
            self.push(text)?;
            return self.fill(b' ', missing);
        }
        self.fill(if flags.zero { b'0' } else { b' ' }, missing)?;
        self.push(text)
    }

    fn fill(&mut self, byte: u8, count: usize) -> Result<(), Spent> {
        self.budget.spend_bytes(count)?;
        self.text.resize(self.text.len() + count, byte);
        Ok(())
    }

    pub(super) fn value(&mut self, value: &Value, verb: char, flags: &Flags) -> Result<(), Spent> {
        self.spend_step()?;
        if verb == 'T' {
            return self.pad(value.type_name().as_bytes(), flags);
        }
        match value {
            Value::Nil => self.nil(verb, flags),
            Value::Bool(true) if matches!(verb, 't' | 'v') => self.pad(b"true", flags),
            Value::Bool(false) if matches!(verb, 't' | 'v') => self.pad(b"false", flags),
            Value::Int(number) | Value::Int64(number) => {
                self.integer(value, i128::from(*number), verb, flags)
            }
            Value::Uint64(number) => self.integer(value, i128::from(*number), verb, flags),
            Value::Byte(number) => self.integer(value, i128::from(*number), verb, flags),
            Value::Float(number) => self.float(value, *number, verb, flags),
            Value::String(text) => self.string(value, text.as_bytes(), verb, flags),
            Value::Bytes(text) => self.bytes(value, text, verb, flags),
            Value::List(list) => self.list(list, verb, flags),
            Value::Map(map) => self.map(map, verb, flags),
            Value::Object(object) => self.object(value, object.as_ref(), verb, flags),
            Value::Function(_) => self.push(b"0x0"),
            Value::Bool(_) => self.bad_verb(value, verb),
        }
    }

    fn nil(&mut self, verb: char, flags: &Flags) -> Result<(), Spent> {
        match (verb, self.depth) {
            ('v', 1..) if flags.sharp => self.push(b"interface {}(nil)"),
            ('v', _) | (_, 1..) => self.pad(b"<nil>", flags),
            _ => self.push(format!("%!{verb}(<nil>)").as_bytes()),
        }
    }

    /// `%!d(string=x)`
    fn bad_verb(&mut self, value: &Value, verb: char) -> Result<(), Spent> {
        self.push(format!("%!{verb}({}=", value.type_name()).as_bytes())?;
        self.value(value, 'v', &Flags::default())?;
        self.push(b")")
    }

    fn float(&mut self, value: &Value, number: f64, verb: char, flags: &Flags) -> Result<(), Spent> {
        const USUAL_PRECISION: usize = 6;
        let text = match verb {
            'v' | 'g' | 'G' => {
                let form = if verb == 'G' { 'G' } else { 'g' };
                let text = format_float(number, form, flags.precision);
                if flags.sharp && verb != 'v' { with_point(&text, flags.precision) } else { text }
            }
            'e' | 'E' | 'f' | 'F' => {
                format_float(number, verb, Some(flags.precision.unwrap_or(USUAL_PRECISION)))
            }
            _ => return self.bad_verb(value, verb),
        };
        let (sign, digits) = match text.strip_prefix(['-', '+']) {
            Some(digits) if text.starts_with('-') => ("-", digits),
            Some(digits) => (if flags.space && !flags.signs(verb) { " " } else { "+" }, digits),
            None if flags.signs(verb) => ("+", text.as_str()),
            None if flags.space => (" ", text.as_str()),
            None => ("", text.as_str()),
        };
        let is_number = number.is_finite();
        if flags.zero && !flags.minus && is_number {
            let missing = flags.width.unwrap_or(0).saturating_sub(sign.len() + digits.len());
            self.push(sign.as_bytes())?;
            self.fill(b'0', missing)?;
            return self.push(digits.as_bytes());
        }
        let flags = Flags { zero: false, ..flags.clone() };
        self.pad(format!("{sign}{digits}").as_bytes(), &flags)
    }

    fn list(&mut self, list: &List, verb: char, flags: &Flags) -> Result<(), Spent> {
        let is_syntax = verb == 'v' && flags.sharp;
        if is_syntax {
            let name = Value::List(list.clone()).type_name();
            self.push(name.as_bytes())?;
            if list.is_nil() {
                return self.push(b"(nil)");
            }
        }
        let (open, between, close) = if is_syntax { ("{", ", ", "}") } else { ("[", " ", "]") };
        self.push(open.as_bytes())?;
        self.depth = deeper(self.depth)?;
        for (index, item) in list.items().iter().enumerate() {
            if index > 0 {
                self.push(between.as_bytes())?;
            }
            self.value(item, verb, flags)?;
        }
        self.depth -= 1;
        self.push(close.as_bytes())
    }

    fn map(&mut self, map: &Map, verb: char, flags: &Flags) -> Result<(), Spent> {
        let is_syntax = verb == 'v' && flags.sharp;
        if is_syntax {
            let name = Value::Map(map.clone()).type_name();
            self.push(name.as_bytes())?;
            if map.is_nil() {
                return self.push(b"(nil)");
            }
        }
        let (open, between, close) = if is_syntax { ("{", ", ", "}") } else { ("map[", " ", "]") };
        self.push(open.as_bytes())?;
        self.depth = deeper(self.depth)?;
        for (index, (name, field)) in map.fields().iter().enumerate() {
            if index > 0 {
                self.push(between.as_bytes())?;
            }
            self.value(&Value::String(name.clone()), verb, flags)?;
            self.push(b":")?;
            self.value(field, verb, flags)?;
        }
        self.depth -= 1;
        self.push(close.as_bytes())
    }

    fn object(&mut self, value: &Value, object: &dyn Object, verb: char, flags: &Flags) -> Result<(), Spent> {
        let is_syntax = verb == 'v' && flags.sharp;
        let wants_text = matches!(verb, 'v' | 's' | 'q' | 'x' | 'X') && !is_syntax;
        if let Some(text) = object.text().filter(|_| wants_text) {
            return self.string(value, text.as_bytes(), verb, flags);
        }
        if let Some(number) = object.number() {
            return self.integer(value, i128::from(number), verb, flags);
        }
        let prefix = if object.kind() == Kind::Pointer { "&" } else { "" };
        self.push(prefix.as_bytes())?;
        if is_syntax {
            self.push(object.type_name().trim_start_matches('*').as_bytes())?;
        }
        self.push(b"{")?;
        self.depth = deeper(self.depth)?;
        for (index, (name, field)) in object.fields().iter().enumerate() {
            if index > 0 {
                self.push(if is_syntax { b", " } else { b" " })?;
            }
            if verb == 'v' && (flags.plus || flags.sharp) {
                self.push(name.as_bytes())?;
                self.push(b":")?;
            }
            self.value(field, verb, flags)?;
        }
        self.depth -= 1;
        self.push(b"}")
    }
}

/// `%#g` keeps the point and the zeros behind it.
fn with_point(text: &str, precision: Option<usize>) -> String {
    let (mantissa, exponent) = match text.find('e') {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let wanted = precision.unwrap_or(6);
    let digits =
        mantissa.trim_start_matches(['-', '+', '0', '.']).chars().filter(char::is_ascii_digit).count();
    let point = if mantissa.contains('.') { "" } else { "." };
    format!("{mantissa}{point}{}{exponent}", "0".repeat(wanted.saturating_sub(digits)))
}
