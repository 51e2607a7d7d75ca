//! Templates that know each other by name.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use crate::builtin;
use crate::error::Error;
use crate::function::Library;
use crate::node::{Source, Tree};
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
    own: BTreeMap<Arc<str>, Known>,
    outer: Option<Rc<Templates>>,
}

#[derive(Debug, Clone)]
enum Known {
    Tree(Arc<Tree>),
    /// A text that was read once, to see that it can be. It is read again for whoever calls it.
    Text(Arc<Source>, OnceCell<Arc<Tree>>),
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

    /// As [`Templates::add`], for one of many texts of which each is carried out once: what is kept of it is what it
    /// defines, and the bytes, which are shared. Bytes that are not UTF-8 become U+FFFD.
    ///
    /// # Errors
    /// As [`Templates::add`].
    pub fn add_shared(&mut self, name: &str, text: &Arc<[u8]>, library: &dyn Library) -> Result<(), Error> {
        let source = Arc::new(Source::shared(name, text));
        for tree in trees(&source, library)? {
            let known = match tree.name == source.name {
                true => Known::Text(Arc::clone(&source), OnceCell::new()),
                false => Known::Tree(Arc::clone(&tree)),
            };
            self.put(&tree, known);
        }
        Ok(())
    }

    /// As [`Templates::add`], with a text that was parsed before.
    pub fn add_parsed(&mut self, parsed: &Parsed) {
        for tree in &parsed.trees {
            self.put(tree, Known::Tree(Arc::clone(tree)));
        }
    }

    fn put(&mut self, tree: &Tree, known: Known) {
        if !tree.is_empty() || !self.has(&tree.name) {
            self.own.insert(Arc::clone(&tree.name), known);
        }
    }

    /// Whether there is a template of the name.
    pub fn has(&self, name: &str) -> bool {
        self.own.contains_key(name) || self.outer.as_ref().is_some_and(|outer| outer.has(name))
    }

    /// The template of the name. One that was read again is kept: who calls it once may call it often.
    pub(crate) fn find(&self, name: &str) -> Option<Arc<Tree>> {
        match self.own.get(name) {
            None => self.outer.as_ref()?.find(name),
            Some(Known::Tree(tree)) => Some(Arc::clone(tree)),
            Some(Known::Text(source, read)) => Some(Arc::clone(read.get_or_init(|| source.read_again()))),
        }
    }

    /// As [`Templates::find`], for who needs it once: nothing more is kept.
    pub(crate) fn find_once(&self, name: &str) -> Option<Arc<Tree>> {
        match self.own.get(name) {
            Some(Known::Text(source, read)) if read.get().is_none() => Some(source.read_again()),
            _ => self.find(name),
        }
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
        let trees = trees(&Arc::new(Source::new(name, text)), library)?;
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

fn trees(source: &Arc<Source>, library: &dyn Library) -> Result<Vec<Arc<Tree>>, Error> {
    let is_function = |name: &str| library.find(name).is_some() || builtin::Builtin::named(name).is_some();
    parse(source, &is_function)
}
