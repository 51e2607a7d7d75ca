//! Macros: calls that the parser understands because they bind names.

use super::Parser;
use crate::ExpressionError;
use crate::ast::{Access, Expr, Fold, FoldKind, Kind};

/// A macro by its name and the number of its arguments: how many of them are names, and whether a filter follows.
struct Macro {
    name: &'static str,
    arguments: usize,
    kind: FoldKind,
    names: usize,
    has_filter: bool,
}

const fn fold(name: &'static str, arguments: usize, kind: FoldKind, names: usize) -> Macro {
    Macro { name, arguments, kind, names, has_filter: arguments == names + 2 }
}

const MACROS: [Macro; 18] = [
    fold("all", 2, FoldKind::All, 1),
    fold("all", 3, FoldKind::All, 2),
    fold("exists", 2, FoldKind::Exists, 1),
    fold("exists", 3, FoldKind::Exists, 2),
    fold("exists_one", 2, FoldKind::ExistsOne, 1),
    fold("existsOne", 2, FoldKind::ExistsOne, 1),
    fold("existsOne", 3, FoldKind::ExistsOne, 2),
    fold("exists_one", 3, FoldKind::ExistsOne, 2),
    fold("filter", 2, FoldKind::Filter, 1),
    fold("map", 2, FoldKind::List, 1),
    fold("map", 3, FoldKind::List, 1),
    fold("transformList", 3, FoldKind::List, 2),
    fold("transformList", 4, FoldKind::List, 2),
    fold("transformMap", 3, FoldKind::Map, 2),
    fold("transformMap", 4, FoldKind::Map, 2),
    fold("transformMapEntry", 3, FoldKind::MapEntry, 2),
    fold("transformMapEntry", 4, FoldKind::MapEntry, 2),
    fold("sortBy", 2, FoldKind::SortBy, 1),
];

impl Parser<'_> {
    /// `operand.name(arguments)`: a macro or a function.
    pub(super) fn method(
        &self,
        operand: Expr,
        name: String,
        arguments: Vec<Expr>,
        at: usize,
    ) -> Result<Expr, ExpressionError> {
        let count = arguments.len();
        if let Some(known) = MACROS.iter().find(|known| known.name == name && known.arguments == count) {
            return self.fold(known, operand, arguments, at);
        }
        if count == 2 && matches!(name.as_str(), "optMap" | "optFlatMap") {
            return self.optional_map(operand, arguments, name == "optFlatMap", at);
        }
        self.make(at, Kind::Call { function: name, target: Some(Box::new(operand)), arguments })
    }

    fn fold(
        &self,
        known: &Macro,
        range: Expr,
        arguments: Vec<Expr>,
        at: usize,
    ) -> Result<Expr, ExpressionError> {
        let mut arguments = arguments.into_iter();
        let mut names = Vec::new();
        for name in arguments.by_ref().take(known.names) {
            names.push(self.simple_name(name)?);
        }
        if let [first, second] = names.as_slice()
            && first == second
        {
            return Err(self.error(at, format!("duplicate variable name: {first}")));
        }
        let filter = if known.has_filter { arguments.next() } else { None };
        let Some(body) = arguments.next() else {
            return Err(self.error(at, format!("found too few arguments of {}()", known.name)));
        };
        self.make(at, Kind::Fold(Box::new(Fold { kind: known.kind, range, names, filter, body })))
    }

    fn optional_map(
        &self,
        operand: Expr,
        arguments: Vec<Expr>,
        is_flat: bool,
        at: usize,
    ) -> Result<Expr, ExpressionError> {
        let mut arguments = arguments.into_iter();
        let (Some(name), Some(body)) = (arguments.next(), arguments.next()) else {
            return Err(self.error(at, "found too few arguments of optMap()"));
        };
        let name = self.simple_name(name)?;
        self.make(at, Kind::OptionalMap { operand: Box::new(operand), name, body: Box::new(body), is_flat })
    }

    /// `has(a.b)`
    pub(super) fn has(&self, arguments: Vec<Expr>, at: usize) -> Result<Expr, ExpressionError> {
        let mut arguments = arguments.into_iter();
        match (arguments.next().map(|argument| argument.kind), arguments.next()) {
            (Some(Kind::Select { operand, field, access: Access::Plain }), None) => {
                self.make(at, Kind::Select { operand, field, access: Access::Presence })
            }
            _ => Err(self.error(
                at,
                "invalid argument to has() macro: expected the selection of a field, as in has(self.a)",
            )),
        }
    }

    fn simple_name(&self, argument: Expr) -> Result<String, ExpressionError> {
        match argument.kind {
            Kind::Name(name) => Ok(name),
            _ => Err(self.error(argument.at, "argument must be a simple name")),
        }
    }
}
