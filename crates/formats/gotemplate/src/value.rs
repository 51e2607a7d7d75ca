//! What templates work on: values with the types and the sharing that Go gives them.

mod equal;
mod json;
mod list;
mod map;
mod object;

use std::rc::Rc;

pub use equal::deep_equal;
pub use list::List;
pub use map::Map;
pub use object::{InJson, Object};

use crate::function::Function;
use crate::text::Text;

/// A value. Cloning is cheap: lists, maps and objects are shared, as in Go.
#[derive(Clone, Default)]
pub enum Value {
    /// `nil`.
    #[default]
    Nil,
    /// `bool`.
    Bool(bool),
    /// `int`: what a literal, `len` and a position in a list are.
    Int(i64),
    /// `int64`: what arithmetic gives.
    Int64(i64),
    /// `uint64`.
    Uint64(u64),
    /// `uint8`: a byte of a string.
    Byte(u8),
    /// `float64`: what a number in JSON or YAML is.
    Float(f64),
    /// `string`.
    String(Text),
    /// `[]uint8`.
    Bytes(Text),
    /// A slice.
    List(List),
    /// A map with strings as keys.
    Map(Map),
    /// Anything with fields and methods of its own.
    Object(Rc<dyn Object>),
    /// A function, for `call`.
    Function(Rc<Function>),
}

/// What Go's reflection calls the kind of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Of `nil`.
    Invalid,
    /// `bool`.
    Bool,
    /// `int`.
    Int,
    /// `int64`.
    Int64,
    /// `uint64`.
    Uint64,
    /// `uint8`.
    Uint8,
    /// `float64`.
    Float64,
    /// `string`.
    String,
    /// `slice`.
    Slice,
    /// `map`.
    Map,
    /// `struct`.
    Struct,
    /// `ptr`.
    Pointer,
    /// `func`.
    Function,
}

impl Kind {
    /// As `reflect.Kind` prints.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Invalid => "invalid",
            Kind::Bool => "bool",
            Kind::Int => "int",
            Kind::Int64 => "int64",
            Kind::Uint64 => "uint64",
            Kind::Uint8 => "uint8",
            Kind::Float64 => "float64",
            Kind::String => "string",
            Kind::Slice => "slice",
            Kind::Map => "map",
            Kind::Struct => "struct",
            Kind::Pointer => "ptr",
            Kind::Function => "func",
        }
    }
}

/// The type of what a list or map holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element {
    /// `interface {}`.
    Any,
    /// `string`.
    String,
    /// `int`.
    Int,
    /// `[]uint8`.
    Bytes,
    /// `[]interface {}`.
    Lists,
    /// `map[string]interface {}`.
    Maps,
}

impl Element {
    fn name(self) -> &'static str {
        match self {
            Element::Any => "interface {}",
            Element::String => "string",
            Element::Int => "int",
            Element::Bytes => "[]uint8",
            Element::Lists => "[]interface {}",
            Element::Maps => "map[string]interface {}",
        }
    }

    /// What stands where nothing was put.
    pub(crate) fn zero(self) -> Value {
        match self {
            Element::Any => Value::Nil,
            Element::String => Value::String(Text::default()),
            Element::Int => Value::Int(0),
            Element::Bytes => Value::Bytes(Text::default()),
            Element::Lists => Value::List(List::nil(Shape::ANY)),
            Element::Maps => Value::Map(Map::nil(Shape::ANY)),
        }
    }
}

/// A type of list or map that has a name and methods.
#[derive(Debug)]
pub struct Named {
    /// As `%T` prints it: `common.Values`.
    pub name: &'static str,
    /// The method of the name. Its first parameter is the list or map.
    pub method: fn(&str) -> Option<&'static Function>,
}

/// The type of a list or map.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Of its items or fields.
    pub element: Element,
    /// If the type has a name.
    pub named: Option<&'static Named>,
}

impl Shape {
    /// `[]interface {}` or `map[string]interface {}`.
    pub const ANY: Shape = Shape::of(Element::Any);
    /// `[]string` or `map[string]string`.
    pub const STRINGS: Shape = Shape::of(Element::String);

    /// Without a name.
    pub const fn of(element: Element) -> Shape {
        Shape { element, named: None }
    }

