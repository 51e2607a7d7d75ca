//! Calls: the arguments are evaluated to the types that the function takes.

use super::evaluate::{constant, quoted};
use super::walk::{At, Run};
use super::{Found, Stopped};
use crate::builtin::Builtin;
use crate::function::{Failure, Function, Signature, Type};
use crate::node::{Operand, Term};
use crate::value::Value;

impl<'t> Run<'_, '_, 't> {
    /// A function by name. The caller's come before Go's.
    pub(super) fn function(
        &mut self,
        dot: &Found,
        name: &'t str,
        place: At<'t>,
        arguments: &'t [Operand],
        last: Option<Found>,
    ) -> Result<Found, Stopped> {
        let library = self.scope.library;
        if let Some(function) = library.find(name) {
            let values = self.arguments(dot, name, function.signature(), 0, arguments, last)?;
            return self.call(function, name, place, values);
        }
        match Builtin::named(name) {
            Some(builtin) => self.builtin(dot, builtin, name, place, arguments, last),
            None => Err(Stopped::new(format!("{} is not a defined function", quoted(name)))),
        }
    }

    pub(super) fn method(
        &mut self,
        dot: &Found,
        receiver: Value,
        method: &'static Function,
        place: At<'t>,
        arguments: &'t [Operand],
        last: Option<Found>,
    ) -> Result<Found, Stopped> {
        let name = method.name();
        let mut values = vec![receiver];
        values.extend(self.arguments(dot, name, method.signature(), 1, arguments, last)?);
        self.call(method, name, place, values)
    }

    fn call(
        &mut self,
        function: &Function,
        name: &str,
        place: At<'t>,
        values: Vec<Value>,
    ) -> Result<Found, Stopped> {
        self.scope.budget.spend_steps(1)?;
        let result = function.call(self.scope, values);
        let value = result.map_err(|failure| {
            self.at = place;
            calling(name, failure)
        })?;
        if let Value::String(text) | Value::Bytes(text) = &value {
            self.scope.budget.spend_bytes(text.len())?;
        }
        Ok(Found::of(value))
    }

    /// `bound` parameters have their values already.
    fn arguments(
        &mut self,
        dot: &Found,
        name: &str,
        signature: &Signature,
        bound: usize,
        arguments: &'t [Operand],
        last: Option<Found>,
    ) -> Result<Vec<Value>, Stopped> {
        let fixed = signature.fixed.get(bound..).unwrap_or_default();
        let count = arguments.len() + usize::from(last.is_some());
        check_count(name, fixed.len(), signature.rest.is_some(), count, arguments.len())?;
        let type_at = |index: usize| fixed.get(index).copied().or(signature.rest).unwrap_or(Type::Any);
        let mut values = Vec::with_capacity(count);
        for (index, argument) in arguments.iter().enumerate() {
            values.push(self.argument(dot, type_at(index), argument)?);
        }
        if let Some(last) = last {
            values.push(fit(last, type_at(arguments.len()))?);
        }
        Ok(values)
    }

    fn argument(&mut self, dot: &Found, wanted: Type, operand: &'t Operand) -> Result<Value, Stopped> {
        self.at_operand(operand);
        match &operand.term {
            Term::Nil => {
                wanted.nil().ok_or_else(|| Stopped::new(format!("cannot assign nil to {}", wanted.name())))
            }
            Term::Bool(_) | Term::Number(_) | Term::String(..) => literal(wanted, operand),
            _ => {
                let found = self.value(dot, operand)?;
                fit(found, wanted)
            }
        }
    }

    fn builtin(
        &mut self,
        dot: &Found,
        builtin: Builtin,
        name: &str,
        place: At<'t>,
        arguments: &'t [Operand],
        last: Option<Found>,
    ) -> Result<Found, Stopped> {
        let count = arguments.len() + usize::from(last.is_some());
        let (fixed, has_rest) = builtin.arity();
        check_count(name, fixed, has_rest, count, arguments.len())?;
        self.scope.budget.spend_steps(1)?;
        if let Builtin::And | Builtin::Or = builtin {
            return self.logic(dot, builtin == Builtin::Or, arguments, last);
        }
        let mut found = Vec::with_capacity(count);
        for argument in arguments {
            found.push(self.builtin_argument(dot, builtin, found.len(), argument)?);
        }
        if let Some(last) = last {
            found.push(checked(builtin, found.len(), last)?);
        }
        if builtin == Builtin::Call {
            return self.call_value(place, arguments, found);
        }
        let result = builtin.call(&found, self.scope.budget);
        result.map_err(|failure| {
            self.at = place;
            calling(name, failure)
        })
    }

    fn builtin_argument(
        &mut self,
        dot: &Found,
        builtin: Builtin,
        index: usize,
        operand: &'t Operand,
    ) -> Result<Found, Stopped> {
        if builtin.wants_text(index) {
            return self.argument(dot, Type::String, operand).map(Found::Plain);
        }
        self.value(dot, operand)
    }

