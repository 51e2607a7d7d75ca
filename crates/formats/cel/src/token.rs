//! From the text of an expression to its tokens.

use crate::ExpressionError;

mod text;

/// The longest expression that is read, in characters. Upstream reads as many.
const SOURCE_LENGTH_MAX: usize = 100_000;

/// Words that the language keeps for later; upstream refuses them as identifiers.
pub(crate) const RESERVED: [&str; 17] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "namespace",
    "package",
    "return",
    "var",
    "void",
    "while",
];

/// What kind of token.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    /// A name, `true`, `false`, `null` and `in` included.
    Name(String),
    /// The magnitude of an integer; its sign is a token of its own.
    Int(u64),
    Uint(u64),
    Double(f64),
    String(String),
    Bytes(Vec<u8>),
    /// An operator or a bracket.
    Mark(&'static str),
    End,
}

impl Kind {
    /// How it is named in messages.
    pub(crate) fn describe(&self) -> String {
        match self {
            Kind::Name(name) => format!("{name:?}"),
            Kind::Int(number) => number.to_string(),
            Kind::Uint(number) => format!("{number}u"),
            Kind::Double(number) => number.to_string(),
            Kind::String(text) => format!("{text:?}"),
            Kind::Bytes(_) => "bytes".to_owned(),
            Kind::Mark(mark) => format!("'{mark}'"),
            Kind::End => "the end".to_owned(),
        }
    }
}

/// A token and the byte at which it begins.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) at: usize,
}

/// Longer marks come first.
const MARKS: [&str; 25] = [
    "==", "!=", "<=", ">=", "&&", "||", "?", ":", ".", ",", "(", ")", "[", "]", "{", "}", "<", ">", "!", "+",
    "-", "*", "/", "%", "=",
];

/// The tokens of an expression; the last one is [`Kind::End`].
pub(crate) fn tokens(source: &str) -> Result<Vec<Token>, ExpressionError> {
    if source.chars().count() > SOURCE_LENGTH_MAX {
        let message = format!("found more than {SOURCE_LENGTH_MAX} characters, which is the limit");
        return Err(ExpressionError::at(source, 0, message));
    }
    let mut lexer = Lexer { source, at: 0 };
    let mut tokens = Vec::new();
    loop {
        let token = lexer.next()?;
        let is_end = token.kind == Kind::End;
        tokens.push(token);
        if is_end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'s> {
    source: &'s str,
    at: usize,
}

impl<'s> Lexer<'s> {
    fn rest(&self) -> &'s str {
        self.source.get(self.at..).unwrap_or_default()
    }

    fn error(&self, message: impl Into<String>) -> ExpressionError {
        ExpressionError::at(self.source, self.at, message)
    }

    fn next(&mut self) -> Result<Token, ExpressionError> {
        self.skip_space();
        let at = self.at;
        let kind = self.kind()?;
        Ok(Token { kind, at })
    }

    fn skip_space(&mut self) {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start_matches([' ', '\t', '\n', '\r', '\x0c']);
            self.at += rest.len() - trimmed.len();
            if !trimmed.starts_with("//") {
                return;
            }
            self.at += trimmed.find('\n').unwrap_or(trimmed.len());
        }
    }

    fn kind(&mut self) -> Result<Kind, ExpressionError> {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Ok(Kind::End) };
        if let Some(opening) = text::opening(rest) {
            let (kind, length) = opening.read(rest).map_err(|words| self.error(words))?;
            self.at += length;
            return Ok(kind);
        }
        let second_is_digit = rest.as_bytes().get(1).is_some_and(u8::is_ascii_digit);
        if first.is_ascii_digit() || (first == '.' && second_is_digit) {
            return self.number();
        }
        if first.is_ascii_alphabetic() || first == '_' {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            self.at += end;
            return Ok(Kind::Name(rest.get(..end).unwrap_or_default().to_owned()));
        }
        match MARKS.iter().find(|mark| rest.starts_with(**mark)) {
            Some(mark) => {
                self.at += mark.len();
                Ok(Kind::Mark(mark))
            }
            None => Err(self.error(format!("Syntax error: token recognition error at: '{first}'"))),
        }
    }

    fn number(&mut self) -> Result<Kind, ExpressionError> {
        let rest = self.rest();
        if let Some(digits) = rest.strip_prefix("0x").or_else(|| rest.strip_prefix("0X")) {
            let length = digits.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(digits.len());
            let number = u64::from_str_radix(digits.get(..length).unwrap_or_default(), 16);
            return self.integer(number, 2 + length);
        }
        let length = decimal_length(rest);
        let text = rest.get(..length).unwrap_or_default();
        if !text.contains(['.', 'e', 'E']) {
            return self.integer(text.parse(), length);
        }
        let number = text.parse().map_err(|_| self.error(format!("invalid double literal: {text:?}")))?;
        self.at += length;
        Ok(Kind::Double(number))
    }

    fn integer(
        &mut self,
        number: Result<u64, std::num::ParseIntError>,
        length: usize,
    ) -> Result<Kind, ExpressionError> {
        let number = number.map_err(|_| self.error("invalid int literal"))?;
        self.at += length;
        if self.rest().starts_with(['u', 'U']) {
            self.at += 1;
            return Ok(Kind::Uint(number));
        }
        Ok(Kind::Int(number))
    }
}

