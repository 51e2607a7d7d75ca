//! Texts: what the language itself has, and the strings extension in its second version.

use super::convert::made;
use super::{Function, global, method, mismatch};
use crate::price::Price;
use crate::types::Pattern::{A, B, Bool, Bytes, Int, List, Map, String};
use crate::value::Value;
use crate::{Fault, Meter};

const ONE: Price = Price::Fixed(1);
const TRAVERSE: Price = Price::Text(0, 1);

pub(super) const FUNCTIONS: &[Function] = &[
    global("size", &[String], Int, ONE, size),
    global("size", &[Bytes], Int, ONE, size),
    global("size", &[List(&A)], Int, ONE, size),
    global("size", &[Map(&A, &B)], Int, ONE, size),
    method("size", &[String], Int, ONE, size),
    method("size", &[Bytes], Int, ONE, size),
    method("size", &[List(&A)], Int, ONE, size),
    method("size", &[Map(&A, &B)], Int, ONE, size),
    method("contains", &[String, String], Bool, Price::Contains, |arguments, _| {
        test("contains", arguments, |text, other| text.contains(other))
    }),
    method("startsWith", &[String, String], Bool, Price::Text(1, 1), |arguments, _| {
        test("startsWith", arguments, |text, other| text.starts_with(other))
    }),
    method("endsWith", &[String, String], Bool, Price::Text(1, 1), |arguments, _| {
        test("endsWith", arguments, |text, other| text.ends_with(other))
    }),
    method("lowerAscii", &[String], String, TRAVERSE, |arguments, _| {
        change("lowerAscii", arguments, str::to_ascii_lowercase)
    }),
    method("upperAscii", &[String], String, TRAVERSE, |arguments, _| {
        change("upperAscii", arguments, str::to_ascii_uppercase)
    }),
    method("trim", &[String], String, TRAVERSE, |arguments, _| {
        change("trim", arguments, |text| text.trim().to_owned())
    }),
    global("strings.quote", &[String], String, TRAVERSE, |arguments, _| {
        change("strings.quote", arguments, quoted)
    }),
    method("charAt", &[String, Int], String, ONE, character_at),
    method("indexOf", &[String, String], Int, TRAVERSE, index_of),
    method("indexOf", &[String, String, Int], Int, TRAVERSE, index_of),
    method("lastIndexOf", &[String, String], Int, TRAVERSE, last_index_of),
    method("lastIndexOf", &[String, String, Int], Int, TRAVERSE, last_index_of),
    method("substring", &[String, Int], String, TRAVERSE, substring),
    method("substring", &[String, Int, Int], String, TRAVERSE, substring),
    method("replace", &[String, String, String], String, Price::Replace, replace),
    method("replace", &[String, String, String, Int], String, Price::Replace, replace),
    method("split", &[String, String], List(&String), Price::Split, split),
    method("split", &[String, String, Int], List(&String), Price::Split, split),
    method("join", &[List(&String)], String, Price::Join, join),
    method("join", &[List(&String), String], String, Price::Join, join),
];

fn size<'a>(arguments: &[Value<'a>], meter: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    let size = match arguments {
        [Value::String(text)] => {
            meter.work(text.len() / 16)?;
            text.chars().count()
        }
        [Value::Bytes(bytes)] => bytes.len(),
        [Value::List(list)] => list.len(),
        [Value::Map(map)] => map.len(),
        _ => return Err(mismatch("size", arguments)),
    };
    Ok(count(size))
}

/// A number of things as a value.
pub(super) fn count<'a>(amount: usize) -> Value<'a> {
    Value::Int(i64::try_from(amount).unwrap_or(i64::MAX))
}

fn test<'a>(name: &str, arguments: &[Value<'a>], holds: fn(&str, &str) -> bool) -> Result<Value<'a>, Fault> {
    match arguments {
        [Value::String(text), Value::String(other)] => Ok(Value::Bool(holds(text, other))),
        _ => Err(mismatch(name, arguments)),
    }
}

fn change<'a>(
    name: &str,
    arguments: &[Value<'a>],
    changed: fn(&str) -> std::string::String,
) -> Result<Value<'a>, Fault> {
    match arguments {
        [Value::String(text)] => Ok(made(changed(text))),
        _ => Err(mismatch(name, arguments)),
    }
}

/// In quotes, with the escapes of the language.
fn quoted(text: &str) -> std::string::String {
    let mut quoted = std::string::String::from("\"");
    for character in text.chars() {
        let escape = match character {
            '\x07' => "\\a",
            '\x08' => "\\b",
            '\x0c' => "\\f",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            '\x0b' => "\\v",
            '\\' => "\\\\",
            '"' => "\\\"",
            other => {
                quoted.push(other);
                continue;
            }
        };
        quoted.push_str(escape);
    }
    quoted.push('"');
    quoted
}

/// The byte at which the character of this place begins; the end counts as one.
fn byte_of(text: &str, place: i64) -> Result<usize, Fault> {
    let wanted = usize::try_from(place).map_err(|_| Fault::OutOfBounds(place))?;
    let mut places = text.char_indices().map(|(byte, _)| byte).chain([text.len()]);
    places.nth(wanted).ok_or(Fault::OutOfBounds(place))
}

