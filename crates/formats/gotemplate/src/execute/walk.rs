//! Statement after statement.

use std::fmt::Display;

use super::{Found, Scope, Stopped};
use crate::error::{Error, Execution, Frame};
use crate::function::Failure;
use crate::node::{Branch, Pipe, Position, Statement, Tree, print_template};
use crate::print;

/// One template that is being carried out.
pub(super) struct Run<'r, 's, 't> {
    pub(super) scope: &'r mut Scope<'s>,
    pub(super) tree: &'t Tree,
    pub(super) output: &'r mut Vec<u8>,
    pub(super) variables: Vec<(&'t str, Found)>,
    /// What is being evaluated, for errors.
    pub(super) at: At<'t>,
    /// The `template` actions around.
    callers: Vec<Frame>,
}

/// A node, as errors show it.
#[derive(Clone, Copy)]
pub(super) struct At<'t> {
    pub(super) position: Position,
    pub(super) shown: Option<Shown<'t>>,
}

#[derive(Clone, Copy)]
pub(super) enum Shown<'t> {
    Node(&'t dyn Display),
    Action(&'t Pipe),
    Template(&'t str, Option<&'t Pipe>),
}

/// How a list of statements ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    Normal,
    Break,
    Continue,
}

/// Carries out a template with the data as `.` and `$`.
pub(super) fn execute(
    scope: &mut Scope<'_>,
    tree: &Tree,
    data: &Found,
    output: &mut Vec<u8>,
) -> Result<(), Error> {
    execute_called(scope, tree, data, output, Vec::new())
}

fn execute_called(
    scope: &mut Scope<'_>,
    tree: &Tree,
    data: &Found,
    output: &mut Vec<u8>,
    callers: Vec<Frame>,
) -> Result<(), Error> {
    let at = At { position: 0, shown: None };
    let variables = vec![("$", data.clone())];
    scope.depth += 1;
    let mut run = Run { scope, tree, output, variables, at, callers };
    let result = run.body(data, &tree.body).map(|_| ()).map_err(|stopped| run.error(stopped));
    scope.depth -= 1;
    result
}

impl<'t> Run<'_, '_, 't> {
    pub(super) fn body(&mut self, dot: &Found, body: &'t [Statement]) -> Result<Flow, Stopped> {
        for statement in body {
            self.scope.budget.spend_steps(1)?;
            let flow = self.statement(dot, statement)?;
            if flow != Flow::Normal {
                return Ok(flow);
            }
        }
        Ok(Flow::Normal)
    }

    fn statement(&mut self, dot: &Found, statement: &'t Statement) -> Result<Flow, Stopped> {
        match statement {
            Statement::Text(range) => self.write(self.tree.source.text(range))?,
            Statement::Action { position, pipe } => self.action(dot, *position, pipe)?,
            Statement::If(branch) => return self.branch(dot, branch, false),
            Statement::With(branch) => return self.branch(dot, branch, true),
            Statement::Range(branch) => return self.range(dot, branch),
            Statement::Template { position, name, pipe } => {
                self.template(dot, *position, name, pipe.as_ref())?;
            }
            Statement::Break => return Ok(Flow::Break),
            Statement::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::Normal)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Stopped> {
        self.scope.budget.spend_bytes(bytes.len())?;
        self.output.extend_from_slice(bytes);
        Ok(())
    }

    fn action(&mut self, dot: &Found, position: Position, pipe: &'t Pipe) -> Result<(), Stopped> {
        let found = self.pipe(dot, pipe)?;
        if pipe.variables.is_empty() {
            self.at = At { position, shown: Some(Shown::Action(pipe)) };
            match found.value() {
                None => self.write(b"<no value>")?,
                Some(crate::Value::Function(_)) => {
                    return Err(Stopped::new(format!("can't print {{{{{pipe}}}}} of type func")));
                }
                Some(value) => print::write(self.output, value, self.scope.budget)?,
            }
        }
        Ok(())
    }

    fn branch(&mut self, dot: &Found, branch: &'t Branch, moves_dot: bool) -> Result<Flow, Stopped> {
        let variables = self.variables.len();
        let found = self.pipe(dot, &branch.pipe)?;
        let flow = match (&branch.otherwise, found.is_true()) {
            (_, true) => self.body(if moves_dot { &found } else { dot }, &branch.body)?,
            (Some(otherwise), false) => self.body(dot, otherwise)?,
            (None, false) => Flow::Normal,
        };
        self.variables.truncate(variables);
        Ok(flow)
    }

    fn template(
        &mut self,
        dot: &Found,
        position: Position,
        name: &'t str,
        pipe: Option<&'t Pipe>,
    ) -> Result<(), Stopped> {
        self.at = At { position, shown: Some(Shown::Template(name, pipe)) };
        let Some(tree) = self.scope.templates.find(name) else {
            return Err(Stopped::new(format!("template {name:?} not defined")));
        };
        let depth_max = self.scope.budget.limits().depth_max;
        if self.scope.depth >= depth_max {
            return Err(Stopped::new(format!("exceeded maximum template depth ({depth_max})")));
        }
        let mut callers = self.callers.clone();
        callers.push(self.frame());
        let data = match pipe {
            Some(pipe) => self.pipe(dot, pipe)?,
            None => Found::Nothing,
        };
        execute_called(self.scope, &tree, &data, self.output, callers).map_err(Stopped::Said)
    }

    fn frame(&self) -> Frame {
        let context = match self.at.shown {
            None => String::new(),
            Some(Shown::Node(node)) => node.to_string(),
            Some(Shown::Action(pipe)) => format!("{{{{{pipe}}}}}"),
            Some(Shown::Template(name, pipe)) => print_template(name, pipe),
        };
        Frame {
            location: self.tree.source.locate(self.at.position),
            executing: self.tree.name.to_string(),
            context,
        }
    }

    /// Says where.
    fn error(&self, stopped: Stopped) -> Error {
        let failure = match stopped {
            Stopped::Said(error) => return error,
            Stopped::Here(failure) => failure,
        };
        let (message, raised, cause) = match failure {
            Failure::Within { message, error } => (format!("{message}: "), None, Some(error)),
            Failure::Template(error) => (String::new(), None, Some(error)),
            Failure::Raised { message, words } => (message, Some(words), None),
            other => (other.to_string(), None, None),
        };
        let (frame, callers) = (self.frame(), self.callers.clone());
        Error::Execute(Box::new(Execution { frame, callers, message, raised, cause }))
    }
}
