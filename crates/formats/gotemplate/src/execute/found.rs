//! What expressions come to.

use crate::value::{Element, Shape, Value};

/// What an expression came to, with what Go's reflection still knows about it.
#[derive(Clone)]
pub(crate) enum Found {
    /// No value at all: a key that is missing, `template` without an argument.
    Nothing,
    /// Out of a list or map of anything: an `interface {}` that holds the value. Only this can hold `nil`.
    Boxed(Value),
    /// A value of a type that is known.
    Plain(Value),
}

impl Found {
    pub(crate) fn of(value: Value) -> Found {
        match value {
            Value::Nil => Found::Boxed(Value::Nil),
            value => Found::Plain(value),
        }
    }

    /// What a list or map of the type gives for an item.
    pub(crate) fn item(shape: Shape, value: Value) -> Found {
        if shape.element == Element::Any { Found::Boxed(value) } else { Found::Plain(value) }
    }

    /// Without the `interface {}` around it.
    pub(crate) fn unboxed(self) -> Found {
        match self {
            Found::Boxed(Value::Nil) => Found::Nothing,
            Found::Boxed(value) => Found::Plain(value),
            other => other,
        }
    }

    /// The value; `nil` if there is none.
    pub(crate) fn into_value(self) -> Value {
        match self {
            Found::Nothing => Value::Nil,
            Found::Boxed(value) | Found::Plain(value) => value,
        }
    }

    pub(crate) fn value(&self) -> Option<&Value> {
        match self {
            Found::Nothing | Found::Boxed(Value::Nil) => None,
            Found::Boxed(value) | Found::Plain(value) => Some(value),
        }
    }

    pub(crate) fn is_true(&self) -> bool {
        self.value().is_some_and(Value::is_true)
    }

    /// The type as Go sees it before it looks inside.
    pub(crate) fn type_name(&self) -> String {
        match self {
            Found::Nothing => "<nil>".to_owned(),
            Found::Boxed(_) => "interface {}".to_owned(),
            Found::Plain(value) => value.type_name(),
        }
    }
}
