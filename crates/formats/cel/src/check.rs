//! Checking: every name is known, every function takes what it is given, and what all of it can cost.
//!
//! One walk finds types, sizes and costs together, bottom up. Sizes come from literals, and from the schema of what is
//! read out of an object; what has no known size costs as much as there is.

use std::collections::BTreeMap;
use std::sync::Arc;

use bythos_schema::{Pattern, Schema};

use crate::ast::{Access, Expr, Kind, Literal};
use crate::cost::{LIST, MAP, Range};
use crate::declared::{declared, elements_max, field};
use crate::environment::Environment;
use crate::parse::qualified_name;
use crate::program::{Node, Select};
use crate::{ExpressionError, Type};

mod call;
mod fold;

/// A whole expression, checked.
pub(crate) struct Whole {
    pub(crate) node: Node,
    pub(crate) type_: Type,
    pub(crate) cost: Range,
    pub(crate) patterns: BTreeMap<Box<str>, Pattern>,
    pub(crate) used: Vec<bool>,
}

/// Checks an expression.
pub(crate) fn check(
    source: &str,
    expression: &Expr,
    environment: &Environment,
) -> Result<Whole, ExpressionError> {
    let used = vec![false; environment.variables.len()];
    let mut checker = Checker { source, environment, locals: Vec::new(), patterns: BTreeMap::new(), used };
    let Part { node, type_, cost, .. } = checker.part(expression)?;
    Ok(Whole { node, type_, cost, patterns: checker.patterns, used: checker.used })
}

struct Checker<'c> {
    source: &'c str,
    environment: &'c Environment,
    /// Variables of macros, innermost last.
    locals: Vec<Local>,
    patterns: BTreeMap<Box<str>, Pattern>,
    used: Vec<bool>,
}

struct Local {
    name: String,
    type_: Type,
    size: Size,
}

/// What is known of the size of a value.
#[derive(Debug, Clone, Default)]
struct Size {
    /// Characters, items or entries, if they are known from the expression itself.
    own: Option<Range>,
    /// The same of its items, and of its keys.
    items: Option<Range>,
    keys: Option<Range>,
    /// Where it was read from an object.
    schema: Option<Arc<Schema>>,
}

impl Size {
    fn of(own: Range) -> Self {
        Size { own: Some(own), ..Size::default() }
    }

    fn from_schema(schema: &Arc<Schema>) -> Self {
        Size { schema: Some(schema.clone()), ..Size::default() }
    }

    /// The size of a value of this type.
    fn range(&self, type_: &Type) -> Range {
        let by_schema = || self.schema.as_ref().map(|schema| Range::up_to(elements_max(schema)));
        let by_type = || type_.is_scalar().then_some(Range::exactly(1));
        self.own.or_else(by_schema).or_else(by_type).unwrap_or(Range::UNKNOWN)
    }

    /// The size of the items of a list or the values of a map.
    fn of_items(&self) -> Size {
        let schema = self.schema.as_ref().and_then(|schema| schema.items.as_ref().or(schema.values.as_ref()));
        Size { own: self.items, schema: schema.cloned(), ..Size::default() }
    }

    /// The size of the keys of a map. A schema does not bound them; upstream reckons that they are nothing.
    fn of_keys(&self) -> Size {
        let declared = self.schema.as_ref().map(|_| Range::default());
        Size { own: self.keys.or(declared), ..Size::default() }
    }

    /// This size, or if nothing is known of it, another.
    fn or(self, other: Option<Range>) -> Size {
        if self.own.is_some() || self.schema.is_some() { self } else { Size { own: other, ..self } }
    }
}

/// A checked piece of an expression.
struct Part {
    node: Node,
    type_: Type,
    cost: Range,
    size: Size,
}

impl Part {
    fn range(&self) -> Range {
        self.size.range(&self.type_)
    }
}

/// Types that are values, by the names that expressions use.
const TYPE_NAMES: [(&str, &str); 13] = [
    ("bool", "bool"),
    ("int", "int"),
    ("uint", "uint"),
    ("double", "double"),
    ("string", "string"),
    ("bytes", "bytes"),
    ("list", "list"),
    ("map", "map"),
    ("null_type", "null_type"),
    ("type", "type"),
    ("google.protobuf.Timestamp", "google.protobuf.Timestamp"),
    ("google.protobuf.Duration", "google.protobuf.Duration"),
    ("optional_type", "optional_type"),
];

