//! The types of the language, and the patterns by which functions say what they take.

use std::fmt;
use std::sync::Arc;

use bythos_schema::Schema;

/// The type of an expression.
#[derive(Debug, Clone)]
pub enum Type {
    /// Not known before it runs.
    Dyn,
    /// `null`
    Null,
    /// `bool`
    Bool,
    /// 64 bits with sign.
    Int,
    /// 64 bits without sign.
    Uint,
    /// 64 bits IEEE 754.
    Double,
    /// Unicode text.
    String,
    /// Bytes.
    Bytes,
    /// A moment.
    Timestamp,
    /// A span of time.
    Duration,
    /// The type of a type.
    Type,
    /// A list of items of this type.
    List(Arc<Type>),
    /// A map from keys to values.
    Map(Arc<Type>, Arc<Type>),
    /// An object with the fields of a schema.
    Object(Arc<Schema>),
    /// A value that may not be there.
    Optional(Arc<Type>),
    /// A type of Kubernetes' libraries.
    Library(Library),
}

/// Types of Kubernetes' libraries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Library {
    /// `kubernetes.Quantity`
    Quantity,
    /// `kubernetes.URL`
    Url,
    /// `net.IP`
    Ip,
    /// `net.CIDR`
    Cidr,
    /// `kubernetes.Semver`
    Semver,
    /// `kubernetes.NamedFormat`
    Format,
}

impl Library {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Library::Quantity => "kubernetes.Quantity",
            Library::Url => "kubernetes.URL",
            Library::Ip => "net.IP",
            Library::Cidr => "net.CIDR",
            Library::Semver => "kubernetes.Semver",
            Library::Format => "kubernetes.NamedFormat",
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::List(item) => write!(f, "list({item})"),
            Type::Map(key, value) => write!(f, "map({key}, {value})"),
            Type::Optional(inner) => write!(f, "optional_type({inner})"),
            Type::Dyn => f.write_str("dyn"),
            Type::Null => f.write_str("null"),
            Type::Bool => f.write_str("bool"),
            Type::Int => f.write_str("int"),
            Type::Uint => f.write_str("uint"),
            Type::Double => f.write_str("double"),
            Type::String => f.write_str("string"),
            Type::Bytes => f.write_str("bytes"),
            Type::Timestamp => f.write_str("timestamp"),
            Type::Duration => f.write_str("duration"),
            Type::Type => f.write_str("type"),
            Type::Object(_) => f.write_str("object"),
            Type::Library(library) => f.write_str(library.name()),
        }
    }
}

impl Type {
    /// A list of these.
    pub fn list(item: Type) -> Type {
        Type::List(Arc::new(item))
    }

    /// A map with keys and values of these types.
    pub fn map(key: Type, value: Type) -> Type {
        Type::Map(Arc::new(key), Arc::new(value))
    }

    /// An optional of this.
    pub fn optional(inner: Type) -> Type {
        Type::Optional(Arc::new(inner))
    }

    /// The one type of both, if they go together: where one is not known, neither is the other.
    pub(crate) fn joined(&self, other: &Type) -> Option<Type> {
        Some(match (self, other) {
            (Type::Dyn, _) | (_, Type::Dyn) => Type::Dyn,
            (Type::Null, Type::Null) => Type::Null,
            (Type::Null, other) | (other, Type::Null) if other.takes_null() => other.clone(),
            (Type::List(one), Type::List(two)) => Type::list(one.joined(two)?),
            (Type::Optional(one), Type::Optional(two)) => Type::optional(one.joined(two)?),
            (Type::Map(key, value), Type::Map(other_key, other_value)) => {
                Type::map(key.joined(other_key)?, value.joined(other_value)?)
            }
            (Type::Object(one), Type::Object(two)) if is_same_object(one, two) => self.clone(),
            (Type::Library(one), Type::Library(two)) if one == two => self.clone(),
            (one, two) if one.is_simple() && std::mem::discriminant(one) == std::mem::discriminant(two) => {
                one.clone()
            }
            _ => return None,
        })
    }