fn character_at<'a>(arguments: &[Value<'a>], meter: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    let [Value::String(text), Value::Int(place)] = arguments else {
        return Err(mismatch("charAt", arguments));
    };
    meter.work(text.len() / 16)?;
    let start = byte_of(text, *place)?;
    let rest = text.get(start..).unwrap_or_default();
    Ok(made(rest.chars().take(1).collect()))
}

fn index_of<'a>(arguments: &[Value<'a>], _: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    let (text, wanted, from) = match arguments {
        [Value::String(text), Value::String(wanted)] => (text, wanted, 0),
        [Value::String(text), Value::String(wanted), Value::Int(from)] => (text, wanted, *from),
        _ => return Err(mismatch("indexOf", arguments)),
    };
    let start = byte_of(text, from)?;
    let found = text.get(start..).and_then(|rest| rest.find(&**wanted)).map(|place| start + place);
    Ok(character_index(text, found))
}

fn last_index_of<'a>(arguments: &[Value<'a>], _: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    let (text, wanted, until) = match arguments {
        [Value::String(text), Value::String(wanted)] => (text, wanted, None),
        [Value::String(text), Value::String(wanted), Value::Int(until)] => (text, wanted, Some(*until)),
        _ => return Err(mismatch("lastIndexOf", arguments)),
    };
    let end = match until {
        None => text.len(),
        Some(until) => (byte_of(text, until)? + wanted.len()).min(text.len()),
    };
    Ok(character_index(text, text.as_bytes().get(..end).and_then(|_| floor(text, end).rfind(&**wanted))))
}

/// The text up to a byte, or a little before where that is inside a character.
fn floor(text: &str, end: usize) -> &str {
    (0..=end).rev().find_map(|end| text.get(..end)).unwrap_or_default()
}

/// The place of the character that begins at a byte; -1 if there is none.
fn character_index<'a>(text: &str, byte: Option<usize>) -> Value<'a> {
    match byte.and_then(|byte| text.get(..byte)) {
        Some(before) => count(before.chars().count()),
        None => Value::Int(-1),
    }
}

fn substring<'a>(arguments: &[Value<'a>], _: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    let (text, start, end) = match arguments {
        [Value::String(text), Value::Int(start)] => (text, *start, None),
        [Value::String(text), Value::Int(start), Value::Int(end)] => (text, *start, Some(*end)),
        _ => return Err(mismatch("substring", arguments)),
    };
    let first = byte_of(text, start)?;
    let last = end.map_or(Ok(text.len()), |end| byte_of(text, end))?;
    let piece = text.get(first..last).ok_or_else(|| {
        Fault::failed(format!("invalid substring range. start: {start}, end: {}", end.unwrap_or_default()))
    })?;
    Ok(made(piece.to_owned()))
}

/// How many are wanted; `None` for all.
fn limit(given: Option<&Value<'_>>) -> Option<usize> {
    match given {
        Some(Value::Int(limit)) => usize::try_from(*limit).ok(),
        _ => None,
    }
}

fn replace<'a>(arguments: &[Value<'a>], meter: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    let [Value::String(text), Value::String(piece), Value::String(by), rest @ ..] = arguments else {
        return Err(mismatch("replace", arguments));
    };
    let limit = limit(rest.first()).unwrap_or(usize::MAX);
    let most = if piece.is_empty() { text.len() + 1 } else { text.len() / piece.len() };
    // The result is paid before it is made: it can be much longer than the text.
    if by.len() > piece.len() {
        meter.work(most.min(limit).saturating_mul(by.len()))?;
    }
    Ok(made(text.replacen(&**piece, by, limit)))
}

fn split<'a>(arguments: &[Value<'a>], meter: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    let [Value::String(text), Value::String(separator), rest @ ..] = arguments else {
        return Err(mismatch("split", arguments));
    };
    meter.work(text.len())?;
    let limit = limit(rest.first()).unwrap_or(usize::MAX);
    let pieces: Vec<&str> = if limit == 0 {
        Vec::new()
    } else if separator.is_empty() {
        characters(text, limit)
    } else {
        text.splitn(limit, &**separator).collect()
    };
    Ok(Value::list(pieces.into_iter().map(Value::text).collect()))
}

/// One piece per character; the last one takes the rest.
fn characters(text: &str, limit: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if pieces.len() + 1 == limit {
            break;
        }
        let (piece, after) = rest.split_at(first.len_utf8());
        pieces.push(piece);
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(rest);
    }
    pieces
}

fn join<'a>(arguments: &[Value<'a>], meter: &mut Meter<'_>) -> Result<Value<'a>, Fault> {
    let (list, separator) = match arguments {
        [Value::List(list)] => (list, ""),
        [Value::List(list), Value::String(separator)] => (list, &**separator),
        _ => return Err(mismatch("join", arguments)),
    };
    let mut joined = std::string::String::new();
    for (index, item) in list.iter().enumerate() {
        let Value::String(text) = item? else { return Err(mismatch("join", arguments)) };
        meter.work(text.len() + separator.len())?;
        if index > 0 {
            joined.push_str(separator);
        }
        joined.push_str(&text);
    }
    Ok(made(joined))
}
