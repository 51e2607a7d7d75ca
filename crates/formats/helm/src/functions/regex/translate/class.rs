//! `[a-z\d]`.

use super::{Set, Translator, escaped, set, trailing_backslash, wrong};

const NAMES: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space",
    "upper", "word", "xdigit",
];

/// What was read in brackets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Item {
    /// `a`, which may begin a range.
    Character,
    /// `\d`, behind which `-` is no more than itself.
    Set,
}

impl<'e> Translator<'e> {
    /// `start` begins with the bracket. `-` makes a range only between two characters, and is itself everywhere else.
    pub(super) fn class(&mut self, start: &'e str) -> Result<(), String> {
        self.translated.push('[');
        if self.take("^") {
            self.translated.push('^');
        }
        let mut is_first = true;
        while is_first || !self.take("]") {
            is_first = false;
            if self.class_item(start)? == Item::Set || !self.begins_range() {
                continue;
            }
            self.next();
            self.translated.push('-');
            self.class_character(start)?;
        }
        self.translated.push(']');
        Ok(())
    }

    fn begins_range(&self) -> bool {
        self.rest.strip_prefix('-').is_some_and(|after| !after.is_empty() && !after.starts_with(']'))
    }

    fn class_item(&mut self, start: &'e str) -> Result<Item, String> {
        let item = self.rest;
        if self.named_class()? {
            return Ok(Item::Set);
        }
        let letter = item.strip_prefix('\\').and_then(|after| after.chars().next());
        let is_set = |letter: &char| set(*letter).is_some() || matches!(letter, 'p' | 'P');
        let Some(letter) = letter.filter(is_set) else {
            return self.class_character(start).map(|()| Item::Character);
        };
        self.rest = item.get(2..).unwrap_or_default();
        match set(letter) {
            Some((set, Set::Inside)) => self.translated.push_str(set),
            Some((set, Set::Outside)) => self.translated.push_str(&format!("[^{set}]")),
            None => self.unicode_class(letter, item)?,
        }
        Ok(Item::Set)
    }

    fn class_character(&mut self, start: &'e str) -> Result<(), String> {
        let character = self.rest;
        let unclosed = || wrong("missing closing ]", start);
        match self.next().ok_or_else(unclosed)? {
            '\\' => {
                let letter = self.next().ok_or_else(trailing_backslash)?;
                self.character_escape(letter, character)
            }
            other => {
                self.translated.push_str(&escaped(other));
                Ok(())
            }
        }
    }

    /// `[:alpha:]`, if it ends.
    fn named_class(&mut self) -> Result<bool, String> {
        let inside = self.rest.starts_with("[:").then_some(self.rest);
        let Some(end) = inside.and_then(|inside| inside.find(":]")) else { return Ok(false) };
        let (class, rest) = self.rest.split_at_checked(end + 2).unwrap_or((self.rest, ""));
        let name = class.trim_start_matches("[:").trim_start_matches('^').trim_end_matches(":]");
        if !NAMES.contains(&name) {
            return Err(wrong("invalid character class range", class));
        }
        self.translated.push_str(class);
        self.rest = rest;
        Ok(true)
    }
}
