//! Paths of replacements and variables: `spec.containers.[name=web].image`, `data.a\.b`, `spec.ports.0`, `*`.

use regex::Regex;
use serde_json::{Map, Value};

use crate::config::split_path;
use crate::field::scalar_text;
use crate::reader::kind_of;

/// How much a regular expression in a path may take, in bytes.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// The steps of a path. Within brackets, points belong to the step.
pub(crate) fn steps(path: &str) -> Vec<String> {
    let mut steps: Vec<String> = Vec::new();
    let mut open: Option<String> = None;
    for part in split_path(path, '.') {
        let step = match open.take() {
            Some(begun) => format!("{begun}.{part}"),
            None => part,
        };
        if step.starts_with('[') && !step.ends_with(']') {
            open = Some(step);
        } else {
            steps.push(in_brackets(step));
        }
    }
    steps.extend(open.map(in_brackets));
    steps
}

/// `[a.b/c]` is a name that holds points; `[name=web]` chooses an item.
fn in_brackets(step: String) -> String {
    let is_name = step.starts_with('[') && step.contains('.') && !step.contains('=');
    if is_name { step.trim_matches(['[', ']']).to_owned() } else { step }
}

/// The steps of a variable's path: `ports[0]` is the first of the ports.
pub(crate) fn of_variable(path: &str) -> Vec<String> {
    let split = |step: String| match step.strip_suffix(']').and_then(|it| it.rsplit_once('[')) {
        Some((name, index)) if !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit()) => {
            [name.to_owned(), index.to_owned()].into_iter().filter(|it| !it.is_empty()).collect()
        }
        _ => vec![step],
    };
    steps(path).into_iter().flat_map(split).collect()
}

/// The one value at a path.
pub(crate) fn get<'a>(value: &'a Value, steps: &[String]) -> Option<&'a Value> {
    let steps = steps.iter().map(|step| step.trim()).filter(|step| !step.is_empty());
    steps.into_iter().try_fold(value, |value, step| match value {
        Value::Object(map) => map.get(step),
        Value::Array(items) => match choice(step) {
            Some((field, wanted)) => items.iter().find(|item| {
                if field.is_empty() {
                    scalar_text(item) == wanted
                } else {
                    item.get(field).is_some_and(|found| scalar_text(found) == wanted)
                }
            }),
            None if step == "-" => items.last(),
            None => items.get(step.parse::<usize>().ok()?),
        },
        _ => None,
    })
}

/// `[field=value]`, or `[=value]` for items that are scalars.
fn choice(step: &str) -> Option<(&str, &str)> {
    step.strip_prefix('[')?.strip_suffix(']')?.split_once('=')
}

/// A value that a path leads to.
pub(crate) enum Found<'a> {
    There(&'a mut Value),
    /// It was made for this; `null` for now.
    Made(&'a mut Value),
}

/// Goes to all values at a path.
pub(crate) struct Walk<'a> {
    /// Whether what is missing is made.
    pub(crate) create: bool,
    /// Called for each value.
    pub(crate) change: &'a mut dyn FnMut(Found<'_>) -> Result<(), String>,
}

impl Walk<'_> {
    /// How many values were found.
    pub(crate) fn go(&mut self, value: &mut Value, steps: &[String]) -> Result<usize, String> {
        self.walk(value, steps, false)
    }

    fn walk(&mut self, value: &mut Value, steps: &[String], is_made: bool) -> Result<usize, String> {
        let Some((step, rest)) = steps.split_first() else {
            (self.change)(if is_made { Found::Made(value) } else { Found::There(value) })?;
            return Ok(1);
        };
        if let Ok(index) = step.parse::<usize>() {
            return self.at_index(items_of(value, step)?, index, rest);
        }
        if let Some((field, pattern)) = choice(step) {
            return self.chosen(items_of(value, step)?, field, pattern, rest);
        }
        if step == "*" {
            let mut found = 0;
            for item in items_of(value, step)? {
                found += self.walk(item, rest, false)?;
            }
            return Ok(found);
        }
        self.field(value, step, rest)
    }

    fn field(&mut self, value: &mut Value, step: &str, rest: &[String]) -> Result<usize, String> {
        if value.is_null() && !self.create {
            return Ok(0);
        }
        if value.is_null() {
            *value = Value::Object(Map::new());
        }
        let found = kind_of(value);
        let map =
            value.as_object_mut().ok_or_else(|| format!("expected a map around {step:?}, found {found}"))?;
        if let Some(child) = map.get_mut(step) {
            return self.walk(child, rest, false);
        }
        if !self.create {
            return Ok(0);
        }
        let child = map.entry(step).or_insert_with(|| made_before(rest));
        self.walk(child, rest, true)
    }

    fn at_index(&mut self, items: &mut Vec<Value>, index: usize, rest: &[String]) -> Result<usize, String> {
        let count = items.len();
        let is_made = self.create && count == index;
        if is_made {
            items.push(made_before(rest));
        }
        let item = items.get_mut(index);
        let item = item.ok_or_else(|| format!("there is no item {index}; the list has {count}"))?;
        self.walk(item, rest, is_made)
    }

    fn chosen(
        &mut self,
        items: &mut Vec<Value>,
        field: &str,
        pattern: &str,
        rest: &[String],
    ) -> Result<usize, String> {
        let regex = regex::RegexBuilder::new(pattern).size_limit(PATTERN_BYTES_MAX).build();
        let regex = regex.map_err(|_| format!("{pattern:?} is not a regular expression"))?;
        let mut found = self.matching(items, field, &regex, rest)?;
        if found == 0 && self.create {
            let value = bythos_yaml::plain_value(pattern);
            items.push(if field.is_empty() {
                value
            } else {
                Value::Object([(field.to_owned(), value)].into_iter().collect())
            });
            found = self.matching(items, field, &regex, rest)?;
        }
        Ok(found)
    }

    fn matching(
        &mut self,
        items: &mut [Value],
        field: &str,
        regex: &Regex,
        rest: &[String],
    ) -> Result<usize, String> {
        let mut count = 0;
        for item in items {
            if field.is_empty() {
                if regex.is_match(&scalar_text(item)) {
                    (self.change)(Found::There(item))?;
                    count += 1;
                }
            } else if item.get(field).is_some_and(|found| regex.is_match(&scalar_text(found))) {
                count += self.walk(item, rest, false)?;
            }
        }
        Ok(count)
    }
}

fn items_of<'a>(value: &'a mut Value, step: &str) -> Result<&'a mut Vec<Value>, String> {
    let found = kind_of(value);
    value.as_array_mut().ok_or_else(|| format!("expected a list for {step:?}, found {found}"))
}

/// What is made so that the next step can be taken; at the end, nothing yet.
fn made_before(rest: &[String]) -> Value {
    match rest.first() {
        None => Value::Null,
        Some(step) if choice(step).is_some() || step.parse::<usize>().is_ok() => Value::Array(Vec::new()),
        Some(_) => Value::Object(Map::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, expected: &[&str]) {
        assert_eq!(steps(path), expected, "{path}");
    }

    #[test]
    fn paths_are_split_at_points_that_are_not_kept() {
        check("metadata.name", &["metadata", "name"]);
        check(r"data.a\.b", &["data", "a.b"]);
        check("metadata.annotations.[a.b/c]", &["metadata", "annotations", "a.b/c"]);
        check("spec.[name=a.b].x", &["spec", "[name=a.b]", "x"]);
        check("spec.*.0", &["spec", "*", "0"]);
        assert_eq!(of_variable("spec.ports[0].port"), ["spec", "ports", "0", "port"]);
    }
}
