//! Text in quotes, as Go's `strconv.Quote`.

use std::fmt::Write as _;

use crate::text::{Rune, runes};

/// In double quotes, with escapes.
pub fn double(text: &[u8]) -> String {
    quoted(text, '"', false)
}

/// As [`double`], with everything beyond ASCII escaped.
pub(crate) fn double_ascii(text: &[u8]) -> String {
    quoted(text, '"', true)
}

/// A character in single quotes.
pub(crate) fn single(character: char, is_ascii: bool) -> String {
    quoted(character.encode_utf8(&mut [0; 4]).as_bytes(), '\'', is_ascii)
}

/// `U+0041 'A'`, as `%#U`.
pub(crate) fn unicode(character: char) -> String {
    let code = u32::from(character);
    if is_printable(character) { format!("U+{code:04X} '{character}'") } else { format!("U+{code:04X}") }
}

fn quoted(text: &[u8], quote: char, is_ascii: bool) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push(quote);
    for rune in runes(text) {
        match rune {
            // Writing to a string cannot fail.
            Rune::Stray(byte) => write!(quoted, "\\x{byte:02x}").unwrap_or_default(),
            Rune::Character(character) => push(&mut quoted, character, quote, is_ascii),
        }
    }
    quoted.push(quote);
    quoted
}

fn push(quoted: &mut String, character: char, quote: char, is_ascii: bool) {
    let code = u32::from(character);
    let short = match character {
        '\u{7}' => 'a',
        '\u{8}' => 'b',
        '\u{c}' => 'f',
        '\n' => 'n',
        '\r' => 'r',
        '\t' => 't',
        '\u{b}' => 'v',
        _ if character == quote || character == '\\' => character,
        _ if is_printable(character) && (!is_ascii || code < 0x80) => return quoted.push(character),
        _ => {
            let written = match code {
                0..0x20 | 0x7f => write!(quoted, "\\x{code:02x}"),
                0..0x10000 => write!(quoted, "\\u{code:04x}"),
                _ => write!(quoted, "\\U{code:08x}"),
            };
            return written.unwrap_or_default();
        }
    };
    quoted.push('\\');
    quoted.push(short);
}

/// Whether Go prints the character as it is: letters, marks, numbers, punctuation, symbols, and the plain space.
pub fn is_printable(character: char) -> bool {
    let code = u32::from(character);
    if code < 0x80 {
        return (0x20..0x7f).contains(&code);
    }
    // The standard library escapes in `Debug` what is not printable, and a few marks that are.
    let is_mark = matches!(code, 0x300..=0x36f);
    let is_space = character.is_whitespace() || code == 0xad;
    is_mark || (!is_space && !character.is_control() && !is_unassigned(character))
}

fn is_unassigned(character: char) -> bool {
    let is_private_or_format = matches!(u32::from(character),
        0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x206f | 0xe000..=0xf8ff | 0xfeff | 0xfff0..=0xfffb | 0xfffe..=0xffff | 0xe0000..=0x10ffff);
    is_private_or_format || character.escape_debug().len() > 2 && !character.is_alphanumeric()
}
