//! Regular expressions as Go reads them (RE2), for this language's engine, which is of the same kind but reads a few
//! things otherwise: Go's classes `\d`, `\w` and `\s` are ASCII, a `[` inside a class stands for itself, and `\Q...\E`
//! quotes.

use std::sync::{Arc, OnceLock};

use regex::{Regex, RegexBuilder};

/// Patterns come from outside: a compiled one takes no more memory than this, in bytes.
const SIZE_MAX: usize = 10 << 20;

/// A regular expression that was written for Go. It is compiled when it is first used: most patterns of most
/// definitions never are, and a compiled one weighs up to some megabytes.
#[derive(Debug, Clone)]
pub struct Pattern {
    written: Arc<str>,
    compiled: OnceLock<Option<Regex>>,
}

/// A text that is no regular expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PatternError(String);

impl Pattern {
    /// Reads a regular expression.
    ///
    /// # Errors
    /// It is none.
    pub fn new(written: &str) -> Result<Pattern, PatternError> {
        regex_syntax::Parser::new()
            .parse(&translated(written))
            .map_err(|error| PatternError(error.to_string()))?;
        Ok(Pattern { written: written.into(), compiled: OnceLock::new() })
    }

    /// Compiles a regular expression at once, if it takes no more than some memory, in bytes.
    ///
    /// # Errors
    /// It is none, or takes more.
    pub fn compile(written: &str, size_max: usize) -> Result<Regex, PatternError> {
        let built = RegexBuilder::new(&translated(written)).size_limit(size_max).build();
        built.map_err(|error| PatternError(error.to_string()))
    }

    /// Whether it is found in a text; never if it takes too much memory.
    pub fn is_match(&self, text: &str) -> bool {
        self.regex().is_some_and(|regex| regex.is_match(text))
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// What carries it out; `None` if it takes too much memory.
    pub fn regex(&self) -> Option<&Regex> {
        self.compiled.get_or_init(|| Pattern::compile(&self.written, SIZE_MAX).ok()).as_ref()
    }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.written)
    }
}

fn translated(pattern: &str) -> String {
    let mut translated = String::with_capacity(pattern.len());
    let mut rest = pattern;
    // Whether we are inside a class, and whether at its beginning, where `]` stands for itself.
    let (mut is_class, mut is_class_start) = (false, false);
    while let Some(first) = rest.chars().next() {
        let after = rest.get(first.len_utf8()..).unwrap_or_default();
        let was_start = std::mem::take(&mut is_class_start);
        rest = match first {
            '\\' if after.starts_with('Q') && !is_class => {
                let quoted = after.get(1..).unwrap_or_default();
                let (quoted, after) = quoted.split_once("\\E").unwrap_or((quoted, ""));
                translated.push_str(&regex::escape(quoted));
                after
            }
            '\\' => escape(after, is_class, &mut translated),
            '[' if is_class => match after.strip_prefix(':').and_then(|name| name.find(":]")) {
                Some(end) => {
                    let length = 1 + end + 2;
                    translated.push('[');
                    translated.push_str(after.get(..length).unwrap_or_default());
                    after.get(length..).unwrap_or_default()
                }
                None => {
                    translated.push_str("\\[");
                    after
                }
            },
            '[' => {
                (is_class, is_class_start) = (true, true);
                let negated = after.strip_prefix('^');
                translated.push_str(if negated.is_some() { "[^" } else { "[" });
                negated.unwrap_or(after)
            }
            ']' if is_class && was_start => {
                translated.push_str("\\]");
                after
            }
            ']' if is_class => {
                is_class = false;
                translated.push(']');
                after
            }
            // Two of them would be an operation on classes here.
            '&' | '~' if is_class => {
                translated.push('\\');
                translated.push(first);
                after
            }
            '-' if is_class && after.starts_with('-') => {
                translated.push_str("\\-");
                after
            }
            other => {
                translated.push(other);
                after
            }
        };
    }
    translated
}

/// Writes the escape whose letter begins `after`, and gives what follows it.
fn escape<'p>(after: &'p str, is_class: bool, translated: &mut String) -> &'p str {
    let Some(letter) = after.chars().next() else {
        translated.push('\\');
        return after;
    };
    let ascii = match letter {
        'd' if is_class => Some("0-9"),
        'd' => Some("[0-9]"),
        'D' => Some("[^0-9]"),
        'w' if is_class => Some("0-9A-Za-z_"),
        'w' => Some("[0-9A-Za-z_]"),
        'W' => Some("[^0-9A-Za-z_]"),
        's' if is_class => Some("\\t\\n\\x0c\\r\\x20"),
        's' => Some("[\\t\\n\\x0c\\r\\x20]"),
        'S' => Some("[^\\t\\n\\x0c\\r\\x20]"),
        'b' if !is_class => Some("(?-u:\\b)"),
        _ => None,
    };
    match ascii {
        Some(ascii) => translated.push_str(ascii),
        None => {
            translated.push('\\');
            translated.push(letter);
        }
    }
    after.get(letter.len_utf8()..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, text: &str, matches: bool) {
        let regex = Pattern::new(pattern).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(regex.is_match(text), matches, "{pattern} {text:?}");
    }

    #[test]
    fn classes_are_those_of_go() {
        check(r"^\d$", "5", true);
        check(r"^\d$", "\u{663}", false);
        check(r"^\w+$", "a_1", true);
        check(r"^\w$", "ä", false);
        check(r"^[\w.-]+$", "a-b.c", true);
        check(r"^[^\s]+$", "a b", false);
        check(r"^[\D]$", "5", false);
        check(r"^[a[]+$", "a[", true);
        check(r"^[]a]+$", "]a", true);
        check(r"^[^]a]$", "b", true);
        check(r"^[[:alpha:]]+$", "ab", true);
        check(r"^[!--]+$", "!-", true);
        check(r"^[a&&b]+$", "&", true);
        check(r"\Qa.b\E+", "a.bb", true);
        check(r"\Qa.b", "axb", false);
        check(r"\bfoo\b", "a foo b", true);
        check(r"^\pL+$", "äb", true);
    }

    #[test]
    fn what_is_none_or_too_large_is_refused() {
        for pattern in ["(", "[a", r"\", "(?<a", "(?=a)"] {
            assert!(Pattern::new(pattern).is_err(), "{pattern}");
        }
        let large = "a{1000}{1000}{1000}";
        assert!(Pattern::compile(large, 1 << 18).is_err());
        assert!(!Pattern::new(large).unwrap().is_match("a"));
    }
}
