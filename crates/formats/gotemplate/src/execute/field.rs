//! Fields, methods and keys.

use super::evaluate::quoted;
use super::walk::{At, Run, Shown};
use super::{Found, Stopped};
use crate::node::{Operand, Term};
use crate::templates::MissingKey;
use crate::value::{Kind, Map, Value};

impl<'t> Run<'_, '_, 't> {
    /// `.a.b`, from a receiver. Only the last name can be a method that gets arguments.
    pub(super) fn field_chain(
        &mut self,
        dot: &Found,
        mut receiver: Found,
        operand: &'t Operand,
        names: &'t [Box<str>],
        arguments: &'t [Operand],
        last: Option<Found>,
    ) -> Result<Found, Stopped> {
        self.at_operand(operand);
        let Some((final_name, names)) = names.split_last() else { return Ok(receiver) };
        for name in names {
            receiver = self.field(dot, &receiver, operand, name, &[], None)?;
        }
        self.field(dot, &receiver, operand, final_name, arguments, last)
    }

    pub(super) fn variable_chain(
        &mut self,
        dot: &Found,
        operand: &'t Operand,
        name: &str,
        names: &'t [Box<str>],
        arguments: &'t [Operand],
        last: Option<Found>,
    ) -> Result<Found, Stopped> {
        self.at_operand(operand);
        let found = self.variable(name)?;
        if names.is_empty() {
            self.check_plain(operand, arguments, last.as_ref())?;
        }
        self.field_chain(dot, found, operand, names, arguments, last)
    }

    pub(super) fn chain(
        &mut self,
        dot: &Found,
        operand: &'t Operand,
        inner: &'t Operand,
        names: &'t [Box<str>],
        arguments: &'t [Operand],
        last: Option<Found>,
    ) -> Result<Found, Stopped> {
        self.at_operand(operand);
        if matches!(inner.term, Term::Nil) {
            return Err(Stopped::new(format!("indirection through explicit nil in {operand}")));
        }
        let receiver = self.value(dot, inner)?;
        self.field_chain(dot, receiver, operand, names, arguments, last)
    }

    fn check_plain(
        &self,
        operand: &Operand,
        arguments: &[Operand],
        last: Option<&Found>,
    ) -> Result<(), Stopped> {
        if arguments.is_empty() && last.is_none() {
            return Ok(());
        }
        Err(Stopped::new(format!("can't give argument to non-function {operand}")))
    }

    fn field(
        &mut self,
        dot: &Found,
        receiver: &Found,
        operand: &'t Operand,
        name: &str,
        arguments: &'t [Operand],
        last: Option<Found>,
    ) -> Result<Found, Stopped> {
        let value = match receiver {
            Found::Nothing => return self.field_of_nothing(name),
            Found::Boxed(Value::Nil) => {
                return Err(Stopped::new(format!("nil pointer evaluating interface {{}}.{name}")));
            }
            Found::Boxed(value) | Found::Plain(value) => value,
        };
        if let Some(method) = value.method(name) {
            let place = At { position: operand.position, shown: Some(Shown::Node(operand)) };
            return self.method(dot, value.clone(), method, place, arguments, last);
        }
        let has_arguments = !arguments.is_empty() || last.is_some();
        match value {
            Value::Map(_) if has_arguments => {
                Err(Stopped::new(format!("{name} is not a method but has arguments")))
            }
            Value::Map(map) => self.key(map, name),
            Value::Object(object) => match object.field(name) {
                Some(_) if has_arguments => {
                    Err(Stopped::new(format!("{name} has arguments but cannot be invoked as function")))
                }
                Some(field) => Ok(Found::of(field)),
                None => Err(no_field(receiver, name)),
            },
            _ => Err(no_field(receiver, name)),
        }
    }

    fn field_of_nothing(&self, name: &str) -> Result<Found, Stopped> {
        if self.scope.missing_key == MissingKey::Error {
            return Err(Stopped::new(format!("nil data; no entry for key {}", quoted(name))));
        }
        Ok(Found::Nothing)
    }

    fn key(&self, map: &Map, name: &str) -> Result<Found, Stopped> {
        let shape = map.shape();
        match (map.get(name.as_bytes()), self.scope.missing_key) {
            (Some(field), _) => Ok(Found::item(shape, field)),
            (None, MissingKey::Invalid) => Ok(Found::Nothing),
            (None, MissingKey::Zero) => Ok(Found::item(shape, shape.element.zero())),
            (None, MissingKey::Error) => {
                Err(Stopped::new(format!("map has no entry for key {}", quoted(name))))
            }
        }
    }
}

fn no_field(receiver: &Found, name: &str) -> Stopped {
    let kind = receiver.value().map(Value::kind);
    let type_name = match (receiver, kind) {
        (Found::Plain(value), Some(Kind::Pointer | Kind::Struct)) => value.type_name(),
        _ => receiver.type_name(),
    };
    Stopped::new(format!("can't evaluate field {name} in type {type_name}"))
}
