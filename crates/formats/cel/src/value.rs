//! Values while an expression runs. What comes from an object is borrowed from it and read along its schema only when
//! it is asked for, so that a rule which looks at one field of a large object costs that field.

use std::net::IpAddr;
use std::ops::Deref;
use std::rc::Rc;

use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};

mod bind;
mod equal;
mod list;
mod map;
mod order;

pub(crate) use equal::{equal, identity};
pub(crate) use list::List;
pub(crate) use map::{Key, Map};
pub(crate) use order::compare;

use crate::functions::format::Format;
use crate::functions::quantity::Quantity;
use crate::functions::semver::Version;
use crate::functions::url::Url;

/// A value.
#[derive(Debug, Clone)]
pub enum Value<'a> {
    /// `null`
    Null,
    /// `bool`
    Bool(bool),
    /// `int`
    Int(i64),
    /// `uint`
    Uint(u64),
    /// `double`
    Double(f64),
    /// `string`
    String(Text<'a>),
    /// `bytes`
    Bytes(Rc<[u8]>),
    /// `timestamp`
    Timestamp(Timestamp),
    /// `duration`
    Duration(SignedDuration),
    /// A type, by its name.
    Type(&'static str),
    /// `list`
    List(List<'a>),
    /// `map`, or an object
    Map(Map<'a>),
    /// A value that may not be there.
    Optional(Option<Rc<Value<'a>>>),
    /// A value of Kubernetes' libraries.
    Library(LibraryValue),
}

/// Values of Kubernetes' libraries.
#[derive(Debug, Clone, PartialEq)]
pub enum LibraryValue {
    /// `quantity()`
    Quantity(Quantity),
    /// `url()`
    Url(Rc<Url>),
    /// `ip()`
    Ip(IpAddr),
    /// `cidr()`
    Cidr(IpNet),
    /// `semver()`
    Semver(Rc<Version>),
    /// `format.named()`
    Format(Format),
}

/// A text that is borrowed from an object or an expression, or shared.
#[derive(Debug, Clone)]
pub enum Text<'a> {
    /// Borrowed.
    Borrowed(&'a str),
    /// Made while the expression ran.
    Shared(Rc<str>),
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Text::Borrowed(text) => text,
            Text::Shared(text) => text,
        }
    }
}

impl<'a> Value<'a> {
    pub(crate) fn text(text: impl Into<Rc<str>>) -> Self {
        Value::String(Text::Shared(text.into()))
    }

    pub(crate) fn list(items: Vec<Value<'a>>) -> Self {
        Value::List(List::made(items))
    }

    pub(crate) fn some(value: Value<'a>) -> Self {
        Value::Optional(Some(Rc::new(value)))
    }

    /// The name of its type.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Value::Null => "null_type",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Uint(_) => "uint",
            Value::Double(_) => "double",
            Value::String(_) => "string",
            Value::Bytes(_) => "bytes",
            Value::Timestamp(_) => "google.protobuf.Timestamp",
            Value::Duration(_) => "google.protobuf.Duration",
            Value::Type(_) => "type",
            Value::List(_) => "list",
            Value::Map(Map::Json { schema: Some(schema), .. }) if schema.values.is_none() => "object",
            Value::Map(_) => "map",
            Value::Optional(_) => "optional_type",
            Value::Library(value) => value.library().name(),
        }
    }

    /// How many characters, bytes, items or entries it has; one if it has none of these.
    pub(crate) fn size(&self) -> u64 {
        let size = match self {
            // Characters are what upstream counts; bytes are at hand, and never fewer.
            Value::String(text) => text.len(),
            Value::Bytes(bytes) => bytes.len(),
            Value::List(list) => list.len(),
            Value::Map(map) => map.len(),
            Value::Optional(Some(value)) => return value.size(),
            _ => 1,
        };
        u64::try_from(size).unwrap_or(u64::MAX)
    }
}

impl LibraryValue {
    pub(crate) fn library(&self) -> crate::Library {
        use crate::Library;
        match self {
            LibraryValue::Quantity(_) => Library::Quantity,
            LibraryValue::Url(_) => Library::Url,
            LibraryValue::Ip(_) => Library::Ip,
            LibraryValue::Cidr(_) => Library::Cidr,
            LibraryValue::Semver(_) => Library::Semver,
            LibraryValue::Format(_) => Library::Format,
        }
    }
}
