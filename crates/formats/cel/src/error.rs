//! What can be wrong with an expression before it runs, and what can go wrong while it runs.

use std::fmt;

/// An expression that makes no sense, with the place and what was expected there. It prints as upstream does:
/// `ERROR: <input>:1:6: undefined field 'size'`, the line of the source, and a mark below the place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ExpressionError {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What was found and what was expected.
    pub message: String,
    /// The line of the source.
    excerpt: String,
}

impl ExpressionError {
    /// An error at this byte of the source.
    pub(crate) fn at(source: &str, place: usize, message: impl Into<String>) -> Self {
        let before = source.get(..place).unwrap_or(source);
        let start = before.rfind('\n').map_or(0, |end| end + 1);
        let excerpt = source.get(start..).unwrap_or_default().lines().next().unwrap_or_default();
        ExpressionError {
            line: before.matches('\n').count() + 1,
            column: before.get(start..).unwrap_or_default().chars().count() + 1,
            message: message.into(),
            excerpt: excerpt.to_owned(),
        }
    }
}

impl fmt::Display for ExpressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ExpressionError { line, column, message, excerpt } = self;
        let dots = ".".repeat(column - 1);
        write!(f, "ERROR: <input>:{line}:{column}: {message}\n | {excerpt}\n | {dots}^")
    }
}

/// Why an evaluation gave no value. The texts are those of cel-go.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It would cost more than it may.
    #[error("operation cancelled: actual cost limit exceeded")]
    OverBudget,
    /// No function takes values of these types.
    #[error("no such overload: {0}")]
    NoSuchOverload(String),
    /// A map or an object does not have the key.
    #[error("no such key: {0}")]
    NoSuchKey(String),
    /// A list is shorter.
    #[error("index out of bounds: {0}")]
    OutOfBounds(i64),
    /// A result that its type cannot hold.
    #[error("{0} overflow")]
    Overflow(&'static str),
    /// Division or modulus by zero.
    #[error("{0} by zero")]
    ByZero(&'static str),
    /// Anything else that a function says of its arguments.
    #[error("{0}")]
    Failed(String),
}

impl Fault {
    pub(crate) fn failed(words: impl Into<String>) -> Self {
        Fault::Failed(words.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_shows_its_place() {
        let source = "self.a &&\n  self.äb.c";
        let error = ExpressionError::at(source, source.find(".c").unwrap(), "undefined field 'c'");
        assert_eq!((error.line, error.column), (2, 10));
        assert_eq!(
            error.to_string(),
            "ERROR: <input>:2:10: undefined field 'c'\n |   self.äb.c\n | .........^"
        );
    }
}
