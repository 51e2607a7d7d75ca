//! What the parser makes of an expression: a tree in which macros are recognised but nothing is resolved yet.

/// A literal.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Literal {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    String(Box<str>),
    Bytes(Box<[u8]>),
}

/// A piece of an expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Expr {
    pub(crate) kind: Kind,
    /// The byte of the source at which messages point.
    pub(crate) at: usize,
    /// How deep the tree is from here on.
    pub(crate) depth: u16,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Literal(Literal),
    Name(String),
    /// `operand.field`, `operand.?field`, and inside `has()`.
    Select {
        operand: Box<Expr>,
        field: String,
        access: Access,
    },
    /// `operand[index]`, `operand[?index]`
    Index {
        operand: Box<Expr>,
        index: Box<Expr>,
        access: Access,
    },
    /// A function or an operator, whose name then is like `_+_`.
    Call {
        function: String,
        target: Option<Box<Expr>>,
        arguments: Vec<Expr>,
    },
    List(Vec<Item>),
    Map(Vec<Entry>),
    /// `Type{field: value}`; only its name is kept, since nothing can be made that way here.
    Message(String),
    /// `a && b && c`
    And(Vec<Expr>),
    /// `a || b || c`
    Or(Vec<Expr>),
    Conditional {
        condition: Box<Expr>,
        then: Box<Expr>,
        otherwise: Box<Expr>,
    },
    Fold(Box<Fold>),
    /// `operand.optMap(name, body)` and `operand.optFlatMap(name, body)`
    OptionalMap {
        operand: Box<Expr>,
        name: String,
        body: Box<Expr>,
        is_flat: bool,
    },
}

/// How a field or an item is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// It must be there.
    Plain,
    /// An optional of it is the result.
    Optional,
    /// Whether it is there is the result.
    Presence,
}

/// An item of a list; with a question mark its optional value is left out where there is none.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Item {
    pub(crate) value: Expr,
    pub(crate) is_optional: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: Expr,
    pub(crate) value: Expr,
    pub(crate) is_optional: bool,
}

/// A macro that goes over a list or a map.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fold {
    pub(crate) kind: FoldKind,
    pub(crate) range: Expr,
    /// One name, or two: index and item, or key and value.
    pub(crate) names: Vec<String>,
    /// Only what passes is transformed.
    pub(crate) filter: Option<Expr>,
    pub(crate) body: Expr,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FoldKind {
    All,
    Exists,
    ExistsOne,
    Filter,
    /// `map` and `transformList`
    List,
    /// `transformMap`
    Map,
    /// `transformMapEntry`
    MapEntry,
    /// `sortBy`
    SortBy,
}
