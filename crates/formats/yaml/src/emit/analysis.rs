//! In which style a text can be written so that it is read back as the same text.

use crate::scalar::{self, Plain};

/// The styles that Go uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    SingleQuoted,
    DoubleQuoted,
    /// `|`
    Literal,
}

/// The style that Go writes the text in.
pub(super) fn style(text: &str, is_key: bool) -> Style {
    let is_printable = text.chars().all(is_printable);
    if text.contains('\n') {
        let keeps_spaces = !text.ends_with(' ') && !text.contains(" \n");
        let is_literal = is_printable && keeps_spaces && !is_key;
        return if is_literal { Style::Literal } else { Style::DoubleQuoted };
    }
    if !is_printable || !reads_as_text(text, is_key) {
        return Style::DoubleQuoted;
    }
    let outer_space = text.starts_with(' ') || text.ends_with(' ');
    if outer_space || has_indicator(text) { Style::SingleQuoted } else { Style::Plain }
}

fn reads_as_text(text: &str, is_key: bool) -> bool {
    let is_text = match scalar::plain(text) {
        Plain::Text => true,
        // As a key it would merge. Go writes it plain there too, and then cannot read it back.
        Plain::Merge => !is_key,
        _ => false,
    };
    is_text && !is_base_60(text)
}

/// `12:30:45` is a number to other readers of YAML 1.1; Go reads it as text but quotes it for them.
fn is_base_60(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (groups, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let mut groups = groups.split(':');
    let is_digit_or_gap = |byte: u8| byte.is_ascii_digit() || byte == b'_';
    let first = groups.next().unwrap_or_default();
    let mut rest = groups.peekable();
    first.starts_with(|digit: char| digit.is_ascii_digit())
        && first.bytes().all(is_digit_or_gap)
        && rest.peek().is_some()
        && rest.all(is_sixtieth)
        && fraction.bytes().all(is_digit_or_gap)
}

fn is_sixtieth(text: &str) -> bool {
    match text.as_bytes() {
        [digit] => digit.is_ascii_digit(),
        [tens, digit] => (b'0'..=b'5').contains(tens) && digit.is_ascii_digit(),
        _ => false,
    }
}

/// Whether the text, unquoted, would be taken for something of YAML's own.
fn has_indicator(text: &str) -> bool {
    const FIRST: [char; 16] =
        ['#', ',', '[', ']', '{', '}', '&', '*', '!', '|', '>', '\'', '"', '%', '@', '`'];
    let starts_alone = |indicator| {
        text.strip_prefix(indicator).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
    };
    text.starts_with(FIRST)
        || ["?", ":", "-"].into_iter().any(starts_alone)
        || text.starts_with("---")
        || text.starts_with("...")
        || text.ends_with(':')
        || text.contains(": ")
        || text.contains(" #")
}

/// What Go's library writes as it is, without the line breaks that only YAML 1.1 knows.
fn is_printable(character: char) -> bool {
    matches!(character,
        '\n' | ' '..='~' | '\u{a0}'..='\u{2027}' | '\u{202a}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}')
}
