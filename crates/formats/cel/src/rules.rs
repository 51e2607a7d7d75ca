//! `x-kubernetes-validations`: the rules in the schema of a custom resource, compiled once and held against objects.
//!
//! Behaviour: `apiextensions-apiserver/pkg/apiserver/schema/cel`.

use std::collections::BTreeMap;
use std::sync::Arc;

use bythos_schema::{FieldPath, Refusal, Schema};

use crate::Program;

mod compile;
mod cost;
mod field_path;
mod validate;

pub use compile::CostLimits;
pub use field_path::declared_path;

/// The rules of a schema and of all that is below it.
#[derive(Debug)]
pub struct Rules {
    root: Option<Place>,
}

/// What one evaluation of a rule may cost.
const RULE_BUDGET: u64 = 1_000_000;
/// What all rules of one object may cost together in one request.
pub const OBJECT_BUDGET: u64 = 10_000_000;

impl Rules {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.root.is_none()
    }
}

/// A place in a schema with rules at it or below it.
#[derive(Debug)]
struct Place {
    /// As its rules see it.
    schema: Arc<Schema>,
    rules: Vec<Rule>,
    properties: BTreeMap<Arc<str>, Place>,
    values: Option<Box<Place>>,
    items: Option<Box<Place>>,
}

#[derive(Debug)]
struct Rule {
    program: Program,
    /// In the words of its author: what it demands, or the rule itself.
    words: String,
    has_message: bool,
    message_expression: Option<Program>,
    refusal: Refusal,
    /// Below the place of the rule.
    field_path: Option<FieldPath>,
    takes_optional_old: bool,
}

/// The variables of rules.
const SELF: &str = "self";
const OLD_SELF: &str = "oldSelf";
const OLD_SELF_PLACE: usize = 1;

impl Rule {
    fn uses_old(&self) -> bool {
        self.program.uses(OLD_SELF_PLACE)
    }
}

#[cfg(test)]
mod tests;
