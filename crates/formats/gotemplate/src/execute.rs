//! Carrying templates out.

mod call;
mod evaluate;
mod field;
mod found;
mod range;
mod walk;

use std::any::Any;
use std::rc::Rc;

use crate::budget::{Budget, Spent};
use crate::error::Error;
use crate::function::{Failure, Library};
use crate::node::Tree;
use crate::templates::{MissingKey, Parsed, Templates};
use crate::text::Text;
use crate::value::Value;

pub(crate) use found::Found;

/// What templates and functions have around them while they are carried out.
#[derive(Clone)]
pub struct Scope<'s> {
    templates: Rc<Templates>,
    library: &'s dyn Library,
    budget: &'s Budget,
    missing_key: MissingKey,
    host: &'s dyn Any,
    depth: usize,
}

impl<'s> Scope<'s> {
    /// `host` is whatever the caller's own functions need; see [`Scope::host`].
    pub fn new(
        templates: Rc<Templates>,
        library: &'s dyn Library,
        budget: &'s Budget,
        host: &'s dyn Any,
    ) -> Scope<'s> {
        Scope { templates, library, budget, missing_key: MissingKey::default(), host, depth: 0 }
    }

    /// What a key that a map does not have stands for.
    #[must_use]
    pub fn with_missing_key(self, missing_key: MissingKey) -> Scope<'s> {
        Scope { missing_key, ..self }
    }

    /// See [`Scope::with_missing_key`].
    pub fn missing_key(&self) -> MissingKey {
        self.missing_key
    }

    /// The same with other templates.
    #[must_use]
    pub fn with_templates(&self, templates: Rc<Templates>) -> Scope<'s> {
        Scope { templates, ..self.clone() }
    }

    /// The templates that can be called by name.
    pub fn templates(&self) -> &Rc<Templates> {
        &self.templates
    }

    /// The functions that can be called by name.
    pub fn library(&self) -> &'s dyn Library {
        self.library
    }

    /// What is left to spend.
    pub fn budget(&self) -> &'s Budget {
        self.budget
    }

    /// What the caller's functions need, if it is a `T`.
    pub fn host<T: Any>(&self) -> Option<&'s T> {
        self.host.downcast_ref()
    }

    /// Carries a template out.
    ///
    /// # Errors
    /// There is none of the name, it failed, or the budget is spent. Also if templates are nested too deep.
    pub fn execute(&mut self, name: &str, data: Value) -> Result<Text, Error> {
        let tree = self.templates.find(name).ok_or_else(|| no_template(name))?;
        self.execute_tree(&tree, data)
    }

    /// As [`Scope::execute`], for a template that is carried out once: of a shared text, nothing more is kept than was.
    ///
    /// # Errors
    /// As [`Scope::execute`].
    pub fn execute_once(&mut self, name: &str, data: Value) -> Result<Text, Error> {
        let tree = self.templates.find_once(name).ok_or_else(|| no_template(name))?;
        self.execute_tree(&tree, data)
    }

    /// Carries a text out, whatever is known under its name.
    ///
    /// # Errors
    /// As [`Scope::execute`].
    pub fn execute_parsed(&mut self, parsed: &Parsed, data: Value) -> Result<Text, Error> {
        let tree = parsed.main().ok_or_else(|| no_template(parsed.name()))?;
        self.execute_tree(tree, data)
    }

    fn execute_tree(&mut self, tree: &Tree, data: Value) -> Result<Text, Error> {
        let depth_max = self.budget.limits().depth_max;
        if self.depth >= depth_max {
            return Err(Error::TooDeep { name: tree.name.to_string(), depth_max });
        }
        let data = match data {
            Value::Nil => Found::Nothing,
            value => Found::Plain(value),
        };
        let mut output = Vec::new();
        walk::execute(self, tree, &data, &mut output)?;
        Ok(output.into())
    }
}

fn no_template(name: &str) -> Error {
    Error::NoTemplate { name: name.to_owned(), asked: name.to_owned() }
}

/// Why an action stopped, before it is known where.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// Where the work stands.
    Here(Failure),
    /// It is said already.
    Said(Error),
}

impl Stopped {
    pub(crate) fn new(message: impl Into<String>) -> Stopped {
        Stopped::Here(Failure::new(message))
    }
}

impl From<Spent> for Stopped {
    fn from(spent: Spent) -> Stopped {
        Stopped::Here(Failure::Spent(spent))
    }
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Stopped {
        Stopped::Here(failure)
    }
}
