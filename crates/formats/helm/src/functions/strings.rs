//! Cutting, joining, searching and replacing in strings.

use bythos_gotemplate::{Failure, Function, List, Map, Rest, Scope, Shape, Text, Value, print};

use super::{both, nil_dereference, out_of_bounds, text_of};

pub(super) fn functions() -> Vec<Function> {
    let mut functions = vec![
        Function::new("abbrev", |width: i64, text: Text| abbreviate(&text, 0, width, 4)),
        Function::new("abbrevboth", |left: i64, right: i64, text: Text| {
            abbreviate(&text, left, right, if left > 0 { 7 } else { 4 })
        }),
        Function::new("trunc", trunc),
        Function::new("trim", |text: Text| text.to_str().trim().to_owned()),
        Function::new("substr", substr),
        Function::new("repeat", repeat),
        Function::new("trimSuffix", |suffix: Text, text: Text| {
            Text::from(text.as_bytes().strip_suffix(suffix.as_bytes()).unwrap_or(text.as_bytes()))
        }),
        Function::new("trimPrefix", |prefix: Text, text: Text| {
            Text::from(text.as_bytes().strip_prefix(prefix.as_bytes()).unwrap_or(text.as_bytes()))
        }),
        Function::new("contains", |part: Text, text: Text| text.to_str().contains(&*part.to_str())),
        Function::new("hasPrefix", |prefix: Text, text: Text| text.as_bytes().starts_with(prefix.as_bytes())),
        Function::new("hasSuffix", |suffix: Text, text: Text| text.as_bytes().ends_with(suffix.as_bytes())),
        Function::new("quote", quote),
        Function::new("squote", squote),
        Function::new("cat", cat),
        Function::new("indent", |scope: &mut Scope<'_>, spaces: i64, text: Text| {
            indent(scope, "", spaces, &text)
        }),
        Function::new("nindent", |scope: &mut Scope<'_>, spaces: i64, text: Text| {
            indent(scope, "\n", spaces, &text)
        }),
        Function::new("replace", replace),
        Function::new("plural", |one: Text, many: Text, count: i64| if count == 1 { one } else { many }),
        Function::new("toString", |scope: &mut Scope<'_>, value: Value| text_of(scope, &value)),
        Function::new("toStrings", |scope: &mut Scope<'_>, value: Value| {
            texts_of(scope, &value).map(List::strings)
        }),
        Function::new("join", join),
        Function::new("sortAlpha", sort_alpha),
        Function::new("split", |separator: Text, text: Text| numbered(parts(&text, &separator, -1))),
        Function::new("splitn", |separator: Text, count: i64, text: Text| {
            numbered(parts(&text, &separator, count))
        }),
        Function::new("splitList", |separator: Text, text: Text| List::strings(parts(&text, &separator, -1))),
        Function::new("hello", || "Hello!"),
    ];
    functions.extend(both!("trimAll", "trimall", trim_all));
    functions
}

/// As `utils.AbbreviateFull`: what is left out on the left or right becomes `...`.
fn abbreviate(text: &Text, offset: i64, width: i64, width_min: i64) -> Text {
    const MARK: usize = 3;
    let bytes = text.as_bytes();
    let (Ok(width), Ok(offset)) = (usize::try_from(width), usize::try_from(offset.max(0))) else {
        return text.clone();
    };
    if i64::try_from(width).is_ok_and(|width| width < width_min) || bytes.len() <= width {
        return text.clone();
    }
    let kept = width - MARK;
    let offset = offset.min(bytes.len());
    let offset = if bytes.len() - offset < kept { bytes.len() - kept } else { offset };
    let start = |from: usize, count: usize| bytes.get(from..from + count).unwrap_or_default();
    if offset <= 4 {
        return [start(0, kept), b"..."].concat().into();
    }
    if offset + kept < bytes.len() {
        return [b"...", start(offset, kept - MARK), b"..."].concat().into();
    }
    [b"...", start(bytes.len() - kept, kept)].concat().into()
}

fn trunc(count: i64, text: Text) -> Text {
    let bytes = text.as_bytes();
    let magnitude = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    let kept = match count {
        ..0 if magnitude < bytes.len() => bytes.get(bytes.len() - magnitude..),
        0.. if magnitude < bytes.len() => bytes.get(..magnitude),
        _ => None,
    };
    kept.map_or_else(|| text.clone(), Text::from)
}

fn substr(start: i64, end: i64, text: Text) -> Result<Text, Failure> {
    let length = i64::try_from(text.len()).unwrap_or(i64::MAX);
    let (start, end) = match (start, end) {
        (..0, _) => (0, end),
        (_, end) if end < 0 || end > length => (start, length),
        _ => (start, end),
    };
    if end < 0 {
        return Err(out_of_bounds(format_args!("[:{end}]")));
    }
    if end > length {
        return Err(out_of_bounds(format_args!("[:{end}] with length {length}")));
    }
    let range = usize::try_from(start).ok().zip(usize::try_from(end).ok());
    let part = range.and_then(|(start, end)| text.as_bytes().get(start..end));
    part.map(Text::from).ok_or_else(|| out_of_bounds(format_args!("[{start}:{end}]")))
}

fn repeat(scope: &mut Scope<'_>, count: i64, text: Text) -> Result<Text, Failure> {
    let count = usize::try_from(count).map_err(|_| Failure::new("strings: negative Repeat count"))?;
    scope.budget().spend_bytes(text.len().saturating_mul(count))?;
    Ok(text.as_bytes().repeat(count).into())
}

fn trim_all(set: Text, text: Text) -> String {
    let set: Vec<char> = set.to_str().chars().collect();
    text.to_str().trim_matches(|found| set.contains(&found)).to_owned()
}

