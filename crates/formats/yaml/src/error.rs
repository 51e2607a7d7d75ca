//! What is wrong with a text.

use saphyr_parser::{Marker, ScanError};

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct Error {
    /// From 1.
    pub line: usize,
    /// From 1.
    pub column: usize,
    /// What was found and what was expected.
    pub message: String,
}

impl Error {
    pub(crate) fn at(marker: Marker, message: impl Into<String>) -> Error {
        Error { line: marker.line().max(1), column: marker.col() + 1, message: message.into() }
    }

    /// About the text as a whole.
    pub(crate) fn of_text(message: String) -> Error {
        Error { line: 1, column: 1, message }
    }
}

impl From<ScanError> for Error {
    fn from(error: ScanError) -> Error {
        Error::at(*error.marker(), error.info())
    }
}
