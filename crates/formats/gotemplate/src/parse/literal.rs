//! Strings and characters as Go writes them.

use crate::number::Number;

/// The bytes that a string literal stands for.
#[derive(Debug)]
pub(crate) struct Literal(pub(crate) Box<[u8]>);

const INVALID: &str = "invalid syntax";

/// What a string literal of Go, in `"` or in backquotes, stands for.
///
/// # Errors
/// It is none.
pub fn unquote(written: &str) -> Result<Vec<u8>, String> {
    if let Some(raw) = inside(written, '`') {
        return Ok(raw.bytes().filter(|byte| *byte != b'\r').collect());
    }
    let mut rest = inside(written, '"').ok_or(INVALID)?;
    let mut bytes = Vec::with_capacity(rest.len());
    while let Some(next) = rest.chars().next() {
        rest = rest.get(next.len_utf8()..).unwrap_or_default();
        match next {
            '\\' => rest = escape(rest, '"', &mut bytes)?,
            '"' | '\n' => return Err(INVALID.to_owned()),
            other => push(&mut bytes, other),
        }
    }
    Ok(bytes)
}

/// A character literal.
pub(super) fn character(written: &str) -> Result<Number, String> {
    let malformed = || format!("malformed character constant: {written}");
    let inside = inside(written, '\'').ok_or_else(malformed)?;
    let mut characters = inside.chars();
    let first = characters.next().ok_or(INVALID)?;
    if first != '\\' {
        return if characters.next().is_none() {
            Ok(Number::of_character(first, written))
        } else {
            Err(malformed())
        };
    }
    let mut bytes = Vec::new();
    let rest = escape(characters.as_str(), '\'', &mut bytes)?;
    if !rest.is_empty() {
        return Err(malformed());
    }
    let single = match bytes.as_slice() {
        [byte] => char::from(*byte),
        several => std::str::from_utf8(several).ok().and_then(|text| text.chars().next()).ok_or(INVALID)?,
    };
    Ok(Number::of_character(single, written))
}

fn inside(written: &str, quote: char) -> Option<&str> {
    written.strip_prefix(quote)?.strip_suffix(quote)
}

fn push(bytes: &mut Vec<u8>, character: char) {
    bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}

/// What follows a backslash; returns what follows that.
fn escape<'t>(rest: &'t str, quote: char, bytes: &mut Vec<u8>) -> Result<&'t str, String> {
    let kind = rest.chars().next().ok_or(INVALID)?;
    let after = rest.get(kind.len_utf8()..).unwrap_or_default();
    let simple = match kind {
        'a' => 7,
        'b' => 8,
        'f' => 12,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 11,
        '\\' => b'\\',
        'x' => return byte(after, 2, 16, bytes),
        '0'..='7' => return byte(rest, 3, 8, bytes),
        'u' => return code(after, 4, bytes),
        'U' => return code(after, 8, bytes),
        other if other == quote => other as u8,
        _ => return Err(INVALID.to_owned()),
    };
    bytes.push(simple);
    Ok(after)
}

fn digits(text: &str, count: usize, base: u32) -> Result<(u32, &str), String> {
    let (digits, rest) = text.split_at_checked(count).ok_or(INVALID)?;
    let is_number = digits.chars().all(|digit| digit.is_digit(base));
    let number = is_number.then(|| u32::from_str_radix(digits, base).ok()).flatten();
    Ok((number.ok_or(INVALID)?, rest))
}

fn byte<'t>(text: &'t str, count: usize, base: u32, bytes: &mut Vec<u8>) -> Result<&'t str, String> {
    let (number, rest) = digits(text, count, base)?;
    bytes.push(u8::try_from(number).map_err(|_| INVALID.to_owned())?);
    Ok(rest)
}

fn code<'t>(text: &'t str, count: usize, bytes: &mut Vec<u8>) -> Result<&'t str, String> {
    let (number, rest) = digits(text, count, 16)?;
    push(bytes, char::from_u32(number).ok_or(INVALID)?);
    Ok(rest)
}