    /// Whether `null` is taken where this type is expected, as upstream's checker does for what is no plain value.
    fn takes_null(&self) -> bool {
        matches!(
            self,
            Type::Object(_) | Type::Timestamp | Type::Duration | Type::Optional(_) | Type::Library(_)
        )
    }

    fn is_simple(&self) -> bool {
        !matches!(
            self,
            Type::List(_)
                | Type::Map(..)
                | Type::Optional(_)
                | Type::Object(_)
                | Type::Library(_)
                | Type::Dyn
        )
    }

    /// Whether a value of this type has a size that is known beforehand: one.
    pub(crate) fn is_scalar(&self) -> bool {
        match self {
            Type::Bool | Type::Int | Type::Uint | Type::Double | Type::Timestamp | Type::Duration => true,
            Type::Optional(inner) => inner.is_scalar(),
            _ => false,
        }
    }
}

/// Whether two schemas describe the same objects. An embedded resource is wrapped anew whenever it is asked for.
fn is_same_object(one: &Arc<Schema>, two: &Arc<Schema>) -> bool {
    Arc::ptr_eq(one, two) || one.properties.keys().eq(two.properties.keys())
}

/// What an argument or a result of a function is; `A` and `B` stand for any type, the same one everywhere.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pattern {
    Dyn,
    Bool,
    Int,
    Uint,
    Double,
    String,
    Bytes,
    Timestamp,
    Duration,
    Type,
    A,
    B,
    List(&'static Pattern),
    Map(&'static Pattern, &'static Pattern),
    Optional(&'static Pattern),
    Library(Library),
}

/// What `A` and `B` stand for in one call.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bindings {
    a: Option<Type>,
    b: Option<Type>,
}

impl Pattern {
    /// Whether a value of this type can be handed over, as far as is known beforehand.
    pub(crate) fn accepts(&self, type_: &Type, bindings: &mut Bindings) -> bool {
        match (self, type_) {
            (Pattern::A, _) => bind(&mut bindings.a, type_),
            (Pattern::B, _) => bind(&mut bindings.b, type_),
            (Pattern::Dyn, _) => true,
            (_, Type::Dyn) => true,
            (Pattern::List(item), Type::List(found)) => item.accepts(found, bindings),
            (Pattern::Optional(inner), Type::Optional(found)) => inner.accepts(found, bindings),
            (Pattern::Map(key, value), Type::Map(found_key, found_value)) => {
                key.accepts(found_key, bindings) && value.accepts(found_value, bindings)
            }
            (Pattern::Library(wanted), Type::Library(found)) => wanted == found,
            _ => self
                .plain()
                .is_some_and(|plain| std::mem::discriminant(&plain) == std::mem::discriminant(type_)),
        }
    }

    fn plain(&self) -> Option<Type> {
        Some(match self {
            Pattern::Bool => Type::Bool,
            Pattern::Int => Type::Int,
            Pattern::Uint => Type::Uint,
            Pattern::Double => Type::Double,
            Pattern::String => Type::String,
            Pattern::Bytes => Type::Bytes,
            Pattern::Timestamp => Type::Timestamp,
            Pattern::Duration => Type::Duration,
            Pattern::Type => Type::Type,
            _ => return None,
        })
    }

    /// The type that this stands for, once the arguments are known.
    pub(crate) fn resolved(&self, bindings: &Bindings) -> Type {
        let bound = |type_: &Option<Type>| type_.clone().unwrap_or(Type::Dyn);
        match self {
            Pattern::A => bound(&bindings.a),
            Pattern::B => bound(&bindings.b),
            Pattern::List(item) => Type::list(item.resolved(bindings)),
            Pattern::Optional(inner) => Type::optional(inner.resolved(bindings)),
            Pattern::Map(key, value) => Type::map(key.resolved(bindings), value.resolved(bindings)),
            Pattern::Library(library) => Type::Library(*library),
            plain => plain.plain().unwrap_or(Type::Dyn),
        }
    }
}

fn bind(slot: &mut Option<Type>, type_: &Type) -> bool {
    let joined = match slot.as_ref() {
        None => Some(type_.clone()),
        Some(bound) => bound.joined(type_),
    };
    let fits = joined.is_some();
    *slot = joined.or_else(|| slot.take());
    fits
}
