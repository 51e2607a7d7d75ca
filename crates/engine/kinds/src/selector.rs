//! Selectors: the strings of `-l` and `--field-selector`, and the `LabelSelector` objects inside of specs.

mod field;
mod label;
mod label_parser;

pub use field::FieldSelector;
pub use label::LabelSelector;
pub(crate) use label::{printed, validate_label_selector};

/// A selector that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unable to parse selector {selector:?}: {problem}")]
pub struct SelectorError {
    /// The selector as it was given.
    pub selector: String,
    /// What was found and what was expected.
    pub problem: String,
}
