//! Evaluation: a walk over the checked tree that pays for every step.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::Fault;
use crate::ast::Literal;
use crate::cost::{LIST, MAP};
use crate::functions::{Function, fits};
use crate::meter::Meter;
use crate::program::{Node, Program, Select};
use crate::value::{Key, List, Map, Text, Value};

mod fold;

/// What a variable stands for while an expression runs.
pub enum Binding<'a> {
    /// A value that is at hand.
    Value(Value<'a>),
    /// Another expression over the variables before this one, which runs when it is first needed.
    Lazy(Lazy<'a>),
    /// Nothing; a program that uses it fails.
    Absent,
}

/// An expression that runs once, when its value is first needed.
pub struct Lazy<'a> {
    program: &'a Program,
    outcome: RefCell<Option<Result<Value<'a>, Fault>>>,
}

impl<'a> Binding<'a> {
    /// See [`Binding::Lazy`].
    pub fn lazy(program: &'a Program) -> Self {
        Binding::Lazy(Lazy { program, outcome: RefCell::new(None) })
    }
}

impl Program {
    /// Evaluates it. `variables` are those of its environment, in the same order. What it costs is taken from `budget`.
    ///
    /// # Errors
    /// Why there is no value. [`Fault::OverBudget`] if it would cost more than `budget`, which is nothing then.
    pub fn evaluate<'a>(&'a self, variables: &[Binding<'a>], budget: &mut u64) -> Result<Value<'a>, Fault> {
        let mut meter = Meter::new(*budget, &self.patterns);
        let mut run = Run { variables, locals: Vec::new(), meter: &mut meter };
        let outcome = run.value(&self.root);
        *budget = meter.left();
        outcome
    }
}

struct Run<'r, 'a, 'p> {
    variables: &'r [Binding<'a>],
    locals: Vec<Value<'a>>,
    meter: &'r mut Meter<'p>,
}

impl<'a> Run<'_, 'a, '_> {
    fn value(&mut self, node: &'a Node) -> Result<Value<'a>, Fault> {
        match node {
            Node::Literal(literal) => Ok(constant(literal)),
            Node::TypeName(name) => Ok(Value::Type(name)),
            Node::Variable(place) => self.variable(*place),
            Node::Select(select) => self.select(select),
            Node::Has(select) => self.has(select),
            Node::Call { functions, arguments } => self.call(functions, arguments),
            Node::List(items) => self.list(items),
            Node::Map(entries) => self.map(entries),
            Node::And(terms) => self.logical(terms, false),
            Node::Or(terms) => self.logical(terms, true),
            Node::Conditional(parts) => self.conditional(parts),
            Node::Fold(fold) => self.fold(fold),
            Node::OptionalMap { operand, body, is_flat } => self.optional_map(operand, body, *is_flat),
        }
    }

    fn variable(&mut self, place: usize) -> Result<Value<'a>, Fault> {
        self.meter.pay(1)?;
        let Some(binding) = self.variables.get(place) else {
            let local = place.checked_sub(self.variables.len()).and_then(|local| self.locals.get(local));
            return local.cloned().ok_or_else(|| Fault::failed("no such attribute"));
        };
        match binding {
            Binding::Value(value) => Ok(value.clone()),
            Binding::Absent => Err(Fault::failed("no such attribute: the variable has no value here")),
            Binding::Lazy(lazy) => {
                if let Some(outcome) = &*lazy.outcome.borrow() {
                    return outcome.clone();
                }
                // Only variables before this one can be used by it, so that it never waits for itself.
                let before = self.variables.get(..place).unwrap_or_default();
                let mut budget = self.meter.left();
                let outcome = lazy.program.evaluate(before, &mut budget);
                let spent = self.meter.left().saturating_sub(budget);
                lazy.outcome.replace(Some(outcome.clone()));
                self.meter.pay(spent)?;
                outcome
            }
        }
    }

    fn select(&mut self, select: &'a Select) -> Result<Value<'a>, Fault> {
        let operand = self.value(&select.operand)?;
        self.meter.pay(1)?;
        let found = look_up(&operand, select)?;
        if select.is_optional {
            return Ok(match found {
                Some(found @ Value::Optional(_)) => found,
                Some(found) => Value::some(found),
                None => Value::Optional(None),
            });
        }
        found.ok_or_else(|| Fault::NoSuchKey(select.written.to_string()))
    }

    fn has(&mut self, select: &'a Select) -> Result<Value<'a>, Fault> {
        let operand = self.value(&select.operand)?;
        look_up(&operand, select).map(|found| Value::Bool(found.is_some()))
    }

    fn call(
        &mut self,
        functions: &'a [&'static Function],
        arguments: &'a [Node],
    ) -> Result<Value<'a>, Fault> {
        let mut values = Vec::with_capacity(arguments.len());
        for argument in arguments {
            values.push(self.value(argument)?);
        }
        let fitting = functions.iter().find(|function| {
            function.arguments.iter().zip(&values).all(|(pattern, value)| fits(pattern, value))
        });
        let Some(function) = fitting else {
            let name = functions.first().map_or("", |function| function.name);
            let types: Vec<&str> = values.iter().map(Value::type_name).collect();
            return Err(Fault::NoSuchOverload(format!("{name}({})", types.join(", "))));
        };
        self.meter.pay(function.price.actual(&values))?;
        (function.run)(&values, self.meter)
    }

