//! Templates that know each other by name.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use crate::builtin;
use crate::error::Error;
use crate::function::Library;
use crate::node::Tree;
use crate::parse::parse;

/// What a key that a map does not have stands for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MissingKey {
    /// No value: it prints as `<no value>`, and so does every field of it.
    #[default]
    Invalid,
    /// What the map holds where nothing was put; `nil` in a map of anything.
    Zero,
    /// Nothing: carrying out stops.
    Error,
}

/// A set of templates. Cloning shares them; what is added to a clone, the original does not see.
#[derive(Debug, Clone, Default)]
pub struct Templates {
    own: BTreeMap<Arc<str>, Arc<Tree>>,
    outer: Option<Rc<Templates>>,
}

impl Templates {
    /// None yet.
    pub fn new() -> Templates {
        Templates::default()
    }

    /// A set that sees all of these, and may replace them for itself.
    pub fn inside(outer: &Rc<Templates>) -> Templates {
        Templates { own: BTreeMap::new(), outer: Some(Rc::clone(outer)) }
    }

    /// Adds a text and what it defines. A later definition replaces an earlier one, unless it is empty.
    ///
    /// # Errors
    /// The text is no template, or calls functions that are not there.
    pub fn add(&mut self, name: &str, text: &str, library: &dyn Library) -> Result<(), Error> {
        self.add_parsed(&Parsed::new(name, text, library)?);
        Ok(())
    }

    /// As [`Templates::add`], with a text that was parsed before.
    pub fn add_parsed(&mut self, parsed: &Parsed) {
        for tree in &parsed.trees {
            if !tree.is_empty() || self.find(&tree.name).is_none() {
                self.own.insert(Arc::clone(&tree.name), Arc::clone(tree));
            }
        }
    }

    /// Whether there is a template of the name.
    pub fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Arc<Tree>> {
        let outer = || self.outer.as_ref().and_then(|outer| outer.find(name));
        self.own.get(name).or_else(outer)
    }
}

/// A parsed text: a template and those that it defines.
#[derive(Debug, Clone)]
pub struct Parsed {
    name: String,
    trees: Vec<Arc<Tree>>,
}

impl Parsed {
    /// Parses a text.
    ///
    /// # Errors
    /// The text is no template, or calls functions that are not there.
    pub fn new(name: &str, text: &str, library: &dyn Library) -> Result<Parsed, Error> {
        let is_function =
            |name: &str| library.find(name).is_some() || builtin::Builtin::named(name).is_some();
        let trees = parse(name, text, &is_function)?;
        Ok(Parsed { name: name.to_owned(), trees })
    }

    /// The text itself, without what it defines.
    pub(crate) fn main(&self) -> Option<&Arc<Tree>> {
        self.trees.iter().find(|tree| *tree.name == *self.name)
    }

    /// The name that the text was parsed under.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}
