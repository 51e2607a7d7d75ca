//! `html`, `js` and `urlquery`.

use std::fmt::Write as _;

use crate::print::quote::is_printable;
use crate::text::{Rune, Text, runes};

pub(super) fn html(text: &[u8]) -> Text {
    let mut escaped = Vec::with_capacity(text.len());
    for byte in text {
        match byte {
            0 => escaped.extend_from_slice("\u{fffd}".as_bytes()),
            b'"' => escaped.extend_from_slice(b"&#34;"),
            b'\'' => escaped.extend_from_slice(b"&#39;"),
            b'&' => escaped.extend_from_slice(b"&amp;"),
            b'<' => escaped.extend_from_slice(b"&lt;"),
            b'>' => escaped.extend_from_slice(b"&gt;"),
            other => escaped.push(*other),
        }
    }
    escaped.into()
}

pub(super) fn js(text: &[u8]) -> Text {
    let mut escaped = String::with_capacity(text.len());
    for character in runes(text).map(Rune::character) {
        let code = u32::from(character);
        match character {
            '\\' | '\'' | '"' => {
                escaped.push('\\');
                escaped.push(character);
            }
            '<' | '>' | '&' | '=' => push_code(&mut escaped, code),
            _ if code < 0x20 || (code >= 0x80 && !is_printable(character)) => push_code(&mut escaped, code),
            other => escaped.push(other),
        }
    }
    escaped.into()
}

fn push_code(escaped: &mut String, code: u32) {
    // Writing to a string cannot fail.
    write!(escaped, "\\u{code:04X}").unwrap_or_default();
}

/// As `url.QueryEscape`.
pub(super) fn query(text: &[u8]) -> Text {
    let mut escaped = String::with_capacity(text.len());
    for byte in text {
        match byte {
            b' ' => escaped.push('+'),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                escaped.push(char::from(*byte));
            }
            other => write!(escaped, "%{other:02X}").unwrap_or_default(),
        }
    }
    escaped.into()
}
