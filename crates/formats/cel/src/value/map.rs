//! Maps and objects: fields of an object, or entries that were computed.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::rc::Rc;

use bythos_schema::Schema;
use serde_json::Value as Json;

use super::bind::bind;
use super::{Text, Value};
use crate::Fault;

/// A map or an object. Clones share it.
#[derive(Debug, Clone)]
pub enum Map<'a> {
    /// An object or a map of an object, with its schema if there is one.
    Json {
        /// Its fields.
        fields: &'a serde_json::Map<String, Json>,
        /// Its schema.
        schema: Option<&'a Schema>,
    },
    /// A map that was computed.
    Made(Rc<BTreeMap<Key<'a>, Value<'a>>>),
}

/// A key of a map. Numbers are the same key whatever their type.
#[derive(Debug, Clone)]
pub enum Key<'a> {
    /// `bool`
    Bool(bool),
    /// `int`
    Int(i64),
    /// `uint`
    Uint(u64),
    /// `string`
    String(Text<'a>),
}

impl<'a> Key<'a> {
    /// The key that a value is; `None` if it can be none.
    pub(crate) fn of(value: &Value<'a>) -> Option<Key<'a>> {
        Some(match value {
            Value::Bool(flag) => Key::Bool(*flag),
            Value::Int(number) => Key::Int(*number),
            Value::Uint(number) => Key::Uint(*number),
            Value::Double(number) => Key::Int(whole(*number)?),
            Value::String(text) => Key::String(text.clone()),
            _ => return None,
        })
    }

    pub(crate) fn value(&self) -> Value<'a> {
        match self {
            Key::Bool(flag) => Value::Bool(*flag),
            Key::Int(number) => Value::Int(*number),
            Key::Uint(number) => Value::Uint(*number),
            Key::String(text) => Value::String(text.clone()),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Key::Bool(_) => 0,
            Key::Int(_) | Key::Uint(_) => 1,
            Key::String(_) => 2,
        }
    }

    fn number(&self) -> i128 {
        match self {
            Key::Bool(flag) => i128::from(*flag),
            Key::Int(number) => i128::from(*number),
            Key::Uint(number) => i128::from(*number),
            Key::String(_) => 0,
        }
    }
}

/// The integer that a double is; `None` if it has a fraction or is too large.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "the bounds are checked first"
)]
fn whole(number: f64) -> Option<i64> {
    let fits = number.fract() == 0.0 && number >= i64::MIN as f64 && number < i64::MAX as f64;
    fits.then_some(number as i64)
}

impl Ord for Key<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Key::String(one), Key::String(two)) => (**one).cmp(&**two),
            _ => (self.rank(), self.number()).cmp(&(other.rank(), other.number())),
        }
    }
}

impl PartialOrd for Key<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Key<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Key<'_> {}

impl<'a> Map<'a> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Map::Json { fields, .. } => fields.len(),
            Map::Made(entries) => entries.len(),
        }
    }

    /// The value under a key; `None` if there is none.
    pub(crate) fn get(&self, key: &Key<'a>) -> Result<Option<Value<'a>>, Fault> {
        match (self, key) {
            (Map::Json { .. }, Key::String(name)) => self.field(name),
            (Map::Json { .. }, _) => Ok(None),
            (Map::Made(entries), _) => Ok(entries.get(key).cloned()),
        }
    }

    /// The value of a field, by its name in the object.
    pub(crate) fn field(&self, name: &str) -> Result<Option<Value<'a>>, Fault> {
        match self {
            Map::Json { fields, schema } => {
                let schema = schema.and_then(|schema| schema.field(name)).map(std::convert::AsRef::as_ref);
                fields.get(name).map(|value| bind(value, schema)).transpose()
            }
            Map::Made(entries) => Ok(entries.get(&Key::String(Text::Shared(name.into()))).cloned()),
        }
    }

    /// Whether its fields are those of a schema, so that expressions escape their names.
    pub(crate) fn is_object(&self) -> bool {
        matches!(self, Map::Json { schema: Some(schema), .. } if schema.values.is_none())
    }

    pub(crate) fn iter(&self) -> Box<dyn Iterator<Item = Result<(Key<'a>, Value<'a>), Fault>> + '_> {
        match self {
            Map::Json { fields, schema } => Box::new(fields.iter().map(|(name, value)| {
                let schema = schema.and_then(|schema| schema.field(name)).map(std::convert::AsRef::as_ref);
                Ok((Key::String(Text::Borrowed(name)), bind(value, schema)?))
            })),
            Map::Made(entries) => {
                Box::new(entries.iter().map(|(key, value)| Ok((key.clone(), value.clone()))))
            }
        }
    }

    pub(crate) fn keys(&self) -> Vec<Value<'a>> {
        match self {
            Map::Json { fields, .. } => {
                fields.keys().map(|name| Value::String(Text::Borrowed(name))).collect()
            }
            Map::Made(entries) => entries.keys().map(Key::value).collect(),
        }
    }
}
