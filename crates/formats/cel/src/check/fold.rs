//! Macros: the types of the names that they bind, and what going over their range costs.
//!
//! The costs are those of the loops into which cel-go unfolds them: a condition, a step, a result.

use super::{Checker, Local, Part, Size};
use crate::ast::{Expr, Fold, FoldKind};
use crate::cost::{LIST, MAP, Range};
use crate::program::{self, Node};
use crate::{ExpressionError, Type};

impl Checker<'_> {
    pub(super) fn fold(&mut self, at: usize, fold: &Fold) -> Result<Part, ExpressionError> {
        let range = self.part(&fold.range)?;
        let depth = self.locals.len();
        self.bind(at, fold, &range)?;
        let filter = fold.filter.as_ref().map(|filter| self.boolean(filter, "a filter")).transpose()?;
        let body = match fold.kind {
            FoldKind::All | FoldKind::Exists | FoldKind::ExistsOne | FoldKind::Filter => {
                self.boolean(&fold.body, "a predicate")?
            }
            _ => self.part(&fold.body)?,
        };
        self.locals.truncate(depth);
        let type_ = self.result(fold, &range, &body)?;
        let step = step_cost(fold.kind, filter.as_ref().map(|filter| filter.cost), body.cost);
        let fixed = fixed_cost(fold.kind);
        let cost = range.cost.plus(fixed).plus(range.range().times(step));
        let size = size(fold.kind, &range, &body);
        let node = Node::Fold(Box::new(program::Fold {
            kind: fold.kind,
            range: range.node,
            has_two_names: fold.names.len() == 2,
            filter: filter.map(|filter| filter.node),
            body: body.node,
        }));
        Ok(Part { node, type_, cost, size })
    }

    /// Declares the names of a macro: an item, a key, or both of an index and an item, a key and a value.
    fn bind(&mut self, at: usize, fold: &Fold, range: &Part) -> Result<(), ExpressionError> {
        let (key, item) = match &range.type_ {
            Type::List(item) => {
                let size = range.size.of_items().or(self.computed_item());
                ((Type::Int, Size::default()), ((**item).clone(), size))
            }
            Type::Map(key, value) => {
                (((**key).clone(), range.size.of_keys()), ((**value).clone(), range.size.of_items()))
            }
            Type::Dyn => ((Type::Dyn, Size::default()), (Type::Dyn, Size::default())),
            other => {
                let message = format!(
                    "expression of type '{other}' cannot be range of a comprehension (must be list, map, or dynamic)"
                );
                return Err(self.error(at, message));
            }
        };
        let is_map = matches!(range.type_, Type::Map(..));
        let bound = match fold.names.as_slice() {
            [name] => vec![(name, if is_map { key } else { item })],
            [first, second] => vec![(first, key), (second, item)],
            _ => Vec::new(),
        };
        for (name, (type_, size)) in bound {
            self.locals.push(Local { name: name.clone(), type_, size });
        }
        Ok(())
    }

    fn result(&self, fold: &Fold, range: &Part, body: &Part) -> Result<Type, ExpressionError> {
        Ok(match fold.kind {
            FoldKind::All | FoldKind::Exists | FoldKind::ExistsOne => Type::Bool,
            FoldKind::Filter => match &range.type_ {
                Type::Map(key, _) => Type::List(key.clone()),
                other => other.clone(),
            },
            FoldKind::SortBy => match &range.type_ {
                list @ (Type::List(_) | Type::Dyn) => list.clone(),
                other => {
                    return Err(
                        self.error(fold.range.at, format!("found a {other}, expected a list to sort"))
                    );
                }
            },
            FoldKind::List => Type::list(body.type_.clone()),
            FoldKind::Map => match &range.type_ {
                Type::Map(key, _) => Type::Map(key.clone(), body.type_.clone().into()),
                Type::List(_) => Type::map(Type::Int, body.type_.clone()),
                _ => Type::map(Type::Dyn, body.type_.clone()),
            },
            FoldKind::MapEntry => match &body.type_ {
                map @ (Type::Map(..) | Type::Dyn) => map.clone(),
                other => {
                    return Err(self
                        .error(fold.body.at, format!("found a {other}, expected a map with the new entry")));
                }
            },
        })
    }

    pub(super) fn optional_map(
        &mut self,
        operand: &Expr,
        name: &str,
        body: &Expr,
        is_flat: bool,
    ) -> Result<Part, ExpressionError> {
        let at = operand.at;
        let operand = self.part(operand)?;
        let inner = match &operand.type_ {
            Type::Optional(inner) => (**inner).clone(),
            Type::Dyn => Type::Dyn,
            other => {
                return Err(
                    self.error(at, format!("found a value of type '{other}', expected an optional one"))
                );
            }
        };
        self.locals.push(Local { name: name.to_owned(), type_: inner, size: operand.size.clone() });
        let result = self.part(body);
        self.locals.pop();
        let result = result?;
        let type_ = match &result.type_ {
            Type::Optional(_) | Type::Dyn if is_flat => result.type_.clone(),
            other if is_flat => {
                return Err(
                    self.error(body.at, format!("found a value of type '{other}', expected an optional one"))
                );
            }
            other => Type::optional(other.clone()),
        };
        let cost = operand.cost.plus(Range::exactly(LIST + 4)).plus(result.cost);
        let node =
            Node::OptionalMap { operand: Box::new(operand.node), body: Box::new(result.node), is_flat };
        Ok(Part { node, type_, cost, size: result.size })
    }
}

/// What one turn costs beyond the predicate itself.
fn step_cost(kind: FoldKind, filter: Option<Range>, body: Range) -> Range {
    let exactly = Range::exactly;
    let step = match kind {
        FoldKind::All => return body.plus(exactly(3)),
        FoldKind::Exists => return body.plus(exactly(4)),
        FoldKind::ExistsOne => return body.plus(Range { min: 1, max: 2 }),
        FoldKind::Filter => return body.plus(Range { min: 1, max: LIST + 3 }),
        FoldKind::List => body.plus(exactly(LIST + 2)),
        FoldKind::SortBy => body.plus(exactly(2 * LIST)),
        FoldKind::Map | FoldKind::MapEntry => body.plus(exactly(3)),
    };
    match filter {
        None => step,
        Some(filter) => filter.plus(exactly(1).union(step)),
    }
}

/// What beginning and ending cost.
fn fixed_cost(kind: FoldKind) -> Range {
    Range::exactly(match kind {
        FoldKind::All | FoldKind::Exists => 1,
        FoldKind::ExistsOne => 2,
        FoldKind::Filter | FoldKind::List | FoldKind::SortBy => LIST + 1,
        FoldKind::Map | FoldKind::MapEntry => MAP + 1,
    })
}

fn size(kind: FoldKind, range: &Part, body: &Part) -> Size {
    let most = Range::up_to(range.range().max);
    match kind {
        FoldKind::All | FoldKind::Exists | FoldKind::ExistsOne => Size::default(),
        FoldKind::Filter | FoldKind::SortBy => {
            let items = match &range.type_ {
                Type::List(item) => Some(range.size.of_items().range(item)),
                _ => range.size.of_keys().own,
            };
            Size { own: Some(most), items, ..Size::default() }
        }
        FoldKind::List | FoldKind::Map => {
            Size { own: Some(most), items: Some(body.range()), keys: range.size.of_keys().own, schema: None }
        }
        FoldKind::MapEntry => Size { own: Some(most), items: body.size.of_items().own, ..Size::default() },
    }
}
