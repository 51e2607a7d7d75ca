//! Pipelines, their commands, and the operands of those.

use super::{Literal, Parser, unquote};
use crate::node::{Command, Names, Operand, Pipe, Position, Term};
use crate::number::Number;
use crate::print::quote;
use crate::token::{Keyword, Kind, Token};

impl Parser<'_> {
    pub(super) fn pipeline(&mut self, context: &str, end: Kind) -> Result<Pipe, String> {
        let position = self.peek_past_space().position;
        let (variables, is_assignment) = self.declarations(context)?;
        let mut commands = Vec::new();
        loop {
            let token = self.advance_past_space();
            if token.kind == end {
                break;
            }
            if !begins_operand(token.kind) {
                return Err(self.unexpected(&token, context));
            }
            self.back();
            commands.push(self.command()?);
        }
        check(&commands, context)?;
        Ok(Pipe { position, is_assignment, variables: variables.into(), commands: commands.into() })
    }

    /// `$a :=`, `$a, $b :=`, and the same with `=`.
    fn declarations(&mut self, context: &str) -> Result<(Vec<Box<str>>, bool), String> {
        let mut variables = Vec::new();
        loop {
            let start = self.next;
            let variable = self.peek_past_space();
            if variable.kind != Kind::Variable {
                return Ok((variables, false));
            }
            self.advance_past_space();
            let sign = self.advance_past_space();
            let is_comma = sign.kind == Kind::Char && sign.text == ",";
            if !is_comma && !matches!(sign.kind, Kind::Assign | Kind::Declare) {
                self.next = start;
                return Ok((variables, false));
            }
            self.variables.push(variable.text.to_owned());
            variables.push(variable.text.into());
            if !is_comma {
                return Ok((variables, sign.kind == Kind::Assign));
            }
            self.check_second_variable(context, variables.len())?;
        }
    }

    fn check_second_variable(&mut self, context: &str, declared: usize) -> Result<(), String> {
        if context != "range" || declared > 1 {
            return Err(format!("too many declarations in {context}"));
        }
        match self.peek_past_space().kind {
            Kind::Variable | Kind::RightDelimiter | Kind::RightParenthesis => Ok(()),
            _ => Err("range can only initialize variables".to_owned()),
        }
    }

    fn command(&mut self) -> Result<Command, String> {
        let position = self.peek_past_space().position;
        let mut operands = Vec::new();
        loop {
            self.peek_past_space();
            operands.extend(self.operand()?);
            let token = self.advance();
            match token.kind {
                Kind::Space => {}
                Kind::RightDelimiter | Kind::RightParenthesis => {
                    self.back();
                    break;
                }
                Kind::Pipe => break,
                _ => return Err(self.unexpected(&token, "operand")),
            }
        }
        let mut operands = operands.into_iter();
        let first = operands.next().ok_or("empty command")?;
        Ok(Command { position, first, rest: operands.collect() })
    }

    /// A term and the fields behind it; nothing if no term comes.
    fn operand(&mut self) -> Result<Option<Operand>, String> {
        let Some(operand) = self.term()? else { return Ok(None) };
        let position = self.peek().position;
        let mut fields = Vec::new();
        while self.peek().kind == Kind::Field {
            fields.push(without_dot(&self.advance()));
        }
        if fields.is_empty() {
            return Ok(Some(operand));
        }
        chain(operand, position, fields).map(Some)
    }

    fn term(&mut self) -> Result<Option<Operand>, String> {
        let token = self.advance_past_space();
        let term = match token.kind {
            Kind::Identifier => {
                if !(self.is_function)(token.text) {
                    return Err(format!("function {} not defined", quote::double(token.text.as_bytes())));
                }
                Term::Function(token.text.into())
            }
            Kind::Keyword(Keyword::Dot) => Term::Dot,
            Kind::Keyword(Keyword::Nil) => Term::Nil,
            Kind::Variable => self.known_variable(token.text)?,
            Kind::Field => Term::Field([without_dot(&token)].into()),
            Kind::Bool => Term::Bool(token.text == "true"),
            Kind::CharConstant => Term::Number(Box::new(super::literal::character(token.text)?)),
            Kind::Complex | Kind::Number => Term::Number(Box::new(Number::parse(token.text)?)),
            Kind::LeftParenthesis => {
                self.enter()?;
                let pipe = self.pipeline("parenthesized pipeline", Kind::RightParenthesis)?;
                self.depth -= 1;
                return Ok(Some(Operand { position: pipe.position, term: Term::Pipe(pipe) }));
            }
            Kind::String | Kind::RawString => {
                let meaning = Literal(unquote(token.text)?.into());
                Term::String(token.text.into(), meaning)
            }
            _ => {
                self.back();
                return Ok(None);
            }
        };
        Ok(Some(Operand { position: token.position, term }))
    }

    fn known_variable(&self, name: &str) -> Result<Term, String> {
        if self.variables.iter().any(|known| known == name) {
            return Ok(Term::Variable(name.into(), Names::default()));
        }
        Err(format!("undefined variable {}", quote::double(name.as_bytes())))
    }
}

fn begins_operand(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Bool
            | Kind::CharConstant
            | Kind::Complex
            | Kind::Field
            | Kind::Identifier
            | Kind::Number
            | Kind::RawString
            | Kind::String
            | Kind::Variable
            | Kind::LeftParenthesis
            | Kind::Keyword(Keyword::Dot | Keyword::Nil)
    )
}

fn without_dot(token: &Token<'_>) -> Box<str> {
    token.text.strip_prefix('.').unwrap_or(token.text).into()
}

fn chain(operand: Operand, position: Position, fields: Vec<Box<str>>) -> Result<Operand, String> {
    let term = match operand.term {
        Term::Field(names) => Term::Field(names.into_iter().chain(fields).collect()),
        Term::Variable(name, names) => Term::Variable(name, names.into_iter().chain(fields).collect()),
        Term::Bool(_) | Term::String(..) | Term::Number(_) | Term::Nil | Term::Dot => {
            let shown = quote::double(operand.to_string().as_bytes());
            return Err(format!("unexpected . after term {shown}"));
        }
        term => Term::Chain(Box::new(Operand { position: operand.position, term }), fields.into()),
    };
    Ok(Operand { position, term })
}

/// Only the first command can be a plain value.
fn check(commands: &[Command], context: &str) -> Result<(), String> {
    if commands.is_empty() {
        return Err(format!("missing value for {context}"));
    }
    let is_value = |command: &Command| {
        matches!(
            command.first.term,
            Term::Bool(_) | Term::Dot | Term::Nil | Term::Number(_) | Term::String(..)
        )
    };
    match commands.iter().skip(1).position(is_value) {
        Some(index) => Err(format!("non executable command in pipeline stage {}", index + 2)),
        None => Ok(()),
    }
}
