//! From Go's regular expressions to those of the `regex` crate: both are of one family, with other letters.
//!
//! In Go, `\d`, `\w`, `\s` and `\b` know ASCII alone, `\Q...\E` quotes, and `[` inside of brackets is a bracket. What the
//! crate would take and Go refuses is refused here: flags such as `(?x)`, and repetitions of repetitions.

mod class;
mod group;
mod repetition;

use repetition::Repeats;

const DIGITS: &str = "0-9";
const WORDS: &str = "0-9A-Za-z_";
const SPACES: &str = r"\t\n\x0C\r ";

/// # Errors
/// In Go's words, with the part of the expression that is wrong.
pub(super) fn translate(expression: &str) -> Result<String, String> {
    let translated = String::with_capacity(expression.len() + 16);
    let mut translator = Translator { rest: expression, translated };
    let mut repeats = Repeats::default();
    // The expression from the repetition on that came right before.
    let mut repeated = None;
    loop {
        let start = translator.rest;
        let Some(next) = translator.next() else { return Ok(translator.translated) };
        let token = translator.token(next, start)?;
        let is_repetition = matches!(token, Token::Repetition(_));
        if let Some(first) = repeated.filter(|_| is_repetition) {
            return Err(wrong("invalid nested repetition operator", translator.since(first)));
        }
        if !repeats.count(token) {
            return Err(wrong("invalid repeat count", translator.since(start)));
        }
        repeated = is_repetition.then_some(start);
    }
}

/// What was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    /// `*` or `{2,3}`, which repeats what comes before: so often, if it is counted.
    Repetition(u32),
    /// A group begins.
    Open,
    /// A group ends.
    Close,
    /// Anything else.
    Other,
}

/// What is wrong, and the part of the expression.
fn wrong(why: &str, part: &str) -> String {
    format!("{why}: `{part}`")
}

fn trailing_backslash() -> String {
    wrong("trailing backslash at end of expression", "")
}

/// An expression on its way.
struct Translator<'e> {
    rest: &'e str,
    translated: String,
}

impl<'e> Translator<'e> {
    fn next(&mut self) -> Option<char> {
        let mut characters = self.rest.chars();
        let next = characters.next();
        self.rest = characters.as_str();
        next
    }

    fn take(&mut self, wanted: &str) -> bool {
        let rest = self.rest.strip_prefix(wanted);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// What was read since `start` was all of the rest.
    fn since(&self, start: &'e str) -> &'e str {
        start.get(..start.len() - self.rest.len()).unwrap_or(start)
    }

    /// `start` begins with `next`.
    fn token(&mut self, next: char, start: &'e str) -> Result<Token, String> {
        match next {
            '*' | '+' | '?' => return Ok(self.repetition(next)),
            '{' => return self.counted_repetition(start),
            '\\' => self.escape(start)?,
            '[' => self.class(start)?,
            '(' => return self.group(start),
            // These mean nothing special in either.
            other => self.translated.push(other),
        }
        Ok(if next == ')' { Token::Close } else { Token::Other })
    }

    /// Outside of brackets. `start` begins with the `\`.
    fn escape(&mut self, start: &'e str) -> Result<(), String> {
        let letter = self.next().ok_or_else(trailing_backslash)?;
        match letter {
            'Q' => self.quoted(),
            'b' => self.translated.push_str(r"(?-u:\b)"),
            'B' => self.translated.push_str(r"(?-u:\B)"),
            'A' | 'z' => self.translated.extend(['\\', letter]),
            _ => match set(letter) {
                Some((set, Set::Inside)) => self.translated.push_str(&format!("[{set}]")),
                Some((set, Set::Outside)) => self.translated.push_str(&format!("[^{set}]")),
                None if matches!(letter, 'p' | 'P') => self.unicode_class(letter, start)?,
                None => self.character_escape(letter, start)?,
            },
        }
        Ok(())
    }

    /// What stands for one character.
    fn character_escape(&mut self, letter: char, start: &'e str) -> Result<(), String> {
        let follows_octal = self.rest.starts_with(|next| matches!(next, '0'..='7'));
        match letter {
            'a' | 'f' | 't' | 'n' | 'r' | 'v' => self.translated.extend(['\\', letter]),
            'x' => self.hexadecimal(),
            // One digit alone would name a group.
            '0' => self.octal(0),
            '1'..='7' if follows_octal => self.octal(letter.to_digit(8).unwrap_or(0)),
            _ if letter.is_ascii_punctuation() => self.translated.push_str(&escaped(letter)),
            _ => return Err(wrong("invalid escape sequence", self.since(start))),
        }
        Ok(())
    }

    fn hexadecimal(&mut self) {
        self.translated.push_str(r"\x");
        if self.rest.starts_with('{') {
            self.copy_through('}');
        }
    }

    fn octal(&mut self, first: u32) {
        let mut code = first;
        for _ in 0..2 {
            let Some(digit) = self.rest.chars().next().and_then(|next| next.to_digit(8)) else { break };
            code = code * 8 + digit;
            self.next();
        }
        self.translated.push_str(&format!(r"\x{{{code:x}}}"));
    }

    /// `\pN`, `\p{Greek}` or `\p{^Greek}`.
    fn unicode_class(&mut self, letter: char, start: &'e str) -> Result<(), String> {
        let is_negated = self.take("{^");
        let letter = match letter {
            'p' if is_negated => 'P',
            'P' if is_negated => 'p',
            other => other,
        };
        self.translated.extend(['\\', letter]);
        if is_negated {
            self.translated.push('{');
        }
        if is_negated || self.rest.starts_with('{') {
            self.copy_through('}');
            return Ok(());
        }
        let name = self.next().ok_or_else(|| wrong("invalid character class range", start))?;
        self.translated.push(name);
        Ok(())
    }

    fn copy_through(&mut self, end: char) {
        while let Some(next) = self.next() {
            self.translated.push(next);
            if next == end {
                break;
            }
        }
    }

    fn quoted(&mut self) {
        let (text, rest) = self.rest.split_once(r"\E").unwrap_or((self.rest, ""));
        self.translated.push_str(&regex::escape(text));
        self.rest = rest;
    }
}

/// Which characters a letter stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Set {
    /// Those in the set.
    Inside,
    /// All others.
    Outside,
}

/// A set by its letter.
fn set(letter: char) -> Option<(&'static str, Set)> {
    Some(match letter {
        'd' => (DIGITS, Set::Inside),
        'D' => (DIGITS, Set::Outside),
        'w' => (WORDS, Set::Inside),
        'W' => (WORDS, Set::Outside),
        's' => (SPACES, Set::Inside),
        'S' => (SPACES, Set::Outside),
        _ => return None,
    })
}

/// The crate refuses to escape what never needs it.
fn escaped(character: char) -> String {
    regex::escape(&character.to_string())
}
