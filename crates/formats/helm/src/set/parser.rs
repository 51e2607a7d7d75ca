//! Reads a line from left to right and sets as it goes.

use serde_json::{Map, Value};

use super::numbers::decoded;
use super::{INDEX_MAX, INDICES_MAX, ITEMS_MAX, Kind, NESTING_MAX, SetError};

/// Why an entry ends before its end.
pub(super) enum Stop {
    /// The line is over. What was begun is left as it is.
    End,
    /// The line is wrong.
    Wrong(SetError),
}

impl From<SetError> for Stop {
    fn from(error: SetError) -> Stop {
        Stop::Wrong(error)
    }
}

/// How deep a path has come.
#[derive(Clone, Copy, Default)]
struct Depth {
    names: usize,
    indices: usize,
}

pub(super) struct Parser<'l> {
    rest: &'l str,
    kind: Kind<'l>,
    items_left: usize,
}

impl<'l> Parser<'l> {
    pub(super) fn new(line: &'l str, kind: Kind<'l>) -> Parser<'l> {
        Parser { rest: line, kind, items_left: ITEMS_MAX }
    }

    /// The next path and its value.
    pub(super) fn entry(&mut self, values: &mut Map<String, Value>) -> Result<(), Stop> {
        self.name(values, Depth::default())
    }

    fn is_literal(&self) -> bool {
        matches!(self.kind, Kind::Literal)
    }

    fn next_char(&mut self) -> Option<char> {
        let mut letters = self.rest.chars();
        let letter = letters.next();
        self.rest = letters.as_str();
        letter
    }

    /// What stands before the next of these signs, and which it is.
    fn until(&mut self, stops: &[char]) -> (String, Option<char>) {
        let mut text = String::new();
        while let Some(letter) = self.next_char() {
            match letter {
                letter if stops.contains(&letter) => return (text, Some(letter)),
                '\\' if !self.is_literal() => text.extend(self.next_char()),
                letter => text.push(letter),
            }
        }
        (text, None)
    }

    fn name(&mut self, table: &mut Map<String, Value>, depth: Depth) -> Result<(), Stop> {
        let stops: &[char] = if self.is_literal() { &['=', '[', '.'] } else { &['=', '[', '.', ','] };
        let (name, stop) = self.until(stops);
        match stop {
            None if name.is_empty() => Err(Stop::End),
            None => Err(SetError::NoValue(name).into()),
            Some('=') => {
                let is_over = self.is_over();
                put(table, name, self.value()?);
                if is_over { Err(Stop::End) } else { Ok(()) }
            }
            Some('.') => self.below_name(table, name, depth),
            Some('[') => self.list(table, name, depth),
            Some(_) => Err(SetError::EndsWithComma(name).into()),
        }
    }

    fn below_name(&mut self, table: &mut Map<String, Value>, name: String, depth: Depth) -> Result<(), Stop> {
        let depth = Depth { names: depth.names + 1, ..depth };
        if depth.names > NESTING_MAX {
            return Err(SetError::TooDeep.into());
        }
        let mut fresh = Map::new();
        let inner = match table.get_mut(&name) {
            None => &mut fresh,
            Some(Value::Object(inner)) => inner,
            Some(other) => return Err(not_that(name, other, "a map").into()),
        };
        let outcome = self.name(inner, depth);
        if outcome.is_ok() && inner.is_empty() {
            return Err(SetError::EmptyTable(name).into());
        }
        if !fresh.is_empty() {
            put(table, name, Value::Object(fresh));
        }
        outcome
    }

    fn list(&mut self, table: &mut Map<String, Value>, name: String, depth: Depth) -> Result<(), Stop> {
        let index = self.index()?;
        match table.get_mut(&name) {
            None => {}
            Some(Value::Array(list)) => return self.item(list, index, depth),
            Some(other) => return Err(not_that(name, other, "a list").into()),
        }
        let mut fresh = Vec::new();
        let outcome = self.item(&mut fresh, index, depth);
        put(table, name, Value::Array(fresh));
        outcome
    }

    /// What stands before `]`.
    fn index(&mut self) -> Result<usize, Stop> {
        let (text, Some(_)) = self.until(&[']']) else { return Err(Stop::End) };
        let index: i64 = text.parse().map_err(|_| SetError::Index(text))?;
        Ok(usize::try_from(index).map_err(|_| SetError::NegativeIndex(index))?)
    }

    /// What follows `]`.
    fn item(&mut self, list: &mut Vec<Value>, index: usize, depth: Depth) -> Result<(), Stop> {
        let (text, stop) = self.until(&['[', '.', '=']);
        if !text.is_empty() {
            return Err(SetError::AfterIndex(text).into());
        }
        match stop {
            None => Err(Stop::End),
            Some('=') => {
                let value = self.value()?;
                self.put_at(list, index, value)
            }
            Some('.') => self.below_item(list, index, depth),
            Some(_) => self.nested_list(list, index, depth),
        }
    }

    fn below_item(&mut self, list: &mut Vec<Value>, index: usize, depth: Depth) -> Result<(), Stop> {
        if let Some(there) = list.get_mut(index) {
            if !there.is_object() {
                *there = Value::Object(Map::new());
            }
            return there.as_object_mut().map_or(Ok(()), |inner| self.name(inner, depth));
        }
        let mut fresh = Map::new();
        self.name(&mut fresh, depth)?;
        self.put_at(list, index, Value::Object(fresh))
    }

    fn nested_list(&mut self, list: &mut Vec<Value>, index: usize, depth: Depth) -> Result<(), Stop> {
        let inner_index = self.index()?;
        let depth = Depth { indices: depth.indices + 1, ..depth };
        if depth.indices >= INDICES_MAX {
            return Err(SetError::TooManyIndices.into());
        }
        match list.get_mut(index) {
            Some(Value::Array(inner)) => return self.item(inner, inner_index, depth),
            None | Some(Value::Null) => {}
            Some(other) => return Err(not_that(index.to_string(), other, "a list").into()),
        }
        let mut fresh = Vec::new();
        self.item(&mut fresh, inner_index, depth)?;
        self.put_at(list, index, Value::Array(fresh))
    }

    /// Lists grow to the index; what lies between is null.
    fn put_at(&mut self, list: &mut Vec<Value>, index: usize, value: Value) -> Result<(), Stop> {
        if index > INDEX_MAX {
            return Err(SetError::IndexTooLarge(index).into());
        }
        if let Some(there) = list.get_mut(index) {
            *there = value;
            return Ok(());
        }
        let growth = index + 1 - list.len();
        self.items_left = self.items_left.checked_sub(growth).ok_or(SetError::TooManyItems)?;
        list.resize(index, Value::Null);
        list.push(value);
        Ok(())
    }

    /// Whether the line ends after `=`, which ends the work on it as well.
    fn is_over(&self) -> bool {
        self.rest.is_empty() && !matches!(self.kind, Kind::Json | Kind::Literal)
    }

    fn value(&mut self) -> Result<Value, SetError> {
        match self.kind {
            Kind::Literal => Ok(Value::from(std::mem::take(&mut self.rest))),
            Kind::Json => self.json(),
            _ if self.is_over() => Ok(Value::from("")),
            _ => match self.rest.strip_prefix('{') {
                Some(rest) => {
                    self.rest = rest;
                    self.items()
                }
                None => {
                    let (text, _) = self.until(&[',']);
                    self.converted(text)
                }
            },
        }
    }

    /// What stands between braces, which may be followed by a comma.
    fn items(&mut self) -> Result<Value, SetError> {
        let mut items = Vec::new();
        loop {
            let (text, stop) = self.until(&[',', '}']);
            let stop = stop.ok_or(SetError::OpenList)?;
            items.push(self.converted(text)?);
            if stop == '}' {
                self.rest = self.rest.strip_prefix(',').unwrap_or(self.rest);
                return Ok(Value::Array(items));
            }
        }
    }

    fn converted(&self, text: String) -> Result<Value, SetError> {
        match self.kind {
            Kind::Typed => Ok(typed(text)),
            Kind::File(read) => match read(&text) {
                Ok(contents) => Ok(Value::String(contents)),
                Err(message) => Err(SetError::File { path: text, message }),
            },
            Kind::Text | Kind::Json | Kind::Literal => Ok(Value::String(text)),
        }
    }

    fn json(&mut self) -> Result<Value, SetError> {
        if self.skip_blank() {
            return Ok(Value::Null);
        }
        let mut values = serde_json::Deserializer::from_str(self.rest).into_iter::<Value>();
        let value = values.next().unwrap_or(Ok(Value::Null)).map_err(SetError::Json)?;
        self.rest = self.rest.get(values.byte_offset()..).unwrap_or_default();
        self.skip_blank();
        Ok(decoded(value))
    }

    /// Takes spaces and one comma; whether that, or the end, is all that came.
    fn skip_blank(&mut self) -> bool {
        self.rest = self.rest.trim_start();
        let after = self.rest.strip_prefix(',');
        let is_blank = self.rest.is_empty() || after.is_some();
        self.rest = after.unwrap_or(self.rest);
        is_blank
    }
}

/// As in Helm, what has no name is not kept.
fn put(table: &mut Map<String, Value>, name: String, value: Value) {
    if !name.is_empty() {
        table.insert(name, value);
    }
}

fn not_that(place: String, found: &Value, expected: &'static str) -> SetError {
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    };
    SetError::NotThat { place, found, expected }
}

/// What begins with a zero is text: it may be a mode or a code.
fn typed(text: String) -> Value {
    let is = |word: &str| text.eq_ignore_ascii_case(word);
    if is("true") || is("false") {
        return Value::Bool(is("true"));
    }
    if is("null") {
        return Value::Null;
    }
    let is_number = text == "0" || !text.starts_with('0');
    match text.parse::<i64>() {
        Ok(number) if is_number => Value::from(number),
        _ => Value::String(text),
    }
}
