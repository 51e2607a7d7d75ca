//! `${name}` and its functions in a text, by the rules of Flux' "envsubst". Pure, and bounded in work and output.
//!
//! As there, a variable that is not set is empty; `:-`, `:=`, `:?` and `:+` all stand for "if empty, this"; positions
//! count bytes; `$$` stands for one `$`.

use super::Variables;
use super::pattern::Pattern;

/// How deep one substitution may stand within another.
const DEPTH_MAX: usize = 32;

/// What a text may grow to, in bytes.
const TEXT_BYTES_MAX: usize = 64 << 20;

/// Puts the variables into `text`.
pub(super) fn expand(text: &str, variables: &Variables) -> Result<String, String> {
    let mut expander = Expander { rest: text, variables, depth: 0, bytes_left: TEXT_BYTES_MAX };
    expander.text()
}

/// What a substitution does with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Default,
    Lower,
    LowerFirst,
    Upper,
    UpperFirst,
    Slice,
    TrimStart(Reach),
    TrimEnd(Reach),
    Replace(Place),
}

/// Whether the shortest or the longest match is taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    Shortest,
    Longest,
}

/// Which matches are replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    First,
    All,
    Start,
    End,
}

/// The longer ones first: the first that fits is meant.
const OPERATORS: [(&str, Operator); 18] = [
    (":=", Operator::Default),
    (":-", Operator::Default),
    (":?", Operator::Default),
    (":+", Operator::Default),
    ("=", Operator::Default),
    (",,", Operator::Lower),
    (",", Operator::LowerFirst),
    ("^^", Operator::Upper),
    ("^", Operator::UpperFirst),
    (":", Operator::Slice),
    ("##", Operator::TrimStart(Reach::Longest)),
    ("#", Operator::TrimStart(Reach::Shortest)),
    ("%%", Operator::TrimEnd(Reach::Longest)),
    ("%", Operator::TrimEnd(Reach::Shortest)),
    ("//", Operator::Replace(Place::All)),
    ("/#", Operator::Replace(Place::Start)),
    ("/%", Operator::Replace(Place::End)),
    ("/", Operator::Replace(Place::First)),
];

struct Expander<'a> {
    rest: &'a str,
    variables: &'a Variables,
    depth: usize,
    bytes_left: usize,
}

