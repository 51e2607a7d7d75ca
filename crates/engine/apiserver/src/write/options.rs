//! How a write is to be carried out, as the client says it and as the path implies it.

use crate::status::Failure;

/// What to do with fields that the kind does not have: `fieldValidation`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldValidation {
    Ignore,
    Warn,
    Strict,
}

impl FieldValidation {
    pub(crate) fn parse(value: Option<&str>) -> Result<Self, Failure> {
        match value {
            None | Some("Warn") => Ok(FieldValidation::Warn),
            Some("Ignore") => Ok(FieldValidation::Ignore),
            Some("Strict") => Ok(FieldValidation::Strict),
            Some(other) => Err(Failure::BadRequest(format!(
                "fieldValidation: Unsupported value: {other:?}: supported values: \"Ignore\", \"Strict\", \"Warn\""
            ))),
        }
    }
}

/// What the client says about a write.
#[derive(Debug, Clone)]
pub(crate) struct WriteOptions {
    /// Under which name fields are owned.
    pub(crate) manager: String,
    /// Everything but the commit.
    pub(crate) dry_run: bool,
    pub(crate) validation: FieldValidation,
}

impl WriteOptions {
    /// For writes of the server itself.
    pub(crate) fn own() -> Self {
        WriteOptions { manager: "bythos".to_owned(), dry_run: false, validation: FieldValidation::Ignore }
    }
}

/// Through which door an object is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    Main,
    Status,
    Scale,
    Binding,
    Finalize,
}

impl Door {
    /// As in `managedFields`.
    pub(crate) fn subresource(self) -> &'static str {
        match self {
            Door::Main => "",
            Door::Status => "status",
            Door::Scale => "scale",
            Door::Binding => "binding",
            Door::Finalize => "finalize",
        }
    }
}
