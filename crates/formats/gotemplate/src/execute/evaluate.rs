//! Pipelines, commands and operands.

use super::walk::{At, Run, Shown};
use super::{Found, Stopped};
use crate::node::{Command, Operand, Pipe, Term};
use crate::number::Number;
use crate::print::quote;
use crate::value::Value;

impl<'t> Run<'_, '_, 't> {
    pub(super) fn at_operand(&mut self, operand: &'t Operand) {
        self.at = At { position: operand.position, shown: Some(Shown::Node(operand)) };
    }

    /// The value of a pipeline. What it declares stays until the caller takes it away.
    pub(super) fn pipe(&mut self, dot: &Found, pipe: &'t Pipe) -> Result<Found, Stopped> {
        self.at = At { position: pipe.position, shown: Some(Shown::Node(pipe)) };
        let mut last = None;
        for command in &pipe.commands {
            last = Some(self.command(dot, command, last)?.unboxed());
        }
        let found = last.unwrap_or(Found::Nothing);
        for name in &pipe.variables {
            if pipe.is_assignment {
                self.assign(name, found.clone())?;
            } else {
                self.variables.push((name, found.clone()));
            }
        }
        Ok(found)
    }

    pub(super) fn assign(&mut self, name: &str, found: Found) -> Result<(), Stopped> {
        let variable = self.variables.iter_mut().rev().find(|(known, _)| *known == name);
        let (_, variable) = variable.ok_or_else(|| Stopped::new(format!("undefined variable: {name}")))?;
        *variable = found;
        Ok(())
    }

    pub(super) fn variable(&self, name: &str) -> Result<Found, Stopped> {
        let variable = self.variables.iter().rev().find(|(known, _)| *known == name);
        let (_, found) = variable.ok_or_else(|| Stopped::new(format!("undefined variable: {name}")))?;
        Ok(found.clone())
    }

    /// `last` is what the command before gave; it becomes the last argument.
    fn command(&mut self, dot: &Found, command: &'t Command, last: Option<Found>) -> Result<Found, Stopped> {
        let first = &command.first;
        match &first.term {
            Term::Field(names) => {
                return self.field_chain(dot, dot.clone(), first, names, &command.rest, last);
            }
            Term::Variable(name, names) => {
                return self.variable_chain(dot, first, name, names, &command.rest, last);
            }
            Term::Chain(operand, names) => {
                return self.chain(dot, first, operand, names, &command.rest, last);
            }
            Term::Function(name) => {
                self.at_operand(first);
                let place = At { position: command.position, shown: Some(Shown::Node(command)) };
                return self.function(dot, name, place, &command.rest, last);
            }
            Term::Pipe(pipe) => {
                self.check_no_arguments(command, last.as_ref())?;
                return self.pipe(dot, pipe);
            }
            _ => {}
        }
        self.at_operand(first);
        self.check_no_arguments(command, last.as_ref())?;
        match &first.term {
            Term::Nil => Err(Stopped::new("nil is not a command")),
            _ => self.value(dot, first),
        }
    }

    fn check_no_arguments(&self, command: &Command, last: Option<&Found>) -> Result<(), Stopped> {
        if command.rest.is_empty() && last.is_none() {
            return Ok(());
        }
        Err(Stopped::new(format!("can't give argument to non-function {}", command.first)))
    }

    /// An operand where any type will do.
    pub(super) fn value(&mut self, dot: &Found, operand: &'t Operand) -> Result<Found, Stopped> {
        self.at_operand(operand);
        Ok(match &operand.term {
            Term::Bool(value) => Found::Plain(Value::Bool(*value)),
            Term::Dot => dot.clone(),
            Term::Nil => Found::Nothing,
            Term::Number(number) => Found::Plain(constant(number)?),
            Term::String(_, meaning) => Found::Plain(Value::String((&*meaning.0).into())),
            Term::Field(names) => self.field_chain(dot, dot.clone(), operand, names, &[], None)?,
            Term::Variable(name, names) => self.variable_chain(dot, operand, name, names, &[], None)?,
            Term::Chain(inner, names) => self.chain(dot, operand, inner, names, &[], None)?,
            Term::Pipe(pipe) => self.pipe(dot, pipe)?,
            Term::Function(name) => {
                let place = At { position: operand.position, shown: Some(Shown::Node(operand)) };
                self.function(dot, name, place, &[], None)?
            }
        })
    }
}

/// A number where any type will do: how it is written says what it is.
pub(super) fn constant(number: &Number) -> Result<Value, Stopped> {
    match number {
        Number { float: Some(float), .. } if number.is_float() => Ok(Value::Float(*float)),
        Number { signed: Some(signed), .. } => Ok(Value::Int(*signed)),
        _ => Err(Stopped::new(format!("{} overflows int", number.text))),
    }
}

/// A name as Go quotes it.
pub(super) fn quoted(name: &str) -> String {
    quote::double(name.as_bytes())
}