    fn list(&mut self, items: &'a [(Node, bool)]) -> Result<Value<'a>, Fault> {
        self.meter.pay(LIST)?;
        let mut list = Vec::with_capacity(items.len());
        for (node, is_optional) in items {
            match self.value(node)? {
                Value::Optional(inner) if *is_optional => list.extend(inner.map(Rc::unwrap_or_clone)),
                other => list.push(other),
            }
        }
        Ok(Value::List(List::made(list)))
    }

    fn map(&mut self, entries: &'a [(Node, Node, bool)]) -> Result<Value<'a>, Fault> {
        self.meter.pay(MAP)?;
        let mut map = BTreeMap::new();
        for (key, value, is_optional) in entries {
            let (key, value) = (self.value(key)?, self.value(value)?);
            let value = match value {
                Value::Optional(None) if *is_optional => continue,
                Value::Optional(Some(inner)) if *is_optional => Rc::unwrap_or_clone(inner),
                other => other,
            };
            insert(&mut map, &key, value)?;
        }
        Ok(Value::Map(Map::Made(Rc::new(map))))
    }

    /// `&&` and `||`: one term that decides makes errors of the others of no account.
    fn logical(&mut self, terms: &'a [Node], decisive: bool) -> Result<Value<'a>, Fault> {
        let mut fault = None;
        for term in terms {
            match self.value(term) {
                Ok(Value::Bool(found)) if found == decisive => return Ok(Value::Bool(decisive)),
                Ok(Value::Bool(_)) => {}
                Ok(other) => {
                    let name = if decisive { "_||_" } else { "_&&_" };
                    fault = fault.or(Some(Fault::NoSuchOverload(format!("{name}({})", other.type_name()))));
                }
                Err(Fault::OverBudget) => return Err(Fault::OverBudget),
                Err(other) => fault = fault.or(Some(other)),
            }
        }
        fault.map_or(Ok(Value::Bool(!decisive)), Err)
    }

    fn conditional(&mut self, [condition, then, otherwise]: &'a [Node; 3]) -> Result<Value<'a>, Fault> {
        match self.value(condition)? {
            Value::Bool(true) => self.value(then),
            Value::Bool(false) => self.value(otherwise),
            other => Err(Fault::NoSuchOverload(format!("_?_:_({})", other.type_name()))),
        }
    }

    fn optional_map(&mut self, operand: &'a Node, body: &'a Node, is_flat: bool) -> Result<Value<'a>, Fault> {
        match self.value(operand)? {
            Value::Optional(Some(inner)) => {
                self.locals.push(Rc::unwrap_or_clone(inner));
                let mapped = self.value(body);
                self.locals.pop();
                if is_flat { mapped } else { mapped.map(Value::some) }
            }
            none @ Value::Optional(None) => Ok(none),
            other => Err(Fault::NoSuchOverload(format!("optMap({})", other.type_name()))),
        }
    }
}

/// Adds an entry to a map that is being made.
fn insert<'a>(
    map: &mut BTreeMap<Key<'a>, Value<'a>>,
    key: &Value<'a>,
    value: Value<'a>,
) -> Result<(), Fault> {
    let Some(known) = Key::of(key) else {
        return Err(Fault::failed(format!("unsupported key type: {}", key.type_name())));
    };
    match map.insert(known, value) {
        None => Ok(()),
        Some(_) => Err(Fault::failed("insert failed: key already exists")),
    }
}

fn constant(literal: &Literal) -> Value<'_> {
    match literal {
        Literal::Null => Value::Null,
        Literal::Bool(flag) => Value::Bool(*flag),
        Literal::Int(number) => Value::Int(*number),
        Literal::Uint(number) => Value::Uint(*number),
        Literal::Double(number) => Value::Double(*number),
        Literal::String(text) => Value::String(Text::Borrowed(text)),
        Literal::Bytes(bytes) => Value::Bytes((**bytes).into()),
    }
}

/// The field of an object or the entry of a map, if it is there.
fn look_up<'a>(operand: &Value<'a>, select: &'a Select) -> Result<Option<Value<'a>>, Fault> {
    match operand {
        Value::Map(map) if map.is_object() => map.field(&select.meant),
        Value::Map(map) => map.get(&Key::String(Text::Borrowed(&select.written))),
        Value::Optional(None) => Ok(None),
        Value::Optional(Some(inner)) => look_up(inner, select),
        other => Err(Fault::failed(format!("no such overload: {}.{}", other.type_name(), select.written))),
    }
}

#[cfg(test)]
mod tests;
