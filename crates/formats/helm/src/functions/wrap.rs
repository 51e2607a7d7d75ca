//! `wrap` and `wrapWith`: lines of a certain length, broken at spaces.

use bythos_gotemplate::{Failure, Function, Scope, Text};

pub(super) fn functions() -> Vec<Function> {
    vec![
        Function::new("wrap", |scope: &mut Scope<'_>, width: i64, text: Text| {
            wrap(scope, &text, width, b"\n", LongWords::Whole)
        }),
        Function::new("wrapWith", |scope: &mut Scope<'_>, width: i64, separator: Text, text: Text| {
            let separator = if separator.is_empty() { b"\n" } else { separator.as_bytes() };
            wrap(scope, &text, width, separator, LongWords::Broken)
        }),
    ]
}

/// What becomes of a word that is longer than a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LongWords {
    Whole,
    Broken,
}

fn wrap(
    scope: &Scope<'_>,
    text: &Text,
    width: i64,
    separator: &[u8],
    long_words: LongWords,
) -> Result<Text, Failure> {
    let width = usize::try_from(width).unwrap_or(0).max(1);
    let mut rest = text.as_bytes();
    scope.budget().spend_bytes((rest.len() / width + 1).saturating_mul(separator.len()))?;
    let mut wrapped = Vec::with_capacity(rest.len());
    while rest.len() > width {
        if let Some(after) = rest.strip_prefix(b" ") {
            rest = after;
            continue;
        }
        let window = rest.get(..=width).unwrap_or(rest);
        let space = window.iter().rposition(|byte| *byte == b' ');
        let (line, after) = match (space, long_words) {
            (Some(space), _) => (space, space + 1),
            (None, LongWords::Broken) => (width, width),
            (None, LongWords::Whole) => match rest.iter().skip(width).position(|byte| *byte == b' ') {
                Some(space) => (width + space, width + space + 1),
                None => break,
            },
        };
        wrapped.extend_from_slice(rest.get(..line).unwrap_or_default());
        wrapped.extend_from_slice(separator);
        rest = rest.get(after..).unwrap_or_default();
    }
    wrapped.extend_from_slice(rest);
    Ok(wrapped.into())
}