    /// With a name.
    pub const fn named(element: Element, named: &'static Named) -> Shape {
        Shape { element, named: Some(named) }
    }

    fn type_name(self, prefix: &str) -> String {
        match self.named {
            Some(named) => named.name.to_owned(),
            None => format!("{prefix}{}", self.element.name()),
        }
    }

    fn is_same(self, other: Shape) -> bool {
        self.element == other.element
            && self.named.map(|named| named.name) == other.named.map(|named| named.name)
    }
}

impl Value {
    /// As `%T` prints.
    pub fn type_name(&self) -> String {
        let name = match self {
            Value::Nil => "<nil>",
            Value::Bytes(_) => "[]uint8",
            Value::List(list) => return list.shape().type_name("[]"),
            Value::Map(map) => return map.shape().type_name("map[string]"),
            Value::Object(object) => return object.type_name(),
            Value::Function(_) => "func",
            other => other.kind().name(),
        };
        name.to_owned()
    }

    /// What Go's reflection calls its kind.
    pub fn kind(&self) -> Kind {
        match self {
            Value::Nil => Kind::Invalid,
            Value::Bool(_) => Kind::Bool,
            Value::Int(_) => Kind::Int,
            Value::Int64(_) => Kind::Int64,
            Value::Uint64(_) => Kind::Uint64,
            Value::Byte(_) => Kind::Uint8,
            Value::Float(_) => Kind::Float64,
            Value::String(_) => Kind::String,
            Value::Bytes(_) | Value::List(_) => Kind::Slice,
            Value::Map(_) => Kind::Map,
            Value::Object(object) => object.kind(),
            Value::Function(_) => Kind::Function,
        }
    }

    /// Whether `if` takes it for true: what is not zero, not empty, not nil.
    pub fn is_true(&self) -> bool {
        match self {
            Value::Nil => false,
            Value::Bool(value) => *value,
            Value::Int(number) | Value::Int64(number) => *number != 0,
            Value::Uint64(number) => *number != 0,
            Value::Byte(number) => *number != 0,
            Value::Float(number) => *number != 0.0,
            Value::String(text) | Value::Bytes(text) => !text.is_empty(),
            Value::List(list) => !list.items().is_empty(),
            Value::Map(map) => !map.is_empty(),
            Value::Object(object) => object.number() != Some(0),
            Value::Function(_) => true,
        }
    }

    /// A map out of its fields.
    pub fn map<K: Into<Text>>(fields: impl IntoIterator<Item = (K, Value)>) -> Value {
        Value::Map(fields.into_iter().map(|(name, field)| (name.into(), field)).collect())
    }

    /// A list of anything.
    pub fn list(items: Vec<Value>) -> Value {
        Value::List(List::new(items))
    }

    /// A signed whole number, whatever its width.
    pub(crate) fn signed(&self) -> Option<i64> {
        match self {
            Value::Int(number) | Value::Int64(number) => Some(*number),
            Value::Object(object) => object.number(),
            _ => None,
        }
    }

    /// An unsigned whole number, whatever its width.
    pub(crate) fn unsigned(&self) -> Option<u64> {
        match self {
            Value::Uint64(number) => Some(*number),
            Value::Byte(number) => Some(u64::from(*number)),
            _ => None,
        }
    }

    /// The method of the name, if its type has one.
    pub(crate) fn method(&self, name: &str) -> Option<&'static Function> {
        let named = match self {
            Value::Object(object) => return object.method(name),
            Value::List(list) => list.shape().named,
            Value::Map(map) => map.shape().named,
            _ => None,
        };
        named.and_then(|named| (named.method)(name))
    }
}

impl std::fmt::Debug for Value {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match crate::print::go_syntax(self) {
            Ok(text) => write!(formatter, "{text}"),
            Err(spent) => write!(formatter, "<{spent}>"),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::String(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::String(text.into())
    }
}

impl From<Text> for Value {
    fn from(text: Text) -> Value {
        Value::String(text)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Value {
        Value::Bool(value)
    }
}

impl From<Map> for Value {
    fn from(map: Map) -> Value {
        Value::Map(map)
    }
}

impl From<List> for Value {
    fn from(list: List) -> Value {
        Value::List(list)
    }
}
