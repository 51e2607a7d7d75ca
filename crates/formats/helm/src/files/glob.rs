//! Patterns for names of files: `*` and `?` stop at `/`, `**` does not; `[a-z]`, `[!a]` and `{a,b}`.

use bythos_gotemplate::{Map, Shape};
use regex::Regex;

/// The files whose names match. What is no pattern matches everything, as in Helm.
pub(super) fn matching(files: &Map, pattern: &str, shape: Shape) -> Map {
    let regex = to_regex(pattern).and_then(|regex| Regex::new(&regex).ok());
    let is_match = |name: &str| regex.as_ref().is_none_or(|regex| regex.is_match(name));
    let found = files.to_fields().into_iter().filter(|(name, _)| is_match(&name.to_str()));
    Map::of(shape, found.collect())
}

fn to_regex(pattern: &str) -> Option<String> {
    let mut regex = String::from("(?s)^");
    let mut rest = pattern.chars().peekable();
    let mut open = 0usize;
    while let Some(next) = rest.next() {
        match next {
            '*' if rest.next_if_eq(&'*').is_some() => regex.push_str(".*"),
            '*' => regex.push_str("[^/]*"),
            '?' => regex.push_str("[^/]"),
            '\\' => regex.push_str(&regex::escape(&rest.next()?.to_string())),
            '{' => {
                open += 1;
                regex.push_str("(?:");
            }
            '}' if open > 0 => {
                open -= 1;
                regex.push(')');
            }
            ',' if open > 0 => regex.push('|'),
            '[' => regex.push_str(&class(&mut rest)?),
            other => regex.push_str(&regex::escape(&other.to_string())),
        }
    }
    regex.push('$');
    (open == 0).then_some(regex)
}

fn class(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<String> {
    let mut class = String::from("[");
    if rest.next_if_eq(&'!').is_some() {
        class.push('^');
    }
    loop {
        match rest.next()? {
            ']' => break,
            '-' => class.push('-'),
            other => class.push_str(&regex::escape(&other.to_string())),
        }
    }
    class.push(']');
    Some(class)
}
