//! Macros, item by item.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::{Run, insert};
use crate::Fault;
use crate::ast::FoldKind;
use crate::cost::{LIST, MAP};
use crate::functions::lists::sorted_by_keys;
use crate::program::{Fold, Node};
use crate::value::{Key, Map, Value};

/// One turn: what the names of the macro stand for.
struct Turn<'a> {
    key: Value<'a>,
    /// `None` for a map whose values no name stands for.
    item: Option<Value<'a>>,
}

impl<'a> Run<'_, 'a, '_> {
    pub(super) fn fold(&mut self, fold: &'a Fold) -> Result<Value<'a>, Fault> {
        let range = self.value(&fold.range)?;
        match fold.kind {
            FoldKind::All => self.any(fold, &range, false),
            FoldKind::Exists => self.any(fold, &range, true),
            FoldKind::ExistsOne => self.exactly_one(fold, &range),
            FoldKind::Filter => self.filtered(fold, &range),
            FoldKind::List => self.mapped(fold, &range),
            FoldKind::SortBy => self.sorted(fold, &range),
            FoldKind::Map | FoldKind::MapEntry => self.map_made(fold, &range),
        }
    }

    /// Goes over the range until `turn` says that it is decided.
    fn go<F>(&mut self, fold: &'a Fold, range: &Value<'a>, mut turn: F) -> Result<(), Fault>
    where
        F: FnMut(&mut Self, &Turn<'a>) -> Result<std::ops::ControlFlow<()>, Fault>,
    {
        match range {
            Value::List(list) => {
                for (index, item) in list.iter().enumerate() {
                    let key = Value::Int(i64::try_from(index).unwrap_or(i64::MAX));
                    if turn(self, &Turn { key, item: Some(item?) })?.is_break() {
                        break;
                    }
                }
                Ok(())
            }
            Value::Map(map) if fold.has_two_names => {
                for entry in map.iter() {
                    let (key, value) = entry?;
                    if turn(self, &Turn { key: key.value(), item: Some(value) })?.is_break() {
                        break;
                    }
                }
                Ok(())
            }
            Value::Map(map) => {
                self.meter.work(map.len())?;
                for key in map.keys() {
                    if turn(self, &Turn { key, item: None })?.is_break() {
                        break;
                    }
                }
                Ok(())
            }
            other => Err(Fault::failed(format!("got {}, expected a list or a map", other.type_name()))),
        }
    }

    /// A node, with the names of the macro standing for this turn's values.
    fn bound(&mut self, fold: &Fold, node: &'a Node, turn: &Turn<'a>) -> Result<Value<'a>, Fault> {
        let depth = self.locals.len();
        if fold.has_two_names {
            self.locals.push(turn.key.clone());
            self.locals.extend(turn.item.clone());
        } else {
            self.locals.push(turn.single());
        }
        let value = self.value(node);
        self.locals.truncate(depth);
        value
    }

    fn holds(&mut self, fold: &Fold, node: &'a Node, turn: &Turn<'a>) -> Result<bool, Fault> {
        match self.bound(fold, node, turn)? {
            Value::Bool(flag) => Ok(flag),
            other => Err(Fault::failed(format!("no such overload: predicate of type {}", other.type_name()))),
        }
    }

    fn passes(&mut self, fold: &'a Fold, turn: &Turn<'a>) -> Result<bool, Fault> {
        fold.filter.as_ref().map_or(Ok(true), |filter| self.holds(fold, filter, turn))
    }

    /// `all` and `exists`: one item that decides makes errors of the others of no account.
    fn any(&mut self, fold: &'a Fold, range: &Value<'a>, decisive: bool) -> Result<Value<'a>, Fault> {
        let (mut is_decided, mut fault) = (false, None);
        self.meter.pay(1)?;
        self.go(fold, range, |run, turn| {
            run.meter.pay(3)?;
            match run.holds(fold, &fold.body, turn) {
                Ok(found) if found == decisive => {
                    is_decided = true;
                    return Ok(std::ops::ControlFlow::Break(()));
                }
                Ok(_) => {}
                Err(Fault::OverBudget) => return Err(Fault::OverBudget),
                Err(other) => fault = fault.take().or(Some(other)),
            }
            Ok(std::ops::ControlFlow::Continue(()))
        })?;
        if is_decided {
            return Ok(Value::Bool(decisive));
        }
        fault.map_or(Ok(Value::Bool(!decisive)), Err)
    }

    fn exactly_one(&mut self, fold: &'a Fold, range: &Value<'a>) -> Result<Value<'a>, Fault> {
        let mut count = 0_usize;
        self.go(fold, range, |run, turn| {
            run.meter.pay(1)?;
            count += usize::from(run.holds(fold, &fold.body, turn)?);
            Ok(std::ops::ControlFlow::Continue(()))
        })?;
        Ok(Value::Bool(count == 1))
    }

    fn filtered(&mut self, fold: &'a Fold, range: &Value<'a>) -> Result<Value<'a>, Fault> {
        let mut kept = Vec::new();
        self.meter.pay(LIST)?;
        self.go(fold, range, |run, turn| {
            run.meter.pay(1)?;
            if run.holds(fold, &fold.body, turn)? {
                run.meter.pay(LIST)?;
                kept.push(turn.single());
            }
            Ok(std::ops::ControlFlow::Continue(()))
        })?;
        Ok(Value::list(kept))
    }

    fn mapped(&mut self, fold: &'a Fold, range: &Value<'a>) -> Result<Value<'a>, Fault> {
        let mut made = Vec::new();
        self.meter.pay(LIST)?;
        self.go(fold, range, |run, turn| {
            run.meter.pay(1)?;
            if run.passes(fold, turn)? {
                run.meter.pay(LIST)?;
                made.push(run.bound(fold, &fold.body, turn)?);
            }
            Ok(std::ops::ControlFlow::Continue(()))
        })?;
        Ok(Value::list(made))
    }

    fn sorted(&mut self, fold: &'a Fold, range: &Value<'a>) -> Result<Value<'a>, Fault> {
        let mut keyed = Vec::new();
        self.go(fold, range, |run, turn| {
            run.meter.pay(LIST)?;
            keyed.push((run.bound(fold, &fold.body, turn)?, turn.single()));
            Ok(std::ops::ControlFlow::Continue(()))
        })?;
        sorted_by_keys(keyed, self.meter).map(Value::list)
    }

    fn map_made(&mut self, fold: &'a Fold, range: &Value<'a>) -> Result<Value<'a>, Fault> {
        let mut made: BTreeMap<Key<'a>, Value<'a>> = BTreeMap::new();
        self.meter.pay(MAP)?;
        self.go(fold, range, |run, turn| {
            run.meter.pay(2)?;
            if !run.passes(fold, turn)? {
                return Ok(std::ops::ControlFlow::Continue(()));
            }
            match (fold.kind, run.bound(fold, &fold.body, turn)?) {
                (FoldKind::MapEntry, Value::Map(entries)) => {
                    for entry in entries.iter() {
                        let (key, value) = entry?;
                        insert(&mut made, &key.value(), value)?;
                    }
                }
                (_, value) => insert(&mut made, &turn.key, value)?,
            }
            Ok(std::ops::ControlFlow::Continue(()))
        })?;
        Ok(Value::Map(Map::Made(Rc::new(made))))
    }
}

impl<'a> Turn<'a> {
    /// What a single name stands for: the item of a list, the key of a map.
    fn single(&self) -> Value<'a> {
        self.item.clone().unwrap_or_else(|| self.key.clone())
    }
}
