//! Calls: which rows of the table of functions fit, and what they cost.

use super::{Checker, Part, Size};
use crate::ast::{Expr, Kind, Literal};
use crate::cost::Range;
use crate::functions::regex::{WITH_PATTERN, written};
use crate::functions::time::{parse_duration, parse_timestamp};
use crate::functions::{Function, is_known, named};
use crate::parse::qualified_name;
use crate::price::Operand;
use crate::program::Node;
use crate::types::Bindings;
use crate::{ExpressionError, Type};

impl Checker<'_> {
    pub(super) fn call(
        &mut self,
        at: usize,
        function: &str,
        target: Option<&Expr>,
        arguments: &[Expr],
    ) -> Result<Part, ExpressionError> {
        // `math.greatest(a)` is a function with a qualified name unless `math` is a variable.
        let qualified = target.and_then(qualified_name).map(|scope| format!("{scope}.{function}"));
        let (name, rows, target) = match qualified.map(|name| (named(&name, false), name)) {
            Some((rows, name)) if !rows.is_empty() => (name, rows, None),
            _ => (function.to_owned(), named(function, target.is_some()), target),
        };
        if rows.is_empty() && !is_known(&name) {
            return Err(self.error(at, format!("undeclared reference to '{name}' (in container '')")));
        }
        let mut parts = Vec::new();
        for argument in target.into_iter().chain(arguments) {
            parts.push(self.part(argument)?);
        }
        let given: Vec<&Expr> = target.into_iter().chain(arguments).collect();
        self.check_literals(&name, &given)?;
        self.applied(at, &name, &rows, parts, target.is_some())
    }

    pub(super) fn index(
        &mut self,
        at: usize,
        function: &str,
        operand: &Expr,
        index: &Expr,
    ) -> Result<Part, ExpressionError> {
        let (operand, index) = (self.part(operand)?, self.part(index)?);
        let size = operand.size.of_items().or(self.computed_item());
        let part = self.applied(at, function, &named(function, false), vec![operand, index], false)?;
        Ok(Part { size, ..part })
    }

    fn applied(
        &self,
        at: usize,
        name: &str,
        rows: &[&'static Function],
        parts: Vec<Part>,
        is_method: bool,
    ) -> Result<Part, ExpressionError> {
        let types: Vec<Type> = parts.iter().map(|part| part.type_.clone()).collect();
        let fitting: Vec<(&'static Function, Bindings)> =
            rows.iter().filter_map(|row| Some((*row, bindings(row, &types)?))).collect();
        let Some(((first, bound), others)) = fitting.split_first() else {
            return Err(self.error(at, no_match(name, &types, is_method)));
        };
        let result = others.iter().fold(first.result.resolved(bound), |type_, (row, bound)| {
            type_.joined(&row.result.resolved(bound)).unwrap_or(Type::Dyn)
        });
        let operands: Vec<Operand> = parts.iter().map(operand).collect();
        let (mut cost, mut size) = (Range::NONE, None::<Range>);
        for (row, _) in &fitting {
            let (own, result) = row.price.estimate(&operands);
            cost = cost.union(own);
            size = match (size, result) {
                (Some(one), Some(two)) => Some(one.union(two)),
                (one, two) => one.or(two),
            };
        }
        let cost = parts.iter().map(|part| part.cost).sum::<Range>().plus(cost);
        let mut known = Size { own: size, ..Size::default() };
        if name == "dyn" {
            known = parts.first().map(|part| part.size.clone()).unwrap_or_default();
        } else if let ("split", Some(Node::Literal(Literal::Int(most)))) =
            (name, parts.get(2).map(|part| &part.node))
        {
            known.own = Some(Range::up_to(u64::try_from(*most).unwrap_or(u64::MAX)));
        } else if name == "_+_" {
            let items = |index: usize| parts.get(index).and_then(|part| part.size.of_items().own);
            known.items = items(0).zip(items(1)).map(|(one, two)| one.union(two));
        }
        let functions = fitting.iter().map(|(row, _)| *row).collect();
        let arguments = parts.into_iter().map(|part| part.node).collect();
        Ok(Part { node: Node::Call { functions, arguments }, type_: result, cost, size: known })
    }

    /// Patterns, times and durations that are written out must make sense.
    fn check_literals(&mut self, name: &str, arguments: &[&Expr]) -> Result<(), ExpressionError> {
        let literal = |index: usize| {
            let argument = arguments.get(index)?;
            match &argument.kind {
                Kind::Literal(Literal::String(text)) => Some((text.clone(), argument.at)),
                _ => None,
            }
        };
        if WITH_PATTERN.contains(&name)
            && let Some((pattern, at)) = literal(1)
        {
            let read = written(&pattern)
                .map_err(|words| self.error(at, format!("invalid matches argument: {words}")))?;
            self.patterns.insert(pattern, read);
        }
        let Some((text, at)) = literal(0) else { return Ok(()) };
        let fault = match name {
            "timestamp" => parse_timestamp(&text).err(),
            "duration" => parse_duration(&text).err(),
            _ => None,
        };
        fault.map_or(Ok(()), |fault| Err(self.error(at, format!("invalid {name} argument: {fault}"))))
    }
}

fn bindings(row: &Function, types: &[Type]) -> Option<Bindings> {
    if row.arguments.len() != types.len() {
        return None;
    }
    let mut bindings = Bindings::default();
    let fits = row.arguments.iter().zip(types).all(|(pattern, type_)| pattern.accepts(type_, &mut bindings));
    fits.then_some(bindings)
}

fn operand(part: &Part) -> Operand {
    let text_items = match &part.type_ {
        Type::List(item) if matches!(**item, Type::String | Type::Bytes) => {
            Some(part.size.of_items().range(item))
        }
        _ => None,
    };
    Operand { size: part.range(), text_items }
}

fn no_match(name: &str, types: &[Type], is_method: bool) -> String {
    let printed = |types: &[Type]| types.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let applied = match types.split_first() {
        Some((target, rest)) if is_method => format!("{target}.({})", printed(rest)),
        _ => format!("({})", printed(types)),
    };
    format!("found no matching overload for '{name}' applied to '{applied}'")
}