impl Expander<'_> {
    /// Everything up to the end, outside of substitutions.
    fn text(&mut self) -> Result<String, String> {
        let mut expanded = String::with_capacity(self.rest.len());
        while let Some(at) = self.rest.find('$') {
            let (before, from) = self.rest.split_at(at);
            expanded.push_str(before);
            self.rest = from;
            if self.take("${") {
                expanded.push_str(&self.function()?);
            } else {
                self.rest = from.strip_prefix("$$").or_else(|| from.strip_prefix('$')).unwrap_or_default();
                expanded.push('$');
            }
        }
        expanded.push_str(self.rest);
        self.rest = "";
        Ok(expanded)
    }

    /// What stands after `${`, up to and with its `}`.
    fn function(&mut self) -> Result<String, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(format!("more than {DEPTH_MAX} substitutions within each other"));
        }
        let is_length = self.take("#");
        let name = self.name()?;
        let value = self.variables.get(&name).cloned().unwrap_or_default();
        let found = if is_length {
            value.len().to_string()
        } else {
            match OPERATORS.iter().find(|(text, _)| self.take(text)) {
                None => value,
                Some((_, operator)) => self.apply(*operator, value)?,
            }
        };
        if !self.take("}") {
            return Err(format!(
                "\"${{{name}\" is not closed by \"}}\", or what follows the name is no function; write $${{...}} for the text \
                 itself"
            ));
        }
        self.depth -= 1;
        self.bytes_left = self
            .bytes_left
            .checked_sub(found.len())
            .ok_or_else(|| format!("substitutions make more than {TEXT_BYTES_MAX} bytes"))?;
        Ok(found)
    }

    fn name(&mut self) -> Result<String, String> {
        let end = self.rest.find(|it: char| it != '_' && !it.is_alphanumeric()).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        if name.is_empty() {
            let near: String = rest.chars().take(20).collect();
            return Err(format!(
                "expected the name of a variable after \"${{\", found {near:?}; write $${{...}} for the text itself"
            ));
        }
        self.rest = rest;
        Ok(name.to_owned())
    }

    fn apply(&mut self, operator: Operator, value: String) -> Result<String, String> {
        Ok(match operator {
            Operator::Default => {
                let default = self.words(&['}'])?;
                if value.is_empty() { default } else { value }
            }
            Operator::Lower => value.to_lowercase(),
            Operator::Upper => value.to_uppercase(),
            Operator::LowerFirst => first(&value, |it| it.to_lowercase().collect()),
            Operator::UpperFirst => first(&value, |it| it.to_uppercase().collect()),
            Operator::Slice => self.slice(value)?,
            Operator::TrimStart(reach) => {
                let pattern = Pattern::parse(&self.words(&['}'])?);
                match pattern.prefix(&value, reach == Reach::Longest)? {
                    Some(length) => value.get(length..).unwrap_or_default().to_owned(),
                    None => value,
                }
            }
            Operator::TrimEnd(reach) => {
                let pattern = Pattern::parse(&self.words(&['}'])?);
                match pattern.suffix(&value, reach == Reach::Longest)? {
                    Some(length) => value.get(..value.len() - length).unwrap_or_default().to_owned(),
                    None => value,
                }
            }
            Operator::Replace(place) => {
                let what = self.words(&['/', '}'])?;
                if !self.take("/") {
                    return Err("a replacement needs a second \"/\": ${name/what/by}".to_owned());
                }
                let by = self.words(&['}'])?;
                self.replace(place, &value, &what, &by)?
            }
        })
    }

    fn slice(&mut self, value: String) -> Result<String, String> {
        let start = self.words(&[':', '}'])?;
        let length = if self.take(":") { Some(self.words(&['}'])?) } else { None };
        // As in bash, what is no number changes nothing.
        let Ok(start) = start.parse::<i64>() else { return Ok(value) };
        let size = i64::try_from(value.len()).unwrap_or(i64::MAX);
        let start = if start < 0 { (size + start).max(0) } else { start.min(size) };
        let end = match length.map(|it| it.parse::<i64>()) {
            None => size,
            Some(Err(_)) => return Ok(value),
            Some(Ok(length)) if length < 0 => return Err(format!("the length {length} is below zero")),
            Some(Ok(length)) => start.saturating_add(length).min(size),
        };
        let place = |it: i64| usize::try_from(it).unwrap_or_default();
        let bytes = value.as_bytes().get(place(start)..place(end)).unwrap_or_default();
        Ok(String::from_utf8_lossy(bytes).into_owned())
    }

    fn replace(&self, place: Place, value: &str, what: &str, by: &str) -> Result<String, String> {
        let count = if what.is_empty() { value.len() + 1 } else { value.len() / what.len() };
        if count.saturating_mul(by.len()) > self.bytes_left {
            return Err(format!("substitutions make more than {TEXT_BYTES_MAX} bytes"));
        }
        Ok(match place {
            Place::All => value.replace(what, by),
            Place::First => value.replacen(what, by, 1),
            Place::Start => value.strip_prefix(what).map_or(value.to_owned(), |rest| format!("{by}{rest}")),
            Place::End => value.strip_suffix(what).map_or(value.to_owned(), |rest| format!("{rest}{by}")),
        })
    }

    /// A parameter: text and substitutions up to one of `ends`, which stays. In it `\/` stands for a slash.
    fn words(&mut self, ends: &[char]) -> Result<String, String> {
        let mut words = String::new();
        loop {
            if self.take("${") {
                words.push_str(&self.function()?);
                continue;
            }
            let mut characters = self.rest.chars();
            match characters.next() {
                None => return Err("a substitution is not closed by \"}\"".to_owned()),
                Some(character) if ends.contains(&character) => return Ok(words),
                Some('\\')
                    if ends.contains(&'/') && matches!(characters.clone().next(), Some('/' | '\\')) =>
                {
                    words.extend(characters.next());
                }
                Some(character) => words.push(character),
            }
            self.rest = characters.as_str();
        }
    }

    fn take(&mut self, text: &str) -> bool {
        let after = self.rest.strip_prefix(text);
        if let Some(after) = after {
            self.rest = after;
        }
        after.is_some()
    }
}

