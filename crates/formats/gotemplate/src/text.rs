//! Go's string: any bytes, nearly always UTF-8.

use std::borrow::Cow;
use std::fmt;
use std::rc::Rc;

/// A string as Go has it. Cloning is cheap; two clones share their bytes.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(Rc<[u8]>);

/// A character of a text, or a byte that belongs to none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rune {
    /// A character of well-formed UTF-8.
    Character(char),
    /// A byte that is not UTF-8. Go reads it as U+FFFD.
    Stray(u8),
}

impl Rune {
    /// The character that Go sees.
    pub fn character(self) -> char {
        match self {
            Rune::Character(character) => character,
            Rune::Stray(_) => char::REPLACEMENT_CHARACTER,
        }
    }
}

impl Text {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// In bytes, as Go counts.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text as UTF-8; what is none becomes U+FFFD.
    pub fn to_str(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }

    /// The characters, in order.
    pub fn runes(&self) -> impl Iterator<Item = Rune> {
        runes(&self.0)
    }
}

/// The characters of any bytes, in order.
pub fn runes(bytes: &[u8]) -> impl Iterator<Item = Rune> {
    bytes.utf8_chunks().flat_map(|chunk| {
        let valid = chunk.valid().chars().map(Rune::Character);
        valid.chain(chunk.invalid().iter().map(|byte| Rune::Stray(*byte)))
    })
}

impl From<&str> for Text {
    fn from(text: &str) -> Text {
        Text(text.as_bytes().into())
    }
}

impl From<String> for Text {
    fn from(text: String) -> Text {
        Text(text.into_bytes().into())
    }
}

impl From<Cow<'_, str>> for Text {
    fn from(text: Cow<'_, str>) -> Text {
        Text(text.as_bytes().into())
    }
}

impl From<&[u8]> for Text {
    fn from(bytes: &[u8]) -> Text {
        Text(bytes.into())
    }
}

impl From<Vec<u8>> for Text {
    fn from(bytes: Vec<u8>) -> Text {
        Text(bytes.into())
    }
}

impl std::borrow::Borrow<[u8]> for Text {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Text {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.to_str())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_str(), formatter)
    }
}
