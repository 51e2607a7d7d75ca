//! `'%s has %d'.format([...])`

use std::fmt::Write as _;

use super::convert::{made, to_text};
use super::{Function, method, mismatch};
use crate::price::Price;
use crate::types::Pattern::{Dyn, List, String};
use crate::value::{List as Items, Map, Value};
use crate::{Fault, Meter};

pub(super) const FUNCTIONS: &[Function] =
    &[method("format", &[String, List(&Dyn)], String, Price::Text(0, 1), format)];

/// Values inside values are printed up to this depth.
const DEPTH_MAX: usize = 32;

fn format<'a>(arguments: &[Value<'a>], meter: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    let [Value::String(pattern), Value::List(values)] = arguments else {
        return Err(mismatch("format", arguments));
    };
    let mut text = std::string::String::new();
    let mut next = 0;
    let mut rest: &str = pattern;
    while let Some(at) = rest.find('%') {
        text.push_str(rest.get(..at).unwrap_or_default());
        rest = rest.get(at + 1..).unwrap_or_default();
        if let Some(after) = rest.strip_prefix('%') {
            text.push('%');
            rest = after;
            continue;
        }
        let (clause, after) = Clause::read(rest)?;
        rest = after;
        let value = values.get(next)?.ok_or_else(|| Fault::failed(format!("index {next} out of range")))?;
        next += 1;
        let before = text.len();
        clause.print(&value, &mut text, meter)?;
        meter.work(text.len().saturating_sub(before))?;
    }
    text.push_str(rest);
    Ok(made(text))
}

struct Clause {
    precision: Option<usize>,
    letter: char,
}

impl Clause {
    fn read(rest: &str) -> Result<(Clause, &str), Fault> {
        let (precision, rest) = match rest.strip_prefix('.') {
            Some(digits) => {
                let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
                let (digits, rest) = digits.split_at(end);
                let precision = digits.parse().ok().filter(|precision| *precision <= 100);
                (Some(precision.ok_or_else(|| Fault::failed("could not parse precision"))?), rest)
            }
            None => (None, rest),
        };
        let mut letters = rest.chars();
        let letter = letters.next().ok_or_else(|| Fault::failed("unexpected end of string"))?;
        Ok((Clause { precision, letter }, letters.as_str()))
    }

    fn print(
        &self,
        value: &Value<'_>,
        text: &mut std::string::String,
        meter: &mut Meter<'_>,
    ) -> Result<(), Fault> {
        let wrong = || {
            let type_ = value.type_name();
            Fault::failed(format!(
                "error during formatting: clause %{} cannot print a value of type {type_}",
                self.letter
            ))
        };
        let precision = self.precision.unwrap_or(6);
        let written = match (self.letter, value) {
            ('s', value) => return print(value, text, meter, 0),
            ('d', Value::Int(_) | Value::Uint(_)) => return print(value, text, meter, 0),
            ('f', value) => write!(text, "{:.precision$}", number(value).ok_or_else(wrong)?),
            ('e', value) => {
                let printed = format!("{:.precision$e}", number(value).ok_or_else(wrong)?);
                let (digits, exponent) = printed.split_once('e').unwrap_or((&printed, "0"));
                let exponent: i32 = exponent.parse().unwrap_or_default();
                write!(text, "{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
            }
            ('b', Value::Int(whole)) => write!(text, "{}{:b}", sign(*whole), whole.unsigned_abs()),
            ('b', Value::Uint(whole)) => write!(text, "{whole:b}"),
            ('b', Value::Bool(flag)) => write!(text, "{}", u8::from(*flag)),
            ('o', Value::Int(whole)) => write!(text, "{}{:o}", sign(*whole), whole.unsigned_abs()),
            ('o', Value::Uint(whole)) => write!(text, "{whole:o}"),
            ('x', Value::Int(whole)) => write!(text, "{}{:x}", sign(*whole), whole.unsigned_abs()),
            ('x', Value::Uint(whole)) => write!(text, "{whole:x}"),
            ('X', Value::Int(whole)) => write!(text, "{}{:X}", sign(*whole), whole.unsigned_abs()),
            ('X', Value::Uint(whole)) => write!(text, "{whole:X}"),
            ('x', Value::String(found)) => found.bytes().try_for_each(|byte| write!(text, "{byte:02x}")),
            ('X', Value::String(found)) => found.bytes().try_for_each(|byte| write!(text, "{byte:02X}")),
            ('x', Value::Bytes(found)) => found.iter().try_for_each(|byte| write!(text, "{byte:02x}")),
            ('X', Value::Bytes(found)) => found.iter().try_for_each(|byte| write!(text, "{byte:02X}")),
            ('d' | 'b' | 'o' | 'x' | 'X', _) => return Err(wrong()),
            (other, _) => return Err(Fault::failed(format!("unrecognized formatting clause {other:?}"))),
        };
        written.map_err(|_| wrong())
    }
}

fn sign(number: i64) -> &'static str {
    if number < 0 { "-" } else { "" }
}

#[allow(clippy::cast_precision_loss, reason = "a double is as close as it can be")]
fn number(value: &Value<'_>) -> Option<f64> {
    match value {
        Value::Double(number) => Some(*number),
        Value::Int(number) => Some(*number as f64),
        Value::Uint(number) => Some(*number as f64),
        _ => None,
    }
}

fn print(
    value: &Value<'_>,
    text: &mut std::string::String,
    meter: &mut Meter<'_>,
    depth: usize,
) -> Result<(), Fault> {
    meter.work(1)?;
    if depth > DEPTH_MAX {
        return Err(Fault::failed("error during formatting: the value is nested too deep"));
    }
    match value {
        Value::List(list) => print_list(list, text, meter, depth),
        Value::Map(map) => print_map(map, text, meter, depth),
        Value::Bytes(bytes) => {
            text.push_str(&std::string::String::from_utf8_lossy(bytes));
            Ok(())
        }
        other => match to_text(other) {
            Some(printed) => {
                text.push_str(&printed);
                Ok(())
            }
            None => Err(Fault::failed(format!(
                "error during formatting: string clause can only be used on strings, bools, bytes, ints, doubles, \
                 maps, lists, types, durations, and timestamps, was given {}",
                other.type_name()
            ))),
        },
    }
}

fn print_list(
    list: &Items<'_>,
    text: &mut std::string::String,
    meter: &mut Meter<'_>,
    depth: usize,
) -> Result<(), Fault> {
    text.push('[');
    for (index, item) in list.iter().enumerate() {
        if index > 0 {
            text.push_str(", ");
        }
        print(&item?, text, meter, depth + 1)?;
    }
    text.push(']');
    Ok(())
}

/// In the order of the printed keys.
fn print_map(
    map: &Map<'_>,
    text: &mut std::string::String,
    meter: &mut Meter<'_>,
    depth: usize,
) -> Result<(), Fault> {
    let mut entries = Vec::new();
    for entry in map.iter() {
        let (key, value) = entry?;
        let mut printed = std::string::String::new();
        print(&value, &mut printed, meter, depth + 1)?;
        entries.push((to_text(&key.value()).unwrap_or_default(), printed));
    }
    entries.sort();
    let entries: Vec<std::string::String> =
        entries.into_iter().map(|(key, value)| format!("{key}: {value}")).collect();
    text.push('{');
    text.push_str(&entries.join(", "));
    text.push('}');
    Ok(())
}