fn quote(scope: &mut Scope<'_>, values: Rest<Value>) -> Result<String, Failure> {
    let some = values.0.iter().filter(|value| !matches!(value, Value::Nil));
    let quoted = some.map(|value| text_of(scope, value).map(|text| print::quote(text.as_bytes())));
    Ok(quoted.collect::<Result<Vec<_>, _>>()?.join(" "))
}

fn squote(scope: &mut Scope<'_>, values: Rest<Value>) -> Result<Text, Failure> {
    let some = values.0.iter().filter(|value| !matches!(value, Value::Nil));
    let quoted = some.map(|value| {
        let text = print::sprint(std::slice::from_ref(value), scope.budget())?;
        Ok([b"'", text.as_bytes(), b"'"].concat())
    });
    Ok(quoted.collect::<Result<Vec<_>, Failure>>()?.join(&b' ').into())
}

fn cat(scope: &mut Scope<'_>, values: Rest<Value>) -> Result<Text, Failure> {
    let some = values.0.iter().filter(|value| !matches!(value, Value::Nil));
    let texts = some.map(|value| print::sprint(std::slice::from_ref(value), scope.budget()));
    let texts = texts.map(|text| text.map(|text| text.as_bytes().to_vec()));
    Ok(texts.collect::<Result<Vec<_>, _>>()?.join(&b' ').into())
}

fn indent(scope: &Scope<'_>, before: &str, spaces: i64, text: &Text) -> Result<Text, Failure> {
    let spaces = usize::try_from(spaces).map_err(|_| Failure::new("strings: negative Repeat count"))?;
    let lines = text.as_bytes().iter().filter(|byte| **byte == b'\n').count() + 1;
    scope.budget().spend_bytes(text.len().saturating_add(lines.saturating_mul(spaces)))?;
    let pad = b" ".repeat(spaces);
    let mut indented = Vec::with_capacity(before.len() + text.len() + lines * spaces);
    indented.extend_from_slice(before.as_bytes());
    for line in text.as_bytes().split_inclusive(|byte| *byte == b'\n') {
        indented.extend_from_slice(&pad);
        indented.extend_from_slice(line);
    }
    if text.is_empty() || text.as_bytes().ends_with(b"\n") {
        indented.extend_from_slice(&pad);
    }
    Ok(indented.into())
}

fn replace(scope: &mut Scope<'_>, old: Text, new: Text, text: Text) -> Result<String, Failure> {
    let (old, new, text) = (old.to_str(), new.to_str(), text.to_str());
    let count = text.matches(&*old).count();
    scope.budget().spend_bytes(text.len().saturating_add(count.saturating_mul(new.len())))?;
    Ok(text.replace(&*old, &new))
}

fn join(scope: &mut Scope<'_>, separator: Text, value: Value) -> Result<Text, Failure> {
    let texts = texts_of(scope, &value)?;
    let length: usize = texts.iter().map(|text| text.len() + separator.len()).sum();
    scope.budget().spend_bytes(length)?;
    let texts: Vec<&[u8]> = texts.iter().map(Text::as_bytes).collect();
    Ok(texts.join(separator.as_bytes()).into())
}

fn sort_alpha(scope: &mut Scope<'_>, value: Value) -> Result<List, Failure> {
    let mut texts = match &value {
        Value::List(_) | Value::Bytes(_) => texts_of(scope, &value)?,
        other => vec![text_of(scope, other)?],
    };
    texts.sort();
    Ok(List::strings(texts))
}

/// The items as texts, without `nil`; one text for what is no list.
fn texts_of(scope: &Scope<'_>, value: &Value) -> Result<Vec<Text>, Failure> {
    let items = match value {
        Value::Nil => return Ok(Vec::new()),
        Value::List(_) | Value::Bytes(_) => items(value).ok_or_else(nil_dereference)?,
        other => vec![other.clone()],
    };
    scope.budget().spend_items(items.len())?;
    let some = items.iter().filter(|item| !matches!(item, Value::Nil));
    some.map(|item| text_of(scope, item)).collect()
}

/// The items of a list, if it is one.
pub(super) fn items(value: &Value) -> Option<Vec<Value>> {
    match value {
        Value::List(list) => Some(list.items().to_vec()),
        Value::Bytes(bytes) => Some(bytes.as_bytes().iter().map(|byte| Value::Byte(*byte)).collect()),
        _ => None,
    }
}

/// As `strings.SplitN`: all parts if the count is negative; characters if the separator is empty.
fn parts(text: &Text, separator: &Text, count: i64) -> Vec<String> {
    let (text, separator) = (text.to_str(), separator.to_str());
    let Ok(count) = usize::try_from(count) else { return all_parts(&text, &separator) };
    if count == 0 {
        return Vec::new();
    }
    if !separator.is_empty() {
        return text.splitn(count, &*separator).map(str::to_owned).collect();
    }
    let mut characters = all_parts(&text, "");
    if characters.len() > count {
        let rest = characters.split_off(count - 1).concat();
        characters.push(rest);
    }
    characters
}

fn all_parts(text: &str, separator: &str) -> Vec<String> {
    if separator.is_empty() {
        return text.chars().map(String::from).collect();
    }
    text.split(separator).map(str::to_owned).collect()
}

/// `_0`, `_1`, ...
fn numbered(parts: Vec<String>) -> Map {
    let fields = parts.into_iter().enumerate();
    let fields = fields.map(|(index, part)| (format!("_{index}").into(), Value::from(part)));
    Map::of(Shape::STRINGS, fields.collect())
}
