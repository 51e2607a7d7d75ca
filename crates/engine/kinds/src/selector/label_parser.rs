//! The grammar of label selector strings.

use super::label::{Demand, Requirement};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    Word(&'a str),
    Symbol(&'a str),
    End,
}

/// # Errors
/// What was found, and what was expected.
pub(super) fn parse(text: &str) -> Result<Vec<Requirement>, String> {
    let mut tokens = Tokens { rest: text };
    let mut requirements = Vec::new();
    if tokens.peek() == Token::End {
        return Ok(requirements);
    }
    loop {
        requirements.push(requirement(&mut tokens)?);
        match tokens.next() {
            Token::End => return Ok(requirements),
            Token::Symbol(",") => {}
            other => return Err(unexpected(other, "',' or the end")),
        }
    }
}

fn requirement(tokens: &mut Tokens<'_>) -> Result<Requirement, String> {
    if tokens.peek() == Token::Symbol("!") {
        tokens.next();
        return Ok(Requirement { key: key(tokens)?, demand: Demand::DoesNotExist });
    }
    let key = key(tokens)?;
    let demand = match tokens.peek() {
        Token::End | Token::Symbol(",") => Demand::Exists,
        Token::Symbol("=" | "==") => Demand::In(vec![tokens.skip().value()]),
        Token::Symbol("!=") => Demand::NotIn(vec![tokens.skip().value()]),
        Token::Symbol(">") => Demand::GreaterThan(number(tokens.skip())?),
        Token::Symbol("<") => Demand::LessThan(number(tokens.skip())?),
        Token::Word("in") => Demand::In(values(tokens.skip())?),
        Token::Word("notin") => Demand::NotIn(values(tokens.skip())?),
        other => return Err(unexpected(other, "one of '=', '==', '!=', '>', '<', 'in', 'notin' or ','")),
    };
    Ok(Requirement { key, demand })
}

fn key(tokens: &mut Tokens<'_>) -> Result<String, String> {
    match tokens.next() {
        Token::Word(word) => Ok(word.to_owned()),
        other => Err(unexpected(other, "a label")),
    }
}

fn number(tokens: &mut Tokens<'_>) -> Result<i64, String> {
    let value = tokens.value();
    value.parse().map_err(|_| format!("found {value:?}, but what a label is compared with must be a number"))
}

fn values(tokens: &mut Tokens<'_>) -> Result<Vec<String>, String> {
    match tokens.next() {
        Token::Symbol("(") => {}
        other => return Err(unexpected(other, "'('")),
    }
    let mut values = Vec::new();
    loop {
        values.push(tokens.value());
        match tokens.next() {
            Token::Symbol(")") => return Ok(values),
            Token::Symbol(",") => {}
            other => return Err(unexpected(other, "',' or ')'")),
        }
    }
}

fn unexpected(token: Token<'_>, expected: &str) -> String {
    match token {
        Token::End => format!("found the end, expected {expected}"),
        Token::Word(text) | Token::Symbol(text) => format!("found {text:?}, expected {expected}"),
    }
}

struct Tokens<'a> {
    rest: &'a str,
}

impl<'a> Tokens<'a> {
    fn peek(&self) -> Token<'a> {
        Tokens { rest: self.rest }.next()
    }

    fn skip(&mut self) -> &mut Self {
        self.next();
        self
    }

    /// The word that comes next; the empty value if something else does.
    fn value(&mut self) -> String {
        let Token::Word(word) = self.peek() else { return String::new() };
        self.next();
        word.to_owned()
    }

    fn next(&mut self) -> Token<'a> {
        self.rest = self.rest.trim_start();
        for symbol in ["==", "!=", "=", "!", ",", "(", ")", ">", "<"] {
            if let Some(rest) = self.rest.strip_prefix(symbol) {
                self.rest = rest;
                return Token::Symbol(symbol);
            }
        }
        let is_end = |character: char| character.is_whitespace() || "=!,()<>".contains(character);
        let (word, rest) = self.rest.split_at(self.rest.find(is_end).unwrap_or(self.rest.len()));
        self.rest = rest;
        if word.is_empty() { Token::End } else { Token::Word(word) }
    }
}
