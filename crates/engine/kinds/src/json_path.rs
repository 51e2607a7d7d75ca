//! Simple JSON paths, as `additionalPrinterColumns` have them: `.a.b`, `.a[0].b`, `.a['b.c']`, `.a[*].b`,
//! `.a[?(@.type=="Ready")].status`.

use serde_json::Value;

enum Step<'a> {
    Field(String),
    Index(i64),
    All,
    Matching { path: &'a str, value: &'a str, is_equal: bool },
}

/// Everything that `path` leads to in `value`.
///
/// # Errors
/// The path cannot be understood.
pub(crate) fn find<'v>(path: &str, value: &'v Value) -> Result<Vec<&'v Value>, String> {
    let mut found = vec![value];
    for step in parse(path)? {
        found = found.into_iter().flat_map(|value| step.follow(value)).collect();
    }
    Ok(found)
}

/// Whether a path can be understood.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn check(path: &str) -> Result<(), String> {
    parse(path).map(drop)
}

impl Step<'_> {
    fn follow<'v>(&self, value: &'v Value) -> Vec<&'v Value> {
        match self {
            Step::Field(name) => value.get(name).into_iter().collect(),
            Step::Index(index) => {
                let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
                let place = usize::try_from(*index)
                    .ok()
                    .or_else(|| items.len().checked_sub(usize::try_from(index.unsigned_abs()).ok()?));
                place.and_then(|place| items.get(place)).into_iter().collect()
            }
            Step::All => match value {
                Value::Array(items) => items.iter().collect(),
                Value::Object(fields) => fields.values().collect(),
                _ => Vec::new(),
            },
            Step::Matching { path, value: wanted, is_equal } => {
                let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
                let matches = |item: &&Value| {
                    find(path, item)
                        .is_ok_and(|found| found.iter().any(|found| is_text(found, wanted) == *is_equal))
                };
                items.iter().filter(matches).collect()
            }
        }
    }
}

fn is_text(value: &Value, text: &str) -> bool {
    match value {
        Value::String(found) => found == text,
        Value::Number(number) => number.to_string() == text,
        Value::Bool(flag) => flag.to_string() == text,
        _ => false,
    }
}

fn parse(path: &str) -> Result<Vec<Step<'_>>, String> {
    let mut rest = path.trim();
    if !rest.starts_with(['.', '[']) {
        return Err(format!(
            "found {path:?}, expected a simple JSON path that begins with a dot, such as .spec.size"
        ));
    }
    let mut steps = Vec::new();
    while !rest.is_empty() {
        let (step, after) = match rest.as_bytes()[0] {
            b'.' => field(&rest[1..])?,
            b'[' => bracket(&rest[1..])?,
            _ => return Err(format!("found {rest:?}, expected '.' or '['")),
        };
        steps.extend(step);
        rest = after;
    }
    Ok(steps)
}

/// A name behind a dot. Dots in it are escaped by `\`; a dot with nothing behind it is the value itself.
fn field(rest: &str) -> Result<(Option<Step<'_>>, &str), String> {
    let (mut name, mut characters) = (String::new(), rest.char_indices());
    let mut end = rest.len();
    while let Some((place, character)) = characters.next() {
        match character {
            '\\' => name.extend(characters.next().map(|(_, escaped)| escaped)),
            '.' | '[' => {
                end = place;
                break;
            }
            other => name.push(other),
        }
    }
    let step = match name.as_str() {
        "" if end == 0 && rest.starts_with('.') => return Err("found '..', which is not simple".to_owned()),
        "" => None,
        "*" => Some(Step::All),
        _ => Some(Step::Field(name)),
    };
    Ok((step, &rest[end..]))
}

fn bracket(rest: &str) -> Result<(Option<Step<'_>>, &str), String> {
    let end_mark = if rest.starts_with("?(") { ")]" } else { "]" };
    let Some((inside, after)) = rest.split_once(end_mark) else {
        return Err(format!("found [{rest}, expected {end_mark:?} behind it"));
    };
    let step = if let Some(condition) = inside.strip_prefix("?(") {
        condition_step(condition)?
    } else if inside == "*" {
        Step::All
    } else if let Some(name) = unquoted(inside) {
        Step::Field(name.to_owned())
    } else {
        let index = inside.trim().parse();
        Step::Index(index.map_err(|_| format!("found [{inside}], expected a number, '*' or a quoted name"))?)
    };
    Ok((Some(step), after))
}

fn condition_step(condition: &str) -> Result<Step<'_>, String> {
    let expected = || format!("found ?({condition}), expected a comparison such as @.type==\"Ready\"");
    let operator =
        ["==", "!="].into_iter().find(|operator| condition.contains(operator)).ok_or_else(expected)?;
    let (path, value) = condition.split_once(operator).ok_or_else(expected)?;
    let path = path.trim().strip_prefix('@').ok_or_else(expected)?;
    check(path)?;
    let value = value.trim();
    Ok(Step::Matching { path, value: unquoted(value).unwrap_or(value), is_equal: operator == "==" })
}

fn unquoted(text: &str) -> Option<&str> {
    let inside = |quote: char| text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote));
    inside('"').or_else(|| inside('\''))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn simple_paths_lead_to_values() {
        let object = json!({
            "a": {"b": [1, 2, 3], "c.d": "x"},
            "list": [{"type": "Ready", "n": 1}, {"type": "Other", "n": 2}],
        });
        let cases = [
            (".a.b[0]", json!([1])),
            (".a.b[-1]", json!([3])),
            (".a.b[7]", json!([])),
            (".a['c.d']", json!(["x"])),
            (r".a.c\.d", json!(["x"])),
            (".a.b[*]", json!([1, 2, 3])),
            (".list[*].n", json!([1, 2])),
            (r#".list[?(@.type=="Ready")].n"#, json!([1])),
            (".list[?(@.type!='Ready')].n", json!([2])),
            (".list[?(@.n==2)].type", json!(["Other"])),
            (".missing.b", json!([])),
        ];
        for (path, expected) in cases {
            let found: Vec<Value> = find(path, &object).unwrap().into_iter().cloned().collect();
            assert_eq!(json!(found), expected, "{path}");
        }
    }

    #[test]
    fn other_paths_are_refused() {
        for path in ["", "a.b", ".a[b]", ".a[0", "..a", ".a[?(@.b)]", ".a[?(b=='c')]"] {
            assert!(check(path).is_err(), "{path}");
        }
    }
}