/// How much of the text is a decimal number: digits, a fraction, an exponent.
fn decimal_length(text: &str) -> usize {
    let digits = |from: usize| {
        let rest = text.get(from..).unwrap_or_default();
        rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())
    };
    let mut length = digits(0);
    if text.as_bytes().get(length) == Some(&b'.') && digits(length + 1) > 0 {
        length += 1 + digits(length + 1);
    }
    if matches!(text.as_bytes().get(length), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.as_bytes().get(length + 1), Some(b'+' | b'-')));
        let exponent = digits(length + 1 + sign);
        if exponent > 0 {
            length += 1 + sign + exponent;
        }
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(source: &str, expected: &[Kind]) {
        let found: Vec<Kind> = tokens(source).unwrap().into_iter().map(|token| token.kind).collect();
        let expected: Vec<Kind> = expected.iter().cloned().chain([Kind::End]).collect();
        assert_eq!(found, expected, "{source}");
    }

    #[test]
    fn numbers_names_and_marks_are_told_apart() {
        check("0x1F 7u 18446744073709551615", &[Kind::Int(31), Kind::Uint(7), Kind::Int(u64::MAX)]);
        check("1.5 .5 1e3 2.5E-2", &[1.5, 0.5, 1000.0, 0.025].map(Kind::Double));
        check("1.size", &[Kind::Int(1), Kind::Mark("."), Kind::Name("size".into())]);
        check(
            "a<=b // not read\n_c",
            &[Kind::Name("a".into()), Kind::Mark("<="), Kind::Name("b".into()), Kind::Name("_c".into())],
        );
    }

    #[test]
    fn texts_are_read_with_their_escapes() {
        let texts = [
            (r#""a\n\t\"'""#, "a\n\t\"'"),
            (r"'a\x41\u00e4\U0001F600\101'", "aAä\u{1F600}A"),
            (r"r'\d+'", r"\d+"),
            ("'''two\nlines '' here'''", "two\nlines '' here"),
            (r#"R"""a\b""""#, r"a\b"),
            ("''", ""),
        ];
        for (source, expected) in texts {
            check(source, &[Kind::String(expected.into())]);
        }
        check(r"b'\xff\101a'", &[Kind::Bytes(vec![0xff, b'A', b'a'])]);
        check("b'ä'", &[Kind::Bytes("ä".as_bytes().to_vec())]);
        check("br'\\n'", &[Kind::Bytes(b"\\n".to_vec())]);
    }

    #[test]
    fn what_is_no_token_is_refused_with_its_place() {
        for (source, column) in
            [("a # b", 3), ("'open", 1), (r"'\q'", 1), ("99999999999999999999", 1), ("'a\nb'", 1)]
        {
            let error = tokens(source).unwrap_err();
            assert_eq!(error.column, column, "{source}: {error}");
        }
    }
}
