//! `snakecase` and `kebabcase`: where words begin is found by case, digits and punctuation.

use bythos_gotemplate::{Function, Text};

use super::case::{is_connector, lower};

pub(super) fn functions() -> Vec<Function> {
    vec![
        Function::new("snakecase", |text: Text| joined(&text.to_str(), '_')),
        Function::new("kebabcase", |text: Text| joined(&text.to_str(), '-')),
    ]
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    Upper,
    Lower,
    Connector,
    Punctuation,
    Other,
}

fn kind(character: char) -> Kind {
    match character {
        _ if is_connector(character) => Kind::Connector,
        _ if character.is_ascii_punctuation() && !"$+<=>^`|~".contains(character) => Kind::Punctuation,
        _ if character.is_uppercase() => Kind::Upper,
        _ if character.is_alphabetic() => Kind::Lower,
        _ if character.is_numeric() => Kind::Number,
        _ => Kind::Other,
    }
}

/// The words, by kind. `HTTPStatus` is two: an upper one and one that begins with a capital (also `Upper`).
fn words(text: &str) -> Vec<(Kind, String)> {
    let characters: Vec<char> = text.chars().collect();
    let mut words = Vec::new();
    let mut start = 0;
    while let Some(first) = characters.get(start) {
        let first_kind = kind(*first);
        let run = |from: usize, wanted: Kind| {
            characters.iter().skip(from).take_while(|character| kind(**character) == wanted).count()
        };
        let length = match first_kind {
            Kind::Upper => {
                let upper = run(start, Kind::Upper);
                let has_lower = characters.get(start + upper).is_some_and(|next| kind(*next) == Kind::Lower);
                match (upper, has_lower) {
                    (1, _) => 1 + run(start + 1, Kind::Lower),
                    (_, true) => upper - 1,
                    (_, false) => upper,
                }
            }
            other => run(start, other),
        };
        let word = characters.iter().skip(start).take(length.max(1)).collect();
        words.push((first_kind, word));
        start += length.max(1);
    }
    words
}

fn joined(text: &str, connector: char) -> String {
    let words = words(text);
    let mut joined = Joined { text: String::new(), connector };
    let mut index = 0;
    while let Some((kind, word)) = words.get(index) {
        let next_kind = |at: usize| words.get(at).map(|(kind, _)| *kind);
        match kind {
            Kind::Connector => {
                joined.connectors(word);
                index += 1;
            }
            Kind::Punctuation => {
                joined.push(word);
                index += 1;
            }
            Kind::Number => {
                joined.push(word);
                index = joined.tail(&words, index + 1);
            }
            _ => {
                joined.push(word);
                index = match next_kind(index + 1) {
                    Some(Kind::Number) => joined.number(&words, index + 1),
                    next => {
                        joined.separate(next);
                        index + 1
                    }
                };
            }
        }
    }
    joined.text
}

struct Joined {
    text: String,
    connector: char,
}

impl Joined {
    fn push(&mut self, word: &str) {
        self.text.extend(word.chars().map(lower));
    }

    fn connectors(&mut self, word: &str) {
        self.text.extend(word.chars().map(|_| self.connector));
    }

    /// A connector, if a word follows that begins something new.
    fn separate(&mut self, next: Option<Kind>) {
        if next.is_some_and(|next| !matches!(next, Kind::Connector | Kind::Punctuation)) {
            self.text.push(self.connector);
        }
    }

    /// What belongs to a number: `2xx`.
    fn tail(&mut self, words: &[(Kind, String)], mut index: usize) -> usize {
        while let Some((Kind::Lower | Kind::Number, word)) = words.get(index) {
            self.push(word);
            index += 1;
        }
        self.separate(words.get(index).map(|(kind, _)| *kind));
        index
    }

    /// A number behind a word: part of it, unless small letters follow.
    fn number(&mut self, words: &[(Kind, String)], index: usize) -> usize {
        let Some((_, number)) = words.get(index) else { return index };
        match words.get(index + 1).map(|(kind, _)| *kind) {
            Some(Kind::Lower) => {
                self.text.push(self.connector);
                self.push(number);
                self.tail(words, index + 1)
            }
            next => {
                self.push(number);
                self.separate(next);
                index + 1
            }
        }
    }
}
