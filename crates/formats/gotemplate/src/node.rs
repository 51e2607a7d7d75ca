//! What a parsed template is made of. A node prints as the source that it came from, for errors.
//!
//! A chart may have thousands of templates, and all of them are kept while one is carried out: so nodes take no more room
//! than they fill, and texts stay in the source.

use std::borrow::Cow;
use std::fmt::{self, Display, Formatter};
use std::ops::Range;
use std::sync::Arc;

use crate::error::Location;
use crate::number::Number;
use crate::parse::{Literal, parse};
use crate::print::quote;

/// A parsed template.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) name: Arc<str>,
    pub(crate) source: Arc<Source>,
    pub(crate) body: Box<[Statement]>,
}

impl Tree {
    /// Whether there is nothing but space.
    pub(crate) fn is_empty(&self) -> bool {
        self.body.iter().all(|statement| match statement {
            Statement::Text(range) => is_space(self.source.text(range)),
            _ => false,
        })
    }
}

fn is_space(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok_and(|text| text.trim().is_empty())
}

/// The text that one or more templates were parsed from.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) name: Arc<str>,
    /// UTF-8.
    bytes: Arc<[u8]>,
}

impl Source {
    pub(crate) fn new(name: &str, text: &str) -> Source {
        Source { name: name.into(), bytes: text.as_bytes().into() }
    }

    /// Keeps the bytes of somebody else, if they are UTF-8.
    pub(crate) fn shared(name: &str, bytes: &Arc<[u8]>) -> Source {
        let bytes = match String::from_utf8_lossy(bytes) {
            Cow::Borrowed(_) => Arc::clone(bytes),
            Cow::Owned(text) => text.into_bytes().into(),
        };
        Source { name: name.into(), bytes }
    }

    pub(crate) fn whole(&self) -> &str {
        std::str::from_utf8(&self.bytes).unwrap_or_default()
    }

    /// What stands there.
    pub(crate) fn text(&self, range: &Range<Position>) -> &[u8] {
        self.bytes.get(range.clone()).unwrap_or_default()
    }

    /// The place of a byte.
    pub(crate) fn locate(&self, position: usize) -> Location {
        let before = self.bytes.get(..position).unwrap_or(&self.bytes);
        let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |found| found + 1);
        Location {
            template: self.name.to_string(),
            line: 1 + before.iter().filter(|byte| **byte == b'\n').count(),
            column: before.len() - line_start,
        }
    }

    /// The template that the text itself is, once more: it could be parsed before.
    pub(crate) fn read_again(self: &Arc<Source>) -> Arc<Tree> {
        let trees = parse(self, &|_| true).unwrap_or_default();
        let own = trees.into_iter().find(|tree| tree.name == self.name);
        own.unwrap_or_else(|| {
            Arc::new(Tree { name: Arc::clone(&self.name), source: Arc::clone(self), body: Box::default() })
        })
    }
}

/// Where something stands, in bytes.
pub(crate) type Position = usize;

/// `b` of `.a.b`, and the like.
pub(crate) type Names = Box<[Box<str>]>;

#[derive(Debug)]
pub(crate) enum Statement {
    /// These bytes of the source.
    Text(Range<Position>),
    Action {
        position: Position,
        pipe: Pipe,
    },
    If(Box<Branch>),
    With(Box<Branch>),
    Range(Box<Branch>),
    Template {
        position: Position,
        name: Box<str>,
        pipe: Option<Pipe>,
    },
    Break,
    Continue,
}

#[derive(Debug)]
pub(crate) struct Branch {
    pub(crate) pipe: Pipe,
    pub(crate) body: Box<[Statement]>,
    pub(crate) otherwise: Option<Box<[Statement]>>,
}

/// `$a, $b := command | command`
#[derive(Debug)]
pub(crate) struct Pipe {
    pub(crate) position: Position,
    pub(crate) is_assignment: bool,
    /// At most two.
    pub(crate) variables: Names,
    /// At least one.
    pub(crate) commands: Box<[Command]>,
}

#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) position: Position,
    pub(crate) first: Operand,
    pub(crate) rest: Box<[Operand]>,
}

#[derive(Debug)]
pub(crate) struct Operand {
    pub(crate) position: Position,
    pub(crate) term: Term,
}

#[derive(Debug)]
pub(crate) enum Term {
    Bool(bool),
    Dot,
    Nil,
    /// `.a.b`
    Field(Names),
    /// `$a.b`: the first name is the variable's, with its `$`.
    Variable(Box<str>, Names),
    Function(Box<str>),
    /// `(pipe).a.b`, `function.a`
    Chain(Box<Operand>, Names),
    Number(Box<Number>),
    /// As it was written, and what it means.
    String(Box<str>, Literal),
    Pipe(Pipe),
}

fn dotted(formatter: &mut Formatter<'_>, names: &[Box<str>]) -> fmt::Result {
    names.iter().try_for_each(|name| write!(formatter, ".{name}"))
}

impl Display for Operand {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match &self.term {
            Term::Bool(value) => write!(formatter, "{value}"),
            Term::Dot => formatter.write_str("."),
            Term::Nil => formatter.write_str("nil"),
            Term::Field(names) => dotted(formatter, names),
            Term::Variable(name, names) => {
                formatter.write_str(name)?;
                dotted(formatter, names)
            }
            Term::Function(name) => formatter.write_str(name),
            Term::Chain(operand, names) => {
                match &operand.term {
                    Term::Pipe(pipe) => write!(formatter, "({pipe})")?,
                    _ => write!(formatter, "{operand}")?,
                }
                dotted(formatter, names)
            }
            Term::Number(number) => formatter.write_str(&number.text),
            Term::String(written, _) => formatter.write_str(written),
            Term::Pipe(pipe) => write!(formatter, "{pipe}"),
        }
    }
}

impl Display for Command {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let operands = std::iter::once(&self.first).chain(&self.rest);
        operands.enumerate().try_for_each(|(index, operand)| {
            let space = if index > 0 { " " } else { "" };
            match &operand.term {
                Term::Pipe(pipe) => write!(formatter, "{space}({pipe})"),
                _ => write!(formatter, "{space}{operand}"),
            }
        })
    }
}

impl Display for Pipe {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        if !self.variables.is_empty() {
            let sign = if self.is_assignment { "=" } else { ":=" };
            write!(formatter, "{} {sign} ", self.variables.join(", "))?;
        }
        self.commands.iter().enumerate().try_for_each(|(index, command)| {
            let bar = if index > 0 { " | " } else { "" };
            write!(formatter, "{bar}{command}")
        })
    }
}

/// `{{template "name" pipe}}`
pub(crate) fn print_template(name: &str, pipe: Option<&Pipe>) -> String {
    let name = quote::double(name.as_bytes());
    match pipe {
        Some(pipe) => format!("{{{{template {name} {pipe}}}}}"),
        None => format!("{{{{template {name}}}}}"),
    }
}