/// The value with its first character changed.
fn first(value: &str, change: impl Fn(char) -> String) -> String {
    let mut characters = value.chars();
    characters.next().map_or_else(String::new, |it| change(it) + characters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables() -> Variables {
        let pairs =
            [("one", "1"), ("empty", ""), ("word", "heLLo"), ("path", "a/b/c.tar.gz"), ("two", "word")];
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(expand(text, &variables()).as_deref(), Ok(expected), "{text}");
    }

    #[track_caller]
    fn refused(text: &str, expected: &str) {
        let found = expand(text, &variables()).unwrap_err();
        assert!(found.contains(expected), "{text}: {found}");
    }

    #[test]
    fn variables_are_put_in() {
        check("a: ${one}", "a: 1");
        check("a: ${one}${one}", "a: 11");
        check("a: ${none}.", "a: .");
        check("a: $one $(one) $", "a: $one $(one) $");
    }

    #[test]
    fn two_dollars_stand_for_one() {
        check("a: $${one}", "a: ${one}");
        check("a$$b", "a$b");
        check("$$$${one}", "$${one}");
        check("$$ ${one}", "$ 1");
    }

    #[test]
    fn defaults_stand_for_what_is_empty() {
        check("${none:=x}", "x");
        check("${empty:-x y}", "x y");
        check("${none=x}", "x");
        check("${one:=x}", "1");
        check("${none:=${one}-${two}}", "1-word");
        check("${none:=a:b/c}", "a:b/c");
        check("${none:=}", "");
    }

    #[test]
    fn letters_change_their_case() {
        check("${word^^} ${word^} ${word,,} ${none^}", "HELLO HeLLo hello ");
    }

    #[test]
    fn parts_are_cut_out() {
        check("${#word}", "5");
        check("${word:1}", "eLLo");
        check("${word:1:2}", "eL");
        check("${word:3:9}", "Lo");
        check("${word:9}", "");
        check("${word:-9}", "heLLo");
        check("${word:x}", "heLLo");
        check("${word:${one}:${one}}", "e");
    }

    #[test]
    fn ends_are_trimmed_by_patterns() {
        check("${path#*/}", "b/c.tar.gz");
        check("${path##*/}", "c.tar.gz");
        check("${path%.*}", "a/b/c.tar");
        check("${path%%.*}", "a/b/c");
        check("${path%.zip}", "a/b/c.tar.gz");
        check("${word#[g-i]?}", "LLo");
        check("${word%[!a-n]}", "heLL");
        check(r"${path%\.gz}", "a/b/c.tar");
    }

    #[test]
    fn texts_are_replaced() {
        check("${word/L/l}", "helLo");
        check("${word//L/l}", "hello");
        check("${word//L/}", "heo");
        check("${word/#he/He}", "HeLLo");
        check("${word/%o/0}", "heLL0");
        check("${word/#x/y}", "heLLo");
        check(r"${path//\//-}", "a-b-c.tar.gz");
    }

    #[test]
    fn what_is_no_substitution_is_refused() {
        refused("a: ${one", "is not closed");
        refused("a: ${none:=x", "is not closed");
        refused("a: ${one-x}", "what follows the name is no function");
        refused("a: ${}", "expected the name of a variable after \"${\", found \"}\"");
        refused("a: ${ one }", "expected the name");
        refused("${word/x}", "needs a second \"/\"");
        refused("${word:1:-2}", "below zero");
        refused(&"${a:=".repeat(40), "within each other");
    }

    #[test]
    fn what_grows_without_bounds_is_refused() {
        let big = Variables::from([("big".to_owned(), "x".repeat(1 << 20))]);
        let grown = expand(&"${big}".repeat(100), &big);
        assert!(grown.unwrap_err().contains("bytes"));
        assert!(expand("${big//x/${big}}", &big).unwrap_err().contains("bytes"));
        let slow = expand(&format!("${{big##{}}}", "*a".repeat(5000)), &big);
        assert!(slow.unwrap_err().contains("too long"));
    }
}
