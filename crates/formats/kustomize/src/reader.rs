//! Reads the fields of a kustomization file one by one; what nobody asked for is refused with its path.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::Error;

/// One map of a kustomization file.
pub(crate) struct Reader<'a> {
    file: &'a str,
    path: String,
    map: &'a Map<String, Value>,
    asked: RefCell<BTreeSet<&'static str>>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(file: &'a str, path: String, value: &'a Value) -> Result<Self, Error> {
        let map = value.as_object().ok_or_else(|| Error::Field {
            file: file.to_owned(),
            field: if path.is_empty() { "kustomization".to_owned() } else { path.clone() },
            message: format!("expected a map, found {}", kind_of(value)),
        })?;
        Ok(Reader { file, path, map, asked: RefCell::default() })
    }

    /// Path of a field below this map.
    pub(crate) fn path_of(&self, field: &str) -> String {
        if self.path.is_empty() { field.to_owned() } else { format!("{}.{field}", self.path) }
    }

    pub(crate) fn refuse(&self, field: &str, message: impl Into<String>) -> Error {
        Error::Field { file: self.file.to_owned(), field: self.path_of(field), message: message.into() }
    }

    fn get(&self, field: &'static str) -> Option<&'a Value> {
        self.asked.borrow_mut().insert(field);
        // As in Go, a name in other cases is the same name, if nothing is called just so.
        let alike =
            || self.map.iter().find(|(key, _)| key.eq_ignore_ascii_case(field)).map(|(_, value)| value);
        self.map.get(field).or_else(alike).filter(|value| !value.is_null())
    }

    /// Whether the field is there, and is not `null`.
    pub(crate) fn has(&self, field: &'static str) -> bool {
        self.get(field).is_some()
    }

    /// The file that is read.
    pub(crate) fn file(&self) -> &'a str {
        self.file
    }

    fn expected(&self, field: &str, what: &str, found: &Value) -> Error {
        self.refuse(field, format!("expected {what}, found {}", kind_of(found)))
    }

    pub(crate) fn text(&self, field: &'static str) -> Result<Option<String>, Error> {
        match self.get(field) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
            Some(other) => Err(self.expected(field, "a text", other)),
        }
    }

    pub(crate) fn required_text(&self, field: &'static str) -> Result<String, Error> {
        self.text(field)?.ok_or_else(|| self.refuse(field, "is missing"))
    }

    pub(crate) fn flag(&self, field: &'static str) -> Result<bool, Error> {
        match self.get(field) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(other) => Err(self.expected(field, "true or false", other)),
        }
    }

    pub(crate) fn number(&self, field: &'static str) -> Result<i64, Error> {
        let Some(value) = self.get(field) else { return Ok(0) };
        value.as_i64().ok_or_else(|| self.expected(field, "a whole number", value))
    }

    pub(crate) fn list(&self, field: &'static str) -> Result<&'a [Value], Error> {
        match self.get(field) {
            None => Ok(&[]),
            Some(Value::Array(items)) => Ok(items),
            Some(other) => Err(self.expected(field, "a list", other)),
        }
    }

    pub(crate) fn texts(&self, field: &'static str) -> Result<Vec<String>, Error> {
        let text = |(index, item): (usize, &Value)| {
            let at = format!("{field}[{index}]");
            item.as_str().map(str::to_owned).ok_or_else(|| self.expected(&at, "a text", item))
        };
        self.list(field)?.iter().enumerate().map(text).collect()
    }

    /// A map of texts; numbers and truth values are refused, as they would be in a label.
    pub(crate) fn text_map(&self, field: &'static str) -> Result<BTreeMap<String, String>, Error> {
        let Some(value) = self.get(field) else { return Ok(BTreeMap::new()) };
        let map = value.as_object().ok_or_else(|| self.expected(field, "a map", value))?;
        let entry = |(key, item): (&String, &Value)| match item {
            Value::String(text) => Ok((key.clone(), text.clone())),
            Value::Null => Ok((key.clone(), String::new())),
            _ => Err(self.expected(&format!("{field}[{key}]"), "a text (put it in quotes)", item)),
        };
        map.iter().map(entry).collect()
    }

    pub(crate) fn child(&self, field: &'static str) -> Result<Option<Reader<'a>>, Error> {
        self.get(field).map(|value| Reader::new(self.file, self.path_of(field), value)).transpose()
    }

    pub(crate) fn children(&self, field: &'static str) -> Result<Vec<Reader<'a>>, Error> {
        let child = |(index, item)| Reader::new(self.file, self.path_of(&format!("{field}[{index}]")), item);
        self.list(field)?.iter().enumerate().map(child).collect()
    }

    /// Accepts a field that has no effect on what is built.
    pub(crate) fn accept(&self, field: &'static str) {
        self.asked.borrow_mut().insert(field);
    }

    /// Refuses every field that was not asked for.
    pub(crate) fn finish(self) -> Result<(), Error> {
        let is_known = |key: &str| self.asked.borrow().iter().any(|asked| asked.eq_ignore_ascii_case(key));
        match self.map.keys().find(|key| !is_known(key)) {
            Some(unknown) => {
                let known = self.asked.borrow().iter().copied().collect::<Vec<_>>().join(", ");
                Err(self.refuse(unknown, format!("there is no such field; known here: {known}")))
            }
            None => Ok(()),
        }
    }
}

/// What a value is, in words.
pub(crate) fn kind_of(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(_) | Value::Number(_) => format!("{value}"),
        Value::String(text) => format!("the text {text:?}"),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a map".to_owned(),
    }
}
