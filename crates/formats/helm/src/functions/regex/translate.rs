//! From Go's regular expressions to those of the `regex` crate: both are of one family, with other letters.
//!
//! In Go, `\d`, `\w`, `\s` and `\b` know ASCII alone, `\Q...\E` quotes, and `[` inside of brackets is a bracket.

use std::iter::Peekable;
use std::str::Chars;

const DIGITS: &str = "0-9";
const WORDS: &str = "0-9A-Za-z_";
const SPACES: &str = r"\t\n\x0C\r ";
const REPEAT_MAX: u32 = 1000;

/// # Errors
/// In Go's words.
pub(super) fn translate(expression: &str) -> Result<String, String> {
    let mut translated = String::with_capacity(expression.len() + 16);
    let mut rest = expression.chars().peekable();
    while let Some(next) = rest.next() {
        match next {
            '\\' => escape(&mut rest, &mut translated)?,
            '[' => class(&mut rest, &mut translated)?,
            '{' => repetition(&mut rest, &mut translated)?,
            // These mean nothing special in either.
            other => translated.push(other),
        }
    }
    Ok(translated)
}

fn escape(rest: &mut Peekable<Chars<'_>>, translated: &mut String) -> Result<(), String> {
    match rest.next().ok_or("trailing backslash at end of expression")? {
        'Q' => quoted(rest, translated),
        'C' => return Err("invalid escape sequence: `\\C`".to_owned()),
        'b' => translated.push_str(r"(?-u:\b)"),
        'B' => translated.push_str(r"(?-u:\B)"),
        letter => match set(letter) {
            Some((set, false)) => translated.push_str(&format!("[{set}]")),
            Some((set, true)) => translated.push_str(&format!("[^{set}]")),
            None => letter_escape(letter, rest, translated)?,
        },
    }
    Ok(())
}

/// A set by its letter, and whether it is what is not in it.
fn set(letter: char) -> Option<(&'static str, bool)> {
    Some(match letter {
        'd' => (DIGITS, false),
        'D' => (DIGITS, true),
        'w' => (WORDS, false),
        'W' => (WORDS, true),
        's' => (SPACES, false),
        'S' => (SPACES, true),
        _ => return None,
    })
}

fn letter_escape(
    letter: char,
    rest: &mut Peekable<Chars<'_>>,
    translated: &mut String,
) -> Result<(), String> {
    let is_known = "aftnrvxpPAz01234567".contains(letter) || letter.is_ascii_punctuation();
    match letter {
        '0'..='7' => return octal(letter, translated),
        _ if is_known => {}
        _ => return Err(format!("invalid escape sequence: `\\{letter}`")),
    }
    translated.push('\\');
    // The crate refuses to escape what never needs it.
    if letter.is_ascii_punctuation() && !regex::escape(&letter.to_string()).starts_with('\\') {
        translated.pop();
    }
    translated.push(letter);
    let has_name = matches!(letter, 'p' | 'P' | 'x') && rest.peek() == Some(&'{');
    if has_name {
        translated.extend(rest.by_ref().take_while(|next| *next != '}'));
        translated.push('}');
    }
    Ok(())
}

fn octal(first: char, translated: &mut String) -> Result<(), String> {
    if first != '0' {
        return Err(format!("invalid escape sequence: `\\{first}`"));
    }
    translated.push_str(r"\x00");
    Ok(())
}

fn quoted(rest: &mut Peekable<Chars<'_>>, translated: &mut String) {
    let mut text = String::new();
    for next in rest.by_ref() {
        text.push(next);
        if text.ends_with("\\E") {
            text.truncate(text.len() - 2);
            break;
        }
    }
    translated.push_str(&regex::escape(&text));
}

/// `{2,3}` repeats; anything else in braces is text.
fn repetition(rest: &mut Peekable<Chars<'_>>, translated: &mut String) -> Result<(), String> {
    let inside: String = rest.clone().take_while(|next| *next != '}').collect();
    let is_closed = rest.clone().nth(inside.chars().count()) == Some('}');
    let (low, high) = inside.split_once(',').unwrap_or((&inside, &inside));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
    if !is_closed || !is_number(low) || !(is_number(high) || high.is_empty()) {
        translated.push_str(r"\{");
        return Ok(());
    }
    let too_large =
        |text: &str| !text.is_empty() && text.parse::<u32>().map_or(true, |count| count > REPEAT_MAX);
    if too_large(low) || too_large(high) {
        return Err(format!("invalid repeat count: `{{{inside}}}`"));
    }
    translated.push('{');
    Ok(())
}

fn class(rest: &mut Peekable<Chars<'_>>, translated: &mut String) -> Result<(), String> {
    translated.push('[');
    if rest.next_if_eq(&'^').is_some() {
        translated.push('^');
    }
    let mut is_first = true;
    loop {
        let next = rest.next().ok_or("missing closing ]")?;
        match next {
            ']' if !is_first => break,
            '[' if rest.peek() == Some(&':') => named_class(rest, translated),
            '\\' => class_escape(rest, translated)?,
            '[' | ']' | '&' | '~' => {
                translated.push('\\');
                translated.push(next);
            }
            '-' if is_first || rest.peek() == Some(&']') => translated.push_str(r"\-"),
            other => translated.push(other),
        }
        is_first = false;
    }
    translated.push(']');
    Ok(())
}

/// `[:alpha:]`, if it ends.
fn named_class(rest: &mut Peekable<Chars<'_>>, translated: &mut String) {
    let name: String = rest.clone().take_while(|next| *next != ']').collect();
    if !name.ends_with(':') || name.len() < 3 {
        translated.push_str(r"\[");
        return;
    }
    translated.push('[');
    for _ in 0..=name.chars().count() {
        translated.extend(rest.next());
    }
}

fn class_escape(rest: &mut Peekable<Chars<'_>>, translated: &mut String) -> Result<(), String> {
    let letter = rest.next().ok_or("missing closing ]")?;
    match set(letter) {
        Some((set, false)) => translated.push_str(set),
        Some((set, true)) => translated.push_str(&format!("[^{set}]")),
        None if letter == '-' => translated.push_str(r"\-"),
        None => letter_escape(letter, rest, translated)?,
    }
    Ok(())
}