    /// Stops at the first argument that decides.
    fn logic(
        &mut self,
        dot: &Found,
        stops_at: bool,
        arguments: &'t [Operand],
        last: Option<Found>,
    ) -> Result<Found, Stopped> {
        let mut found = Found::Nothing;
        for argument in arguments {
            found = self.value(dot, argument)?;
            if found.is_true() == stops_at {
                return Ok(found);
            }
        }
        Ok(last.unwrap_or(found))
    }

    fn call_value(
        &mut self,
        place: At<'t>,
        arguments: &[Operand],
        found: Vec<Found>,
    ) -> Result<Found, Stopped> {
        let shown = arguments.first().map_or_else(|| "function".to_owned(), ToString::to_string);
        self.at = place;
        let fail = |message: String| calling("call", Failure::new(message));
        let mut found = found.into_iter();
        let function = match found.next().map(Found::into_value) {
            Some(Value::Function(function)) => function,
            None | Some(Value::Nil) => return Err(fail("call of nil".to_owned())),
            Some(other) => return Err(fail(format!("non-function {shown} of type {}", other.type_name()))),
        };
        let signature = function.signature();
        let (fixed, count) = (signature.fixed.len(), found.len());
        let is_wrong = count < fixed || (signature.rest.is_none() && count > fixed);
        if is_wrong {
            return Err(fail(format!("wrong number of args for {shown}: got {count} want {fixed}")));
        }
        let type_at = |index: usize| signature.fixed.get(index).copied().or(signature.rest);
        let values = found.enumerate().map(|(index, found)| fit(found, type_at(index).unwrap_or(Type::Any)));
        let values = values.collect::<Result<Vec<_>, _>>()?;
        self.call(&function, "call", place, values)
    }
}

fn checked(builtin: Builtin, index: usize, found: Found) -> Result<Found, Stopped> {
    if builtin.wants_text(index) { fit(found, Type::String).map(Found::Plain) } else { Ok(found) }
}

/// The error of a function, with its name.
fn calling(name: &str, failure: Failure) -> Stopped {
    let message = format!("error calling {name}");
    Stopped::Here(match failure {
        Failure::Template(error) => Failure::Within { message, error },
        Failure::Within { message: inner, error } => {
            Failure::Within { message: format!("{message}: {inner}"), error }
        }
        Failure::Raised { message: inner, words } => {
            Failure::Raised { message: format!("{message}: {inner}"), words }
        }
        other => Failure::new(format!("{message}: {other}")),
    })
}

fn check_count(
    name: &str,
    fixed: usize,
    has_rest: bool,
    count: usize,
    written: usize,
) -> Result<(), Stopped> {
    let wrong = format!("wrong number of args for {name}: want");
    match has_rest {
        true if count < fixed => Err(Stopped::new(format!("{wrong} at least {fixed} got {written}"))),
        false if count != fixed => Err(Stopped::new(format!("{wrong} {fixed} got {count}"))),
        _ => Ok(()),
    }
}

/// A literal as the type that is wanted.
fn literal(wanted: Type, operand: &Operand) -> Result<Value, Stopped> {
    let value = match (wanted, &operand.term) {
        (Type::Any, Term::Number(number)) => Some(constant(number)?),
        (Type::Any | Type::Bool, Term::Bool(value)) => Some(Value::Bool(*value)),
        (Type::Any | Type::String, Term::String(_, meaning)) => Some(Value::String((&*meaning.0).into())),
        (Type::Int, Term::Number(number)) => number.signed.map(Value::Int),
        (Type::Uint32, Term::Number(number)) => number
            .unsigned
            .and_then(|unsigned| u32::try_from(unsigned).ok())
            .map(|unsigned| Value::Int(i64::from(unsigned))),
        (Type::Float, Term::Number(number)) => number.float.map(Value::Float),
        _ => None,
    };
    let expected = match wanted {
        Type::Int => "integer",
        Type::Uint32 => "unsigned integer",
        Type::Float => "float",
        Type::Any | Type::Bool | Type::String => wanted.name(),
        Type::List | Type::Map | Type::Object(_) => {
            let message = format!("can't handle {operand} for arg of type {}", wanted.name());
            return value.ok_or_else(|| Stopped::new(message));
        }
    };
    value.ok_or_else(|| Stopped::new(format!("expected {expected}; found {operand}")))
}

/// A value as the type that is wanted.
fn fit(found: Found, wanted: Type) -> Result<Value, Stopped> {
    let wrong =
        |name: &str| Stopped::new(format!("wrong type for value; expected {}; got {name}", wanted.name()));
    match found {
        Found::Nothing => {
            wanted.nil().ok_or_else(|| Stopped::new(format!("invalid value; expected {}", wanted.name())))
        }
        Found::Boxed(Value::Nil) if wanted == Type::Any => Ok(Value::Nil),
        Found::Boxed(Value::Nil) => Err(wrong("interface {}")),
        Found::Boxed(value) | Found::Plain(value) if wanted.accepts(&value) => Ok(value),
        Found::Boxed(value) | Found::Plain(value) => Err(wrong(&value.type_name())),
    }
}
