//! The table of messages: which number is which field of which type.
//!
//! A line without indentation begins a message; each indented line is a field: number, JSON name (`-` if the fields
//! of the inner message stand in the outer object), type. Types are `s`tring, `i`nteger, `b`oolean, b`y`tes, the
//! special messages below, or the name of a message; `[T]` repeats, `{T}` is a map from strings, `?T` is a pointer
//! in Go, whose zero counts as given.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Value, json};

/// The name of a field whose own fields stand in the outer object.
pub(crate) const INLINE: &str = "-";

static MESSAGES: LazyLock<BTreeMap<&'static str, Message>> =
    LazyLock::new(|| parse(include_str!("messages.txt")));

/// One message.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) name: &'static str,
    pub(crate) fields: BTreeMap<u32, Field>,
}

/// One field of a message.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) number: u32,
    pub(crate) name: &'static str,
    pub(crate) type_: Type,
    pub(crate) is_pointer: bool,
}

/// The type of a field.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Type {
    String,
    Integer,
    Boolean,
    /// Base64 in JSON.
    Bytes,
    Time,
    MicroTime,
    IntOrString,
    Quantity,
    /// JSON in a message of its own: `FieldsV1`, `RawExtension`.
    Raw,
    /// A list in a message of its own: `ExtraValue`.
    Items,
    Message(&'static str),
    List(Box<Type>),
    Map(Box<Type>),
}

impl Type {
    /// The value of a map's entry that leaves it out.
    pub(crate) fn zero(&self) -> Value {
        match self {
            Type::Integer => json!(0),
            Type::Boolean => json!(false),
            Type::Items | Type::List(_) => json!([]),
            Type::Message(_) | Type::Map(_) => json!({}),
            _ => json!(""),
        }
    }

    fn parse(text: &'static str) -> Type {
        let inner = |text: &'static str| Box::new(Type::parse(text));
        match text {
            "s" => Type::String,
            "i" => Type::Integer,
            "b" => Type::Boolean,
            "y" => Type::Bytes,
            "Time" => Type::Time,
            "MicroTime" => Type::MicroTime,
            "IntOrString" => Type::IntOrString,
            "Quantity" => Type::Quantity,
            "Raw" => Type::Raw,
            "Items" => Type::Items,
            _ => {
                let list = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
                let map = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
                match (list, map) {
                    (Some(items), _) => Type::List(inner(items)),
                    (_, Some(values)) => Type::Map(inner(values)),
                    (None, None) => Type::Message(text),
                }
            }
        }
    }
}

/// The message of this name.
pub(crate) fn message(name: &str) -> Option<&'static Message> {
    MESSAGES.get(name)
}

fn parse(table: &'static str) -> BTreeMap<&'static str, Message> {
    let mut messages = BTreeMap::new();
    let mut name = "";
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        match field(line) {
            None => {
                name = line;
                messages.insert(name, Message { name, fields: BTreeMap::new() });
            }
            Some(field) => {
                if let Some(message) = messages.get_mut(name) {
                    message.fields.insert(field.number, field);
                }
            }
        }
    }
    messages
}

fn field(line: &'static str) -> Option<Field> {
    let mut words = line.strip_prefix("  ")?.split(' ');
    let number = words.next()?.parse().ok()?;
    let name = words.next()?;
    let type_ = words.next()?;
    let (is_pointer, type_) = match type_.strip_prefix('?') {
        Some(pointed) => (true, pointed),
        None => (false, type_),
    };
    Some(Field { number, name, type_: Type::parse(type_), is_pointer })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_reference(type_: &Type) {
        match type_ {
            Type::Message(name) => assert!(message(name).is_some(), "no message {name:?}"),
            Type::List(inner) | Type::Map(inner) => check_reference(inner),
            _ => {}
        }
    }

    #[test]
    fn every_line_is_a_message_or_a_field_and_every_type_is_there() {
        let lines = include_str!("messages.txt").lines().filter(|line| line.starts_with("  ")).count();
        let fields = MESSAGES.values().flat_map(|message| message.fields.values());
        assert_eq!(fields.inspect(|field| check_reference(&field.type_)).count(), lines);
    }
}
