//! Names of fields that the language does not allow, and how they are written in it:
//! `k8s.io/apiserver/pkg/cel/escaping.go`.

use std::borrow::Cow;

use crate::token::RESERVED;

/// How a field is written in an expression: `a.b` as `a__dot__b`, `namespace` as `__namespace__`. `None` if it cannot be written.
pub fn escape(field: &str) -> Option<Cow<'_, str>> {
    if field.is_empty() || field.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    if is_reserved(field) {
        return Some(Cow::Owned(format!("__{field}__")));
    }
    if !field.contains(['.', '-', '/']) && !field.contains("__") {
        return is_plain(field).then_some(Cow::Borrowed(field));
    }
    let mut escaped = String::new();
    let mut rest = field;
    while let Some(first) = rest.chars().next() {
        let (written, length) = match first {
            '_' if rest.starts_with("__") => ("__underscores__", 2),
            '.' => ("__dot__", 1),
            '-' => ("__dash__", 1),
            '/' => ("__slash__", 1),
            other if other.is_ascii_alphanumeric() || other == '_' => (rest.get(..1)?, 1),
            _ => return None,
        };
        escaped.push_str(written);
        rest = rest.get(length..)?;
    }
    Some(Cow::Owned(escaped))
}

/// The field that an expression means by this name; the name itself if nothing in it is escaped.
pub fn unescape(name: &str) -> Cow<'_, str> {
    if !name.contains("__") {
        return Cow::Borrowed(name);
    }
    if let Some(word) = name.strip_prefix("__").and_then(|rest| rest.strip_suffix("__"))
        && is_reserved(word)
    {
        return Cow::Owned(word.to_owned());
    }
    let mut field = String::new();
    let mut rest = name;
    while let Some(at) = rest.find("__") {
        let (before, after) = rest.split_at(at);
        field.push_str(before);
        let known = [("__underscores__", "__"), ("__dot__", "."), ("__dash__", "-"), ("__slash__", "/")];
        match known.into_iter().find(|(written, _)| after.starts_with(written)) {
            Some((written, meant)) => {
                field.push_str(meant);
                rest = after.get(written.len()..).unwrap_or_default();
            }
            None => return Cow::Borrowed(name),
        }
    }
    field.push_str(rest);
    Cow::Owned(field)
}

fn is_reserved(word: &str) -> bool {
    matches!(word, "true" | "false" | "null" | "in") || RESERVED.contains(&word)
}

fn is_plain(field: &str) -> bool {
    field.chars().all(|character| character.is_ascii_alphanumeric() || character == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_written_and_meant_as_upstream_does() {
        let cases = [
            ("size", "size"),
            ("my_field", "my_field"),
            ("a.b", "a__dot__b"),
            ("a-b", "a__dash__b"),
            ("a/b", "a__slash__b"),
            ("a__b", "a__underscores__b"),
            ("a___b", "a__underscores___b"),
            ("namespace", "__namespace__"),
            ("in", "__in__"),
            ("x-a.b/c__d", "x__dash__a__dot__b__slash__c__underscores__d"),
        ];
        for (field, written) in cases {
            assert_eq!(escape(field).as_deref(), Some(written));
            assert_eq!(unescape(written), field);
        }
        for impossible in ["", "1a", "a b", "ä", "a$"] {
            assert_eq!(escape(impossible), None, "{impossible:?}");
        }
    }
}