impl Checker<'_> {
    fn error(&self, at: usize, message: impl Into<String>) -> ExpressionError {
        ExpressionError::at(self.source, at, message)
    }

    /// What upstream takes for the size of an item of a list that was computed: that of `self`.
    fn computed_item(&self) -> Option<Range> {
        let first = self.environment.variables.first()?;
        first.schema.as_ref().map(|schema| Range::up_to(elements_max(schema)))
    }

    fn part(&mut self, expression: &Expr) -> Result<Part, ExpressionError> {
        match &expression.kind {
            Kind::Literal(literal) => Ok(literal_part(literal)),
            Kind::Name(name) => self.name(name, expression.at),
            Kind::Select { operand, field, access } => self.select(expression, operand, field, *access),
            Kind::Index { operand, index, access } => {
                let function = if *access == Access::Optional { "_[?_]" } else { "_[_]" };
                self.index(expression.at, function, operand, index)
            }
            Kind::Call { function, target, arguments } => {
                self.call(expression.at, function, target.as_deref(), arguments)
            }
            Kind::List(items) => self.list(items),
            Kind::Map(entries) => self.map(entries),
            Kind::Message(name) => {
                Err(self.error(expression.at, format!("undeclared reference to {name:?} (in container '')")))
            }
            Kind::And(terms) => self.logical(terms, Node::And),
            Kind::Or(terms) => self.logical(terms, Node::Or),
            Kind::Conditional { condition, then, otherwise } => {
                self.conditional(expression.at, condition, then, otherwise)
            }
            Kind::Fold(fold) => self.fold(expression.at, fold),
            Kind::OptionalMap { operand, name, body, is_flat } => {
                self.optional_map(operand, name, body, *is_flat)
            }
        }
    }

    fn name(&mut self, name: &str, at: usize) -> Result<Part, ExpressionError> {
        self.variable(name)
            .ok_or_else(|| self.error(at, format!("undeclared reference to '{name}' (in container '')")))
    }

    /// A variable of a macro, of the environment, or a type.
    fn variable(&mut self, name: &str) -> Option<Part> {
        let cost = Range::exactly(1);
        let declared = self.environment.variables.len();
        if let Some((index, local)) =
            self.locals.iter().enumerate().rev().find(|(_, local)| local.name == name)
        {
            let node = Node::Variable(declared + index);
            return Some(Part { node, type_: local.type_.clone(), cost, size: local.size.clone() });
        }
        if let Some((index, variable)) = self.environment.find(name) {
            if let Some(used) = self.used.get_mut(index) {
                *used = true;
            }
            let size = Size { schema: variable.schema.clone(), ..Size::default() };
            return Some(Part { node: Node::Variable(index), type_: variable.type_.clone(), cost, size });
        }
        let (_, type_name) = TYPE_NAMES.into_iter().find(|(known, _)| *known == name)?;
        let size = Size::of(Range::exactly(1));
        Some(Part { node: Node::TypeName(type_name), type_: Type::Type, cost, size })
    }

    fn select(
        &mut self,
        expression: &Expr,
        operand: &Expr,
        name: &str,
        access: Access,
    ) -> Result<Part, ExpressionError> {
        if access == Access::Plain
            && let Some(part) = self.qualified(expression)
        {
            return Ok(part);
        }
        if let Some(scope) = qualified_name(operand).filter(|scope| self.is_scope(scope)) {
            return Err(self.error(expression.at, format!("undefined field '{name}' of {scope}")));
        }
        let operand = self.part(operand)?;
        let is_optional = access == Access::Optional || matches!(operand.type_, Type::Optional(_));
        let (type_, size) = self.field_type(&operand, name, expression.at)?;
        let step = match (&operand.type_, access) {
            // Asking whether a field is there is free upstream, once its object is at hand.
            (_, Access::Presence) => Range::default(),
            (Type::Map(..) | Type::Object(_) | Type::Optional(_), _) => Range::exactly(1),
            _ => Range::default(),
        };
        let cost = operand.cost.plus(step);
        let meant = crate::unescape(name).into_owned().into();
        let select = Box::new(Select { operand: operand.node, written: name.into(), meant, is_optional });
        Ok(match access {
            Access::Presence => {
                Part { node: Node::Has(select), type_: Type::Bool, cost, size: Size::default() }
            }
            _ if is_optional => {
                let type_ = if matches!(type_, Type::Optional(_)) { type_ } else { Type::optional(type_) };
                Part { node: Node::Select(select), type_, cost, size }
            }
            _ => Part { node: Node::Select(select), type_, cost, size },
        })
    }

    /// A variable or a type with a qualified name.
    fn qualified(&mut self, expression: &Expr) -> Option<Part> {
        let name = qualified_name(expression)?;
        let first = name.split('.').next()?;
        let is_local = self.locals.iter().any(|local| local.name == first);
        if is_local { None } else { self.variable(&name) }
    }

    /// Whether a name is only the beginning of names of variables.
    fn is_scope(&self, name: &str) -> bool {
        self.environment.find(name).is_none() && self.environment.has_below(name)
    }

    fn field_type(&self, operand: &Part, name: &str, at: usize) -> Result<(Type, Size), ExpressionError> {
        let inner = match &operand.type_ {
            Type::Optional(inner) => inner,
            other => other,
        };
        match inner {
            Type::Dyn => Ok((Type::Dyn, Size::default())),
            Type::Map(_, value) => Ok(((**value).clone(), operand.size.of_items())),
            Type::Object(schema) => {
                let found = field(schema, name)
                    .and_then(|(_, field)| Some((declared(field)?, Size::from_schema(field))));
                found.ok_or_else(|| self.error(at, undefined(schema, name)))
            }
            other => Err(self.error(at, format!("type '{other}' does not support field selection"))),
        }
    }

    fn list(&mut self, items: &[crate::ast::Item]) -> Result<Part, ExpressionError> {
        let (mut nodes, mut cost) = (Vec::new(), Range::exactly(LIST));
        let (mut type_, mut sizes): (Option<Type>, Range) = (None, Range::NONE);
        for item in items {
            let part = self.part(&item.value)?;
            cost = cost.plus(part.cost);
            sizes = sizes.union(part.range());
            let own = unwrapped(&part.type_, item.is_optional);
            type_ = Some(self.same_type(type_, own, item.value.at)?);
            nodes.push((part.node, item.is_optional));
        }
        let length = u64::try_from(items.len()).unwrap_or(u64::MAX);
        let items = (!items.is_empty()).then_some(sizes);
        let size = Size { own: Some(Range::exactly(length)), items, ..Size::default() };
        let type_ = Type::list(type_.unwrap_or(Type::Dyn));
        Ok(Part { node: Node::List(nodes.into()), type_, cost, size })
    }

    fn map(&mut self, entries: &[crate::ast::Entry]) -> Result<Part, ExpressionError> {
        let (mut nodes, mut cost) = (Vec::new(), Range::exactly(MAP));
        let (mut key_type, mut value_type): (Option<Type>, Option<Type>) = (None, None);
        let (mut keys, mut values) = (Range::NONE, Range::NONE);
        for entry in entries {
            let (key, value) = (self.part(&entry.key)?, self.part(&entry.value)?);
            cost = cost.plus(key.cost).plus(value.cost);
            keys = keys.union(key.range());
            values = values.union(value.range());
            key_type = Some(self.same_type(key_type, key.type_, entry.key.at)?);
            let own = unwrapped(&value.type_, entry.is_optional);
            value_type = Some(self.same_type(value_type, own, entry.value.at)?);
            nodes.push((key.node, value.node, entry.is_optional));
        }
        let length = u64::try_from(entries.len()).unwrap_or(u64::MAX);
        let known = |range| (!entries.is_empty()).then_some(range);
        let size =
            Size { own: Some(Range::exactly(length)), items: known(values), keys: known(keys), schema: None };
        let type_ = Type::map(key_type.unwrap_or(Type::Dyn), value_type.unwrap_or(Type::Dyn));
        Ok(Part { node: Node::Map(nodes.into()), type_, cost, size })
    }

    /// Items of a literal have one type, as Kubernetes demands.
    fn same_type(&self, known: Option<Type>, found: Type, at: usize) -> Result<Type, ExpressionError> {
        let Some(known) = known else { return Ok(found) };
        known
            .joined(&found)
            .ok_or_else(|| self.error(at, format!("expected type '{known}' but found '{found}'")))
    }

    fn logical(&mut self, terms: &[Expr], make: fn(Box<[Node]>) -> Node) -> Result<Part, ExpressionError> {
        let (mut nodes, mut cost) = (Vec::new(), None::<Range>);
        for term in terms {
            let part = self.boolean(term, "a condition")?;
            // The rest is not looked at if the first one decides.
            let first = cost.unwrap_or(part.cost);
            cost = Some(match cost {
                None => part.cost,
                Some(sum) => Range { min: first.min, max: sum.max.saturating_add(part.cost.max) },
            });
            nodes.push(part.node);
        }
        let cost = cost.unwrap_or_default();
        Ok(Part { node: make(nodes.into()), type_: Type::Bool, cost, size: Size::default() })
    }

    /// A part that must be a condition.
    fn boolean(&mut self, expression: &Expr, what: &str) -> Result<Part, ExpressionError> {
        let part = self.part(expression)?;
        match part.type_ {
            Type::Bool | Type::Dyn => Ok(part),
            other => {
                Err(self
                    .error(expression.at, format!("expected type 'bool' for {what}, but found '{other}'")))
            }
        }
    }

    fn conditional(
        &mut self,
        at: usize,
        condition: &Expr,
        then: &Expr,
        otherwise: &Expr,
    ) -> Result<Part, ExpressionError> {
        let condition = self.boolean(condition, "a condition")?;
        let (then, otherwise) = (self.part(then)?, self.part(otherwise)?);
        let type_ = then.type_.joined(&otherwise.type_).ok_or_else(|| {
            let (then, otherwise) = (&then.type_, &otherwise.type_);
            self.error(
                at,
                format!("found no matching overload for '_?_:_' applied to '(bool, {then}, {otherwise})'"),
            )
        })?;
        let cost = condition.cost.plus(then.cost.union(otherwise.cost));
        let items = |part: &Part| part.size.of_items().own;
        let size = Size {
            own: Some(then.range().union(otherwise.range())),
            items: items(&then).zip(items(&otherwise)).map(|(one, two)| one.union(two)),
            ..Size::default()
        };
        let node = Node::Conditional(Box::new([condition.node, then.node, otherwise.node]));
        Ok(Part { node, type_, cost, size })
    }
}

