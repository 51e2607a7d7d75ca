//! From text to tokens.

use crate::print::quote;
use crate::token::{Keyword, Kind, Token};

const LEFT: &str = "{{";
const RIGHT: &str = "}}";
const COMMENT_START: &str = "/*";
const COMMENT_END: &str = "*/";
const SPACES: [char; 4] = [' ', '\t', '\r', '\n'];
/// A trim marker and the space that must stand beside it.
const TRIM_BYTES: usize = 2;

/// All tokens of a text, and what is wrong with it if the last of them is [`Kind::Error`] and not [`Kind::End`].
pub(crate) fn lex(text: &str) -> (Vec<Token<'_>>, Option<String>) {
    let mut lexer =
        Lexer { text, start: 0, position: 0, line: 1, counted: 0, parentheses: 0, tokens: Vec::new() };
    let fault = lexer.text().err();
    if fault.is_some() {
        lexer.emit(Kind::Error);
    }
    (lexer.tokens, fault)
}

struct Lexer<'t> {
    text: &'t str,
    /// Where the token begins that is being read.
    start: usize,
    position: usize,
    /// Of the first `counted` bytes.
    line: usize,
    counted: usize,
    parentheses: usize,
    tokens: Vec<Token<'t>>,
}

impl<'t> Lexer<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.position..).unwrap_or_default()
    }

    fn word(&self) -> &'t str {
        self.text.get(self.start..self.position).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.position += next.len_utf8();
        Some(next)
    }

    fn accept(&mut self, valid: &str) -> bool {
        let is_valid = self.peek().is_some_and(|next| valid.contains(next));
        if is_valid {
            self.next();
        }
        is_valid
    }

    fn accept_run(&mut self, valid: &str) {
        while self.accept(valid) {}
    }

    fn emit(&mut self, kind: Kind) {
        let line = self.line_of_start();
        self.tokens.push(Token { kind, position: self.start, line, text: self.word() });
        self.start = self.position;
    }

    fn ignore(&mut self) {
        self.start = self.position;
    }

    fn line_of_start(&mut self) -> usize {
        let passed = self.text.as_bytes().get(self.counted..self.start).unwrap_or_default();
        self.line += passed.iter().filter(|byte| **byte == b'\n').count();
        self.counted = self.counted.max(self.start);
        self.line
    }

    /// Everything, in turns of text and action.
    fn text(&mut self) -> Result<(), String> {
        while let Some(found) = self.rest().find(LEFT) {
            self.text_before_action(found);
            self.position += LEFT.len();
            let marker = if has_left_marker(self.rest()) { TRIM_BYTES } else { 0 };
            let is_comment = self.rest().get(marker..).is_some_and(|rest| rest.starts_with(COMMENT_START));
            if is_comment {
                self.position += marker;
                self.ignore();
                self.comment()?;
            } else {
                self.emit(Kind::LeftDelimiter);
                self.position += marker;
                self.ignore();
                self.parentheses = 0;
                self.action()?;
            }
        }
        self.position = self.text.len();
        if self.position > self.start {
            self.emit(Kind::Text);
        }
        self.emit(Kind::End);
        Ok(())
    }

    fn text_before_action(&mut self, bytes: usize) {
        let end = self.position + bytes;
        let after = self.text.get(end + LEFT.len()..).unwrap_or_default();
        let text = self.rest().get(..bytes).unwrap_or_default();
        let kept = if has_left_marker(after) { text.trim_end_matches(SPACES).len() } else { bytes };
        self.position += kept;
        if kept > 0 {
            self.emit(Kind::Text);
        }
        self.position = end;
        self.ignore();
    }

    fn comment(&mut self) -> Result<(), String> {
        let inside = self.position + COMMENT_START.len();
        let after = self.text.get(inside..).unwrap_or_default();
        let end = after.find(COMMENT_END).ok_or("unclosed comment")?;
        self.position = inside + end + COMMENT_END.len();
        match self.right_delimiter() {
            Some(is_trimming) => {
                self.pass_right_delimiter(is_trimming);
                self.ignore();
                Ok(())
            }
            None => Err("comment ends before closing delimiter".to_owned()),
        }
    }

    /// Whether a right delimiter begins here, and whether it trims.
    fn right_delimiter(&self) -> Option<bool> {
        let rest = self.rest();
        if has_right_marker(rest) && rest.get(TRIM_BYTES..).is_some_and(|rest| rest.starts_with(RIGHT)) {
            return Some(true);
        }
        rest.starts_with(RIGHT).then_some(false)
    }

    fn pass_right_delimiter(&mut self, is_trimming: bool) {
        self.position += RIGHT.len() + if is_trimming { TRIM_BYTES } else { 0 };
        if is_trimming {
            self.position += self.rest().len() - self.rest().trim_start_matches(SPACES).len();
        }
    }

    /// What stands between the delimiters, the right one included.
    fn action(&mut self) -> Result<(), String> {
        loop {
            if let Some(is_trimming) = self.right_delimiter() {
                if self.parentheses > 0 {
                    return Err("unclosed left paren".to_owned());
                }
                if is_trimming {
                    self.position += TRIM_BYTES;
                    self.ignore();
                }
                self.position += RIGHT.len();
                self.emit(Kind::RightDelimiter);
                if is_trimming {
                    self.position += self.rest().len() - self.rest().trim_start_matches(SPACES).len();
                    self.ignore();
                }
                return Ok(());
            }
            self.inside_action()?;
        }
    }

    fn inside_action(&mut self) -> Result<(), String> {
        let Some(next) = self.peek() else { return Err("unclosed action".to_owned()) };
        match next {
            _ if SPACES.contains(&next) => self.space(),
            '"' => return self.quoted('"', "unterminated quoted string", Kind::String),
            '\'' => return self.quoted('\'', "unterminated character constant", Kind::CharConstant),
            '`' => return self.raw_quoted(),
            '$' => return self.variable(),
            '.' if !self.is_fraction() => return self.field(),
            '.' | '+' | '-' | '0'..='9' => return self.number(),
            _ if is_alphanumeric(next) => return self.identifier(),
            _ => return self.sign(next),
        }
        Ok(())
    }

    fn sign(&mut self, sign: char) -> Result<(), String> {
        self.next();
        match sign {
            '=' => self.emit(Kind::Assign),
            ':' if self.accept("=") => self.emit(Kind::Declare),
            ':' => return Err("expected :=".to_owned()),
            '|' => self.emit(Kind::Pipe),
            '(' => {
                self.parentheses += 1;
                self.emit(Kind::LeftParenthesis);
            }
            ')' => {
                self.parentheses = self.parentheses.checked_sub(1).ok_or("unexpected right paren")?;
                self.emit(Kind::RightParenthesis);
            }
            ' '..='~' => self.emit(Kind::Char),
            other => return Err(format!("unrecognized character in action: {}", quote::unicode(other))),
        }
        Ok(())
    }

    fn is_fraction(&self) -> bool {
        self.rest().as_bytes().get(1).is_some_and(u8::is_ascii_digit)
    }

    /// A run of spaces, but not the one that belongs to a right delimiter that trims.
    fn space(&mut self) {
        while self.peek().is_some_and(|next| SPACES.contains(&next)) {
            self.next();
        }
        self.position -= 1;
        if self.right_delimiter() != Some(true) {
            self.position += 1;
        }
        if self.position > self.start {
            self.emit(Kind::Space);
        }
    }

    fn identifier(&mut self) -> Result<(), String> {
        self.alphanumerics()?;
        let kind = match self.word() {
            "true" | "false" => Kind::Bool,
            word => Keyword::named(word).map_or(Kind::Identifier, Kind::Keyword),
        };
        self.emit(kind);
        Ok(())
    }

    fn alphanumerics(&mut self) -> Result<(), String> {
        while self.peek().is_some_and(is_alphanumeric) {
            self.next();
        }
        if self.is_at_terminator() {
            return Ok(());
        }
        let found = self.peek().map_or_else(|| "EOF".to_owned(), quote::unicode);
        Err(format!("bad character {found}"))
    }

    fn field(&mut self) -> Result<(), String> {
        self.next();
        if self.is_at_terminator() {
            self.emit(Kind::Keyword(Keyword::Dot));
            return Ok(());
        }
        self.alphanumerics()?;
        self.emit(Kind::Field);
        Ok(())
    }

    fn variable(&mut self) -> Result<(), String> {
        self.next();
        if !self.is_at_terminator() {
            self.alphanumerics()?;
        }
        self.emit(Kind::Variable);
        Ok(())
    }

    fn is_at_terminator(&self) -> bool {
        let ends = |next: char| SPACES.contains(&next) || ".,|:)(".contains(next);
        self.peek().is_none_or(ends) || self.rest().starts_with(RIGHT)
    }

    fn quoted(&mut self, quote: char, unterminated: &str, kind: Kind) -> Result<(), String> {
        self.next();
        loop {
            let mut next = self.next();
            let is_escaped = next == Some('\\');
            if is_escaped {
                next = self.next();
            }
            match next {
                None | Some('\n') => return Err(unterminated.to_owned()),
                Some(end) if end == quote && !is_escaped => break,
                Some(_) => {}
            }
        }
        self.emit(kind);
        Ok(())
    }

    fn raw_quoted(&mut self) -> Result<(), String> {
        self.next();
        let end = self.rest().find('`').ok_or("unterminated raw quoted string")?;
        self.position += end + 1;
        self.emit(Kind::RawString);
        Ok(())
    }

    fn number(&mut self) -> Result<(), String> {
        let mut is_number = self.scan_number();
        let is_complex = is_number && self.peek().is_some_and(|next| next == '+' || next == '-');
        if is_complex {
            is_number = self.scan_number() && self.word().ends_with('i');
        }
        if !is_number {
            return Err(format!("bad number syntax: {}", quote::double(self.word().as_bytes())));
        }
        self.emit(if is_complex { Kind::Complex } else { Kind::Number });
        Ok(())
    }

    /// Whether what was passed looks like a number. The parser finds out whether it is one.
    fn scan_number(&mut self) -> bool {
        const DECIMAL: &str = "0123456789_";
        self.accept("+-");
        let mut digits = DECIMAL;
        let mut exponent = "eE";
        if self.accept("0") {
            if self.accept("xX") {
                (digits, exponent) = ("0123456789abcdefABCDEF_", "pP");
            } else if self.accept("oO") {
                (digits, exponent) = ("01234567_", "");
            } else if self.accept("bB") {
                (digits, exponent) = ("01_", "");
            }
        }
        self.accept_run(digits);
        if self.accept(".") {
            self.accept_run(digits);
        }
        if self.accept(exponent) {
            self.accept("+-");
            self.accept_run(DECIMAL);
        }
        self.accept("i");
        let is_end = !self.peek().is_some_and(is_alphanumeric);
        if !is_end {
            self.next();
        }
        is_end
    }
}

fn is_alphanumeric(character: char) -> bool {
    character == '_' || character.is_alphanumeric()
}

fn has_left_marker(rest: &str) -> bool {
    matches!(rest.as_bytes(), [b'-', b' ' | b'\t' | b'\r' | b'\n', ..])
}

fn has_right_marker(rest: &str) -> bool {
    matches!(rest.as_bytes(), [b' ' | b'\t' | b'\r' | b'\n', b'-', ..])
}
