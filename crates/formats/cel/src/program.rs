//! An expression that was checked: names are places, functions are rows of the table.

use std::collections::BTreeMap;

use bythos_schema::Pattern;

use crate::ast::{FoldKind, Literal};
use crate::cost::Range;
use crate::environment::Environment;
use crate::functions::Function;
use crate::{ExpressionError, Type};

/// A checked expression, ready to be evaluated any number of times.
#[derive(Debug)]
pub struct Program {
    pub(crate) root: Node,
    pub(crate) patterns: BTreeMap<Box<str>, Pattern>,
    pub(crate) used: Vec<bool>,
    type_: Type,
    cost: Range,
}

impl Program {
    /// Reads and checks an expression against the variables that it may use.
    ///
    /// # Errors
    /// What makes no sense, with its place.
    pub fn compile(source: &str, environment: &Environment) -> Result<Program, ExpressionError> {
        let expression = crate::parse::parse(source)?;
        let checked = crate::check::check(source, &expression, environment)?;
        Ok(Program {
            root: checked.node,
            patterns: checked.patterns,
            used: checked.used,
            type_: checked.type_,
            cost: checked.cost,
        })
    }

    /// The type of its value.
    pub fn type_(&self) -> &Type {
        &self.type_
    }

    /// What it can cost at most, in the units of cel-go; [`u64::MAX`] where nothing bounds it.
    pub fn cost_max(&self) -> u64 {
        self.cost.max
    }

    /// Whether it uses the variable of this place.
    pub fn uses(&self, variable: usize) -> bool {
        self.used.get(variable).copied().unwrap_or_default()
    }
}

pub(crate) enum Node {
    Literal(Literal),
    /// A type by its name, as in `type(x) == string`.
    TypeName(&'static str),
    /// The variable of this place; those of macros come after those of the environment.
    Variable(usize),
    Select(Box<Select>),
    /// Whether a field is there.
    Has(Box<Select>),
    Call {
        functions: Box<[&'static Function]>,
        arguments: Box<[Node]>,
    },
    List(Box<[(Node, bool)]>),
    Map(Box<[(Node, Node, bool)]>),
    And(Box<[Node]>),
    Or(Box<[Node]>),
    Conditional(Box<[Node; 3]>),
    Fold(Box<Fold>),
    OptionalMap {
        operand: Box<Node>,
        body: Box<Node>,
        is_flat: bool,
    },
}

pub(crate) struct Select {
    pub(crate) operand: Node,
    /// The field as it is written, which is the key of a map.
    pub(crate) written: Box<str>,
    /// The field that is meant, which is its name in an object.
    pub(crate) meant: Box<str>,
    pub(crate) is_optional: bool,
}

pub(crate) struct Fold {
    pub(crate) kind: FoldKind,
    pub(crate) range: Node,
    pub(crate) has_two_names: bool,
    pub(crate) filter: Option<Node>,
    pub(crate) body: Node,
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Node")
    }
}
