//! The variables that an expression may use.

use std::sync::Arc;

use bythos_schema::Schema;

use crate::Type;

/// The variables that an expression may use, in the order in which their values are handed over.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    pub(crate) variables: Vec<Variable>,
}

#[derive(Debug, Clone)]
pub(crate) struct Variable {
    /// May be a qualified name, such as `variables.name`.
    pub(crate) name: String,
    pub(crate) type_: Type,
    /// What bounds its size.
    pub(crate) schema: Option<Arc<Schema>>,
}

impl Environment {
    /// No variables.
    pub fn new() -> Self {
        Environment::default()
    }

    /// One variable more. Its name may be qualified, such as `variables.name`.
    #[must_use]
    pub fn with(mut self, name: &str, type_: Type) -> Self {
        self.variables.push(Variable { name: name.to_owned(), type_, schema: None });
        self
    }

    /// One variable more, whose type and size a schema declares.
    #[must_use]
    pub fn with_schema(mut self, name: &str, type_: Type, schema: &Arc<Schema>) -> Self {
        self.variables.push(Variable { name: name.to_owned(), type_, schema: Some(schema.clone()) });
        self
    }

    /// The place of a variable.
    pub(crate) fn find(&self, name: &str) -> Option<(usize, &Variable)> {
        self.variables.iter().enumerate().find(|(_, variable)| variable.name == name)
    }

    /// Whether a variable has a name that begins so, qualified further.
    pub(crate) fn has_below(&self, name: &str) -> bool {
        self.variables
            .iter()
            .any(|variable| variable.name.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
    }
}
