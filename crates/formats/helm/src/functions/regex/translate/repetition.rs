//! `a*` and `a{2,3}`.

use super::{Token, Translator, wrong};

const REPEAT_MAX: u32 = 1000;

/// How often a thing is repeated at most, by counts inside of each other.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    /// The most of what stands in each group that is open, the outermost first.
    open: Vec<u32>,
    /// What was read last.
    last: u32,
}

impl Repeats {
    /// Whether it is not too often.
    pub(super) fn count(&mut self, token: Token) -> bool {
        self.last = match token {
            Token::Repetition(times) => self.last.saturating_mul(times),
            Token::Close => self.open.pop().unwrap_or(1),
            Token::Open | Token::Other => 1,
        };
        if let Some(around) = self.open.last_mut() {
            *around = self.last.max(*around);
        }
        if token == Token::Open {
            self.open.push(1);
        }
        self.last <= REPEAT_MAX
    }
}

impl<'e> Translator<'e> {
    pub(super) fn repetition(&mut self, operator: char) -> Token {
        self.translated.push(operator);
        self.reluctance();
        Token::Repetition(1)
    }

    /// `{2,3}` repeats; anything else in braces is text. `start` begins with the brace.
    pub(super) fn counted_repetition(&mut self, start: &'e str) -> Result<Token, String> {
        let length = self.rest.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b',').count();
        let (inside, rest) = self.rest.split_at_checked(length).unwrap_or_default();
        let Some(rest) = rest.strip_prefix('}').filter(|_| is_count(inside)) else {
            self.translated.push_str(r"\{");
            return Ok(Token::Other);
        };
        self.rest = rest;
        let (low, high) = inside.split_once(',').unwrap_or((inside, inside));
        // Nothing behind the comma is as often as it may be.
        let count = |text: &str| if text.is_empty() { REPEAT_MAX } else { text.parse().unwrap_or(u32::MAX) };
        if count(high) > REPEAT_MAX || count(low) > count(high) {
            return Err(wrong("invalid repeat count", self.since(start)));
        }
        self.translated.push_str(self.since(start));
        self.reluctance();
        Ok(Token::Repetition(count(if high.is_empty() { low } else { high })))
    }

    /// `?` behind a repetition: as little as possible.
    fn reluctance(&mut self) {
        if self.take("?") {
            self.translated.push('?');
        }
    }
}

fn is_count(inside: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
    let (low, high) = inside.split_once(',').unwrap_or((inside, inside));
    is_number(low) && (is_number(high) || high.is_empty())
}
