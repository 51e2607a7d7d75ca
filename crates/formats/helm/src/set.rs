//! Values that a user gives: files of them, and the language of `--set` and its sisters,
//! `image.tag=1.2,list[0].name=a,hosts={a,b}`, which Flux' `targetPath` speaks as well.
//!
//! ```text
//! line    = { path "=" value [ "," ] }
//! path    = name { "." name | "[" index "]" }        of names, `\` takes the meaning of the next sign away
//! value   = text | "{" text { "," text } "}"         with Json: a JSON value; with Literal: all that follows
//! ```
//!
//! Where Helm stops in the middle of a line without a word, so does this: `a[0` sets nothing, `a[0]` an empty list.

mod numbers;
mod parser;

use bythos_yaml::Limits;
use serde_json::{Map, Value};

use crate::chart::lay_over;
use crate::error::Error;
use parser::{Parser, Stop};

/// The highest index that a list may be given.
pub const INDEX_MAX: usize = 65_536;
/// How many dots a path may have.
pub const NESTING_MAX: usize = 30;
/// How many indices may follow each other: `a[0][0]`. Helm has no limit.
pub const INDICES_MAX: usize = 30;
/// Items by which the lists of one line may grow. Helm has no limit.
pub const ITEMS_MAX: usize = 1_000_000;

/// What gives the contents of a file, or says why it cannot.
pub type ReadFile<'r> = &'r dyn Fn(&str) -> Result<String, String>;

/// How values are meant.
#[derive(Clone, Copy)]
pub enum Kind<'r> {
    /// `--set`: numbers, truth values, `null`, or else text.
    Typed,
    /// `--set-string`: text, whatever it looks like.
    Text,
    /// `--set-json`: JSON; nothing is `null`. A line that begins with `{` is an object to be merged.
    Json,
    /// `--set-literal`: all that follows the first `=`, as it stands.
    Literal,
    /// `--set-file`: paths of files, which hold the text.
    File(ReadFile<'r>),
}

/// Why a line cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum SetError {
    /// The line ends after a name.
    #[error("key {0:?} has no value")]
    NoValue(String),
    /// A comma follows a name.
    #[error("key {0:?} has no value (cannot end with ,)")]
    EndsWithComma(String),
    /// A dot follows a name, and nothing is set below it.
    #[error("key map {0:?} has no value")]
    EmptyTable(String),
    /// Too many dots.
    #[error("value name nested level is greater than maximum supported nested level of {NESTING_MAX}")]
    TooDeep,
    /// Too many indices.
    #[error("more than {INDICES_MAX} lists inside of each other")]
    TooManyIndices,
    /// Lists that are too long together.
    #[error("the lists of one line would grow by more than {ITEMS_MAX} items")]
    TooManyItems,
    /// What stands between brackets is no number.
    #[error("error parsing index: {0:?} is no number")]
    Index(String),
    /// It is below zero.
    #[error("negative {0} index not allowed")]
    NegativeIndex(i64),
    /// It is too large.
    #[error("index of {0} is greater than maximum supported index of {INDEX_MAX}")]
    IndexTooLarge(usize),
    /// Neither `.`, `[` nor `=` follows an index.
    #[error("unexpected data at end of array index: {0:?}")]
    AfterIndex(String),
    /// A `{` without its `}`.
    #[error("list must terminate with '}}'")]
    OpenList,
    /// What is there already is something else.
    #[error("unable to parse key: {place:?} is {found}, expected {expected}")]
    NotThat {
        /// Name or index.
        place: String,
        /// What is there.
        found: &'static str,
        /// What the path needs there.
        expected: &'static str,
    },
    /// The value is no JSON.
    #[error("the value is no JSON")]
    Json(#[source] serde_json::Error),
    /// A file cannot be read.
    #[error("failed to read {path:?}: {message}")]
    File {
        /// As the line has it.
        path: String,
        /// Why.
        message: String,
    },
}

