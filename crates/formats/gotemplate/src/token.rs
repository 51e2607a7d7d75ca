//! The words of a template's text.

use std::fmt;

use crate::print::quote;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Error,
    Bool,
    /// A printable character with no meaning of its own, such as a comma.
    Char,
    CharConstant,
    Complex,
    Assign,
    Declare,
    End,
    Field,
    Identifier,
    LeftDelimiter,
    LeftParenthesis,
    Number,
    Pipe,
    RawString,
    RightDelimiter,
    RightParenthesis,
    Space,
    String,
    Text,
    Variable,
    Keyword(Keyword),
}

/// A word that is no function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keyword {
    Block,
    Break,
    Continue,
    /// `.`
    Dot,
    Define,
    Else,
    End,
    If,
    Nil,
    Range,
    Template,
    With,
}

impl Keyword {
    pub(crate) fn named(word: &str) -> Option<Keyword> {
        Some(match word {
            "." => Keyword::Dot,
            "block" => Keyword::Block,
            "break" => Keyword::Break,
            "continue" => Keyword::Continue,
            "define" => Keyword::Define,
            "else" => Keyword::Else,
            "end" => Keyword::End,
            "if" => Keyword::If,
            "nil" => Keyword::Nil,
            "range" => Keyword::Range,
            "template" => Keyword::Template,
            "with" => Keyword::With,
            _ => return None,
        })
    }
}

/// A word and where it stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Token<'t> {
    pub(crate) kind: Kind,
    /// In bytes.
    pub(crate) position: usize,
    /// From 1.
    pub(crate) line: usize,
    pub(crate) text: &'t str,
}

const SHOWN_CHARACTERS_MAX: usize = 10;

impl fmt::Display for Token<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::End => formatter.write_str("EOF"),
            Kind::Keyword(_) => write!(formatter, "<{}>", self.text),
            _ if self.text.len() > SHOWN_CHARACTERS_MAX => {
                let start: String = self.text.chars().take(SHOWN_CHARACTERS_MAX).collect();
                write!(formatter, "{}...", quote::double(start.as_bytes()))
            }
            _ => formatter.write_str(&quote::double(self.text.as_bytes())),
        }
    }
}
