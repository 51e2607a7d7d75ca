//! `(...)` and `(?i)`.

use super::{Token, Translator, wrong};

impl<'e> Translator<'e> {
    /// `start` begins with the bracket. What begins with `?` names the group or sets flags, of which Go knows four.
    pub(super) fn group(&mut self, start: &'e str) -> Result<Token, String> {
        if !self.rest.starts_with('?') {
            self.translated.push('(');
            return Ok(Token::Open);
        }
        let named = start.strip_prefix("(?P<").or_else(|| start.strip_prefix("(?<"));
        let token = match named.filter(|name| !name.is_empty()) {
            Some(name) => self.group_name(name, start)?,
            None => self.flags(start)?,
        };
        self.translated.push_str(self.since(start));
        Ok(token)
    }

    fn group_name(&mut self, from: &'e str, start: &'e str) -> Result<Token, String> {
        let (name, rest) = from.split_once('>').ok_or_else(|| wrong("invalid named capture", start))?;
        self.rest = rest;
        let is_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
        if name.is_empty() || !name.chars().all(is_name) {
            return Err(wrong("invalid named capture", self.since(start)));
        }
        Ok(Token::Open)
    }

    fn flags(&mut self, start: &'e str) -> Result<Token, String> {
        self.take("?");
        let (mut is_negated, mut has_flag) = (false, false);
        while let Some(next) = self.next() {
            match next {
                'i' | 'm' | 's' | 'U' => has_flag = true,
                '-' if !is_negated => (is_negated, has_flag) = (true, false),
                ':' if has_flag || !is_negated => return Ok(Token::Open),
                ')' if has_flag || !is_negated => return Ok(Token::Other),
                _ => break,
            }
        }
        Err(wrong("invalid or unsupported Perl syntax", self.since(start)))
    }
}