/// Values that a user gives. Their numbers have the types that Go gives them, which templates print differently: those of
/// files and of JSON are `float64` (12345678 is `1.2345678e+07`), whole ones of `--set` are `int64`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct UserValues {
    /// See [`numbers`].
    fields: Map<String, Value>,
}

impl From<Map<String, Value>> for UserValues {
    /// As they come out of JSON or YAML.
    fn from(fields: Map<String, Value>) -> UserValues {
        let decoded = fields.into_iter().map(|(name, field)| (name, numbers::decoded(field)));
        UserValues { fields: decoded.collect() }
    }
}

impl UserValues {
    /// What a file of values says. Of several documents in it, later ones lie over earlier ones.
    ///
    /// # Errors
    /// It is no YAML, or something else than maps. `file` is what the error calls it.
    pub fn read(file: &str, text: &str) -> Result<UserValues, Error> {
        let wrong = |message: String| Error::ReadValues { file: file.to_owned(), message };
        let documents =
            bythos_yaml::parse_all(text, Limits::MANIFESTS).map_err(|error| wrong(error.to_string()))?;
        let mut values = Map::new();
        for document in documents {
            match document {
                Value::Object(document) => lay_over(&mut values, document),
                Value::Null => {}
                _ => return Err(wrong("expected fields (`name: value`), found something else".to_owned())),
            }
        }
        Ok(values.into())
    }

    /// Sets what the line says. What is there gives way; of maps and lists, only what the line names.
    ///
    /// # Errors
    /// The line is wrong. What stands before the fault may be set by then.
    pub fn set(&mut self, line: &str, kind: Kind<'_>) -> Result<(), SetError> {
        if matches!(kind, Kind::Json) && line.trim_start().starts_with('{') {
            let given: Map<String, Value> = serde_json::from_str(line).map_err(SetError::Json)?;
            self.merge(given.into());
            return Ok(());
        }
        let mut parser = Parser::new(line, kind);
        loop {
            match parser.entry(&mut self.fields) {
                Ok(()) => {}
                Err(Stop::End) => return Ok(()),
                Err(Stop::Wrong(error)) => return Err(error),
            }
        }
    }

    /// As [`UserValues::set`], but nothing changes, comes or goes at the top: only what is inside of its tables and lists.
    ///
    /// # Errors
    /// The line is wrong.
    pub fn set_inside(&mut self, line: &str, kind: Kind<'_>) -> Result<(), SetError> {
        let before = self.fields.clone();
        self.set(line, kind)?;
        self.fields.retain(|name, _| before.contains_key(name));
        self.fields.extend(before.into_iter().filter(|(_, field)| !field.is_object() && !field.is_array()));
        Ok(())
    }

    /// Lays the values of a later file over those of the files before: maps are merged, everything else gives way. A null
    /// stays, and takes the chart's default away.
    pub fn merge(&mut self, over: UserValues) {
        lay_over(&mut self.fields, over.fields);
    }

    /// Lays these values over `below` as an upgrade lays them over those of the release: a null takes what is below it away,
    /// and a table that meets something else wins.
    #[must_use]
    pub(crate) fn over(self, below: UserValues) -> UserValues {
        UserValues { fields: over(self.fields, below.fields) }
    }

    /// Whether nothing is given.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// As records keep them.
    pub fn to_json(&self) -> Map<String, Value> {
        let fields = self.fields.iter();
        fields.map(|(name, field)| (name.clone(), numbers::encoded(field.clone()))).collect()
    }

    /// As templates see them, in maps of their own.
    pub(crate) fn seen(&self) -> bythos_gotemplate::Map {
        numbers::seen_fields(&self.fields)
    }
}

fn over(mut values: Map<String, Value>, below: Map<String, Value>) -> Map<String, Value> {
    for (name, below) in below {
        match (values.get_mut(&name), below) {
            (None, below) => {
                values.insert(name, below);
            }
            (Some(Value::Null), below) if !below.is_null() => {
                values.remove(&name);
            }
            (Some(Value::Object(table)), Value::Object(below)) => *table = over(std::mem::take(table), below),
            _ => {}
        }
    }
    values
}

#[cfg(test)]
mod tests;