fn unwrapped(type_: &Type, is_optional: bool) -> Type {
    match type_ {
        Type::Optional(inner) if is_optional => (**inner).clone(),
        other => other.clone(),
    }
}

fn literal_part(literal: &Literal) -> Part {
    let length = |length: usize| Range::exactly(u64::try_from(length).unwrap_or(u64::MAX));
    let (type_, size) = match literal {
        Literal::Null => (Type::Null, Range::exactly(1)),
        Literal::Bool(_) => (Type::Bool, Range::exactly(1)),
        Literal::Int(_) => (Type::Int, Range::exactly(1)),
        Literal::Uint(_) => (Type::Uint, Range::exactly(1)),
        Literal::Double(_) => (Type::Double, Range::exactly(1)),
        Literal::String(text) => (Type::String, length(text.chars().count())),
        Literal::Bytes(bytes) => (Type::Bytes, length(bytes.len())),
    };
    Part { node: Node::Literal(literal.clone()), type_, cost: Range::default(), size: Size::of(size) }
}

/// Names the fields that there are, if there are few.
fn undefined(schema: &Schema, name: &str) -> String {
    const NAMED_MAX: usize = 8;
    let known: Vec<_> = schema.properties.keys().filter_map(|known| crate::escape(known)).collect();
    match known.len() {
        0 => format!("undefined field '{name}': the schema declares no fields here"),
        1..=NAMED_MAX => format!("undefined field '{name}': the schema declares {}", known.join(", ")),
        count => {
            format!("undefined field '{name}': it is none of the {count} fields that the schema declares")
        }
    }
}

#[cfg(test)]
mod tests;
