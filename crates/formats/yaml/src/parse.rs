//! From text to values.

use saphyr_parser::Event;
use serde_json::Value;

use crate::build::Builder;
use crate::events::Events;
use crate::limits::Budget;
use crate::pick::Picker;
use crate::reread::Fault;
use crate::source::Source;
use crate::{Error, Limits, Rules, byte_order_mark, number};

/// All documents of a stream, in order; empty ones are left out, and so are those that are only `null`.
///
/// # Errors
/// The text is not YAML, or goes beyond the limits.
pub fn parse_all(text: &str, limits: Limits) -> Result<Vec<Value>, Error> {
    parse_all_by(text, limits, Rules::Go2)
}

/// As [`parse_all`], by the rules that are given.
///
/// # Errors
/// As [`parse_all`].
pub fn parse_all_by(text: &str, limits: Limits, rules: Rules) -> Result<Vec<Value>, Error> {
    let mut documents = documents(text, limits, rules)?;
    documents.retain(|document| !document.is_null());
    Ok(documents)
}

/// The one document of a stream; `null` if it is empty.
///
/// # Errors
/// As [`parse_all`], and if there is more than one document.
pub fn parse(text: &str, limits: Limits) -> Result<Value, Error> {
    let mut documents = parse_all(text, limits)?;
    if documents.len() > 1 {
        return Err(Error::of_text(format!("expected one document, found {}", documents.len())));
    }
    Ok(documents.pop().unwrap_or(Value::Null))
}

/// The one document of a stream, without what is not wanted: `wants` is asked for every field with the keys that lead to
/// it, and what it refuses is not built. For large texts of which little is needed. Limits count what is built; aliases
/// to what was refused name nothing.
///
/// # Errors
/// As [`parse`].
pub fn parse_only(text: &str, limits: Limits, wants: &dyn Fn(&[String]) -> bool) -> Result<Value, Error> {
    let mut documents = read_yaml(text, limits, Rules::Go2, Some(wants))?;
    if documents.len() > 1 {
        return Err(Error::of_text(format!("expected one document, found {}", documents.len())));
    }
    Ok(documents.pop().unwrap_or(Value::Null))
}

fn documents(text: &str, limits: Limits, rules: Rules) -> Result<Vec<Value>, Error> {
    let mut budget = Budget::new(limits);
    budget.check_text(text).map_err(Error::of_text)?;
    let json = if rules == Rules::Go2 { read_json(byte_order_mark::without_first(text)) } else { None };
    match json {
        Some(value) => Ok(vec![from_json(value, &mut budget, 0).map_err(Error::of_text)?]),
        None => read_yaml(text, limits, rules, None),
    }
}

/// JSON has escapes that YAML has not (`\ud83d\ude00`), so it is first read as what it is.
fn read_json(text: &str) -> Option<Value> {
    let looks_like_json = text.trim_start().starts_with(['{', '[']);
    looks_like_json.then(|| serde_json::from_str(text).ok()).flatten()
}

/// Counts the values and writes numbers as Go would.
fn from_json(value: Value, budget: &mut Budget, depth: usize) -> Result<Value, String> {
    budget.spend_value()?;
    let inside = depth + 1;
    Ok(match value {
        Value::Number(number) => Value::Number(number::canonical(number)),
        Value::Array(items) => {
            budget.check_depth(inside)?;
            let items = items.into_iter().map(|item| from_json(item, budget, inside));
            Value::Array(items.collect::<Result<_, _>>()?)
        }
        Value::Object(fields) => {
            budget.check_depth(inside)?;
            let fields = fields.into_iter().map(|(key, field)| Ok((key, from_json(field, budget, inside)?)));
            Value::Object(fields.collect::<Result<_, String>>()?)
        }
        other => other,
    })
}

/// Which fields are wanted, by the keys that lead to them.
type Wants<'w> = Option<&'w dyn Fn(&[String]) -> bool>;

fn read_yaml(text: &str, limits: Limits, rules: Rules, wants: Wants<'_>) -> Result<Vec<Value>, Error> {
    Source::new(text, limits)?.read(|events| build(events, limits, rules, wants))
}

fn build(events: Events<'_>, limits: Limits, rules: Rules, wants: Wants<'_>) -> Result<Vec<Value>, Fault> {
    let mut builder = Builder::new(Budget::new(limits), rules);
    let mut picker = wants.map(Picker::new);
    let mut documents = Vec::new();
    for next in events {
        let (event, span) = next?;
        if picker.as_mut().is_some_and(|picker| !picker.takes(&event)) {
            continue;
        }
        match event {
            Event::DocumentStart(_) => builder.begin_document(),
            Event::DocumentEnd => documents.push(builder.end_document()),
            event => builder.add(event).map_err(|message| Error::at(span.start, message))?,
        }
    }
    Ok(documents)
}
