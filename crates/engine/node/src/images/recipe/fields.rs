//! Reads the fields of a map one by one, and refuses what nobody asked for.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::RecipeError;

pub(super) struct Fields<'a> {
    map: &'a Map<String, Value>,
    path: String,
    known: BTreeSet<&'static str>,
}

impl<'a> Fields<'a> {
    /// `path` is empty for the recipe itself.
    pub(super) fn of(value: &'a Value, path: &str) -> Result<Self, RecipeError> {
        let place = if path.is_empty() { "the recipe" } else { path };
        let map = value.as_object().ok_or_else(|| invalid(value, place, "a map"))?;
        Ok(Fields { map, path: path.to_owned(), known: BTreeSet::new() })
    }

    pub(super) fn optional<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&Value, &str) -> Result<T, RecipeError>,
    ) -> Result<Option<T>, RecipeError> {
        self.known.insert(key);
        match self.map.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => read(value, &self.path_of(key)).map(Some),
        }
    }

    pub(super) fn required<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&Value, &str) -> Result<T, RecipeError>,
    ) -> Result<T, RecipeError> {
        let path = self.path_of(key);
        self.optional(key, read)?.ok_or_else(|| RecipeError::Field { path, problem: "is missing".to_owned() })
    }

    /// Refuses a field that was not read: it is most likely a slip of the pen.
    pub(super) fn finish(self) -> Result<(), RecipeError> {
        let Some(unknown) = self.map.keys().find(|key| !self.known.contains(key.as_str())) else {
            return Ok(());
        };
        let known = self.known.iter().copied().collect::<Vec<_>>().join(", ");
        Err(RecipeError::Field {
            path: self.path_of(unknown),
            problem: format!("there is no such field; expected one of {known}"),
        })
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

/// The error of a value that is not what it should be.
pub(super) fn invalid(found: &Value, path: &str, expected: &str) -> RecipeError {
    RecipeError::Field { path: path.to_owned(), problem: format!("found {found}, expected {expected}") }
}

pub(super) fn text(value: &Value, path: &str) -> Result<String, RecipeError> {
    match value.as_str() {
        Some(text) if !text.is_empty() => Ok(text.to_owned()),
        _ => Err(invalid(value, path, "a text (put it in quotes if it looks like a number)")),
    }
}

pub(super) fn texts(value: &Value, path: &str) -> Result<Vec<String>, RecipeError> {
    let list = value.as_array().ok_or_else(|| invalid(value, path, "a list of texts"))?;
    list.iter().enumerate().map(|(index, item)| text(item, &format!("{path}[{index}]"))).collect()
}

pub(super) fn octal(value: &Value, path: &str) -> Result<u32, RecipeError> {
    let digits = value.as_str().unwrap_or_default();
    let mode = u32::from_str_radix(digits, 8).ok().filter(|mode| *mode <= 0o7777);
    mode.ok_or_else(|| invalid(value, path, r#"a mode in octal and in quotes, such as "0755""#))
}
