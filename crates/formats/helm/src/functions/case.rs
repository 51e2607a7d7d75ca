//! Upper and lower case, and words joined by them: `upper`, `title`, `snakecase`.

use bythos_gotemplate::{Function, Text};

pub(super) fn functions() -> Vec<Function> {
    vec![
        Function::new("upper", |text: Text| text.to_str().chars().map(upper).collect::<String>()),
        Function::new("lower", |text: Text| text.to_str().chars().map(lower).collect::<String>()),
        Function::new("title", |text: Text| title(&text.to_str())),
        Function::new("untitle", |text: Text| untitle(&text.to_str())),
        Function::new("swapcase", |text: Text| swap(&text.to_str())),
        Function::new("initials", |text: Text| initials(&text.to_str())),
        Function::new("nospace", no_space),
        Function::new("camelcase", |text: Text| pascal(&text.to_str())),
    ]
}

/// Only where one character becomes one character, as in Go.
pub(super) fn upper(character: char) -> char {
    single(character, character.to_uppercase())
}

pub(super) fn lower(character: char) -> char {
    single(character, character.to_lowercase())
}

fn single(character: char, mut changed: impl Iterator<Item = char>) -> char {
    match (changed.next(), changed.next()) {
        (Some(only), None) => only,
        _ => character,
    }
}

fn title(text: &str) -> String {
    let is_separator = |character: char| {
        if character.is_ascii() {
            return !character.is_ascii_alphanumeric() && character != '_';
        }
        !character.is_alphanumeric() && character.is_whitespace()
    };
    let mut before = ' ';
    let change = |character| {
        let changed = if is_separator(before) { upper(character) } else { character };
        before = character;
        changed
    };
    text.chars().map(change).collect()
}

fn untitle(text: &str) -> String {
    let mut is_start = true;
    let change = |character: char| {
        let changed = if is_start && !character.is_whitespace() { lower(character) } else { character };
        is_start = character.is_whitespace();
        changed
    };
    text.chars().map(change).collect()
}

fn swap(text: &str) -> String {
    let mut after_space = true;
    let change = |character: char| {
        if character.is_uppercase() {
            after_space = false;
            lower(character)
        } else if character.is_lowercase() {
            after_space = false;
            upper(character)
        } else {
            after_space = character.is_whitespace();
            character
        }
    };
    text.chars().map(change).collect()
}

fn initials(text: &str) -> String {
    text.split(char::is_whitespace).filter_map(|word| word.chars().next()).collect()
}

/// Byte by byte, as Sprig's library does: this breaks characters beyond ASCII if there is any space.
fn no_space(text: Text) -> Text {
    let is_space = |byte: &u8| matches!(byte, 9..=13 | b' ' | 0x85 | 0xa0);
    if !text.as_bytes().iter().any(is_space) {
        return text;
    }
    let kept = text.as_bytes().iter().filter(|byte| !is_space(byte));
    kept.map(|byte| char::from(*byte)).collect::<String>().into()
}

pub(super) fn is_connector(character: char) -> bool {
    character == '-' || character == '_' || character.is_whitespace()
}

/// `some_words` is `SomeWords`; connectors in front stay.
fn pascal(text: &str) -> String {
    let start = text.find(|character| !is_connector(character)).unwrap_or(text.len());
    let (front, rest) = text.split_at(start);
    let mut characters = rest.chars();
    let Some(first) = characters.next() else { return text.to_owned() };
    let mut changed = String::from(front);
    let mut is_upper_word = first.is_uppercase();
    let mut current = upper(first);
    for next in characters {
        let before = std::mem::replace(&mut current, next);
        if is_connector(current) && is_connector(before) {
            changed.push(before);
            continue;
        }
        if is_connector(before) {
            is_upper_word = current.is_uppercase();
            current = upper(current);
            continue;
        }
        if is_upper_word {
            is_upper_word = current.is_uppercase();
            current = lower(current);
        }
        changed.push(before);
    }
    changed.push(current);
    changed
}
