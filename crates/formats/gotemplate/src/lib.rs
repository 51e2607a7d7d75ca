//! Go's `text/template`: parsing and carrying out, on values with Go's types, sharing and printing.
//!
//! For everything that is written in that language: charts, alerts, notifications. "As Go" means Go 1.26, error messages
//! included, for they name the place and are what people search for.
//!
//! ```text
//! text ──lex──> tokens ──parse──> Templates ──Scope::execute, a Value as data──> text
//!                                              └── functions: Builtin, and a Library of the caller's
//! ```
//!
//! A [`Library`] holds the caller's functions: plain Rust functions from which [`Function::new`] reads the signature
//! that Go would see. Whatever they need beyond their arguments they find in the [`Scope`]. Work is bounded by a
//! [`Budget`]. Nothing here does I/O, knows the time, or knows what the values mean.
//!
//! Left out: complex numbers, channels and function iterators in `range`, `%b` and `%x` of floats, pointers as values.

mod budget;
mod builtin;
mod error;
mod execute;
mod function;
mod lex;
mod node;
mod number;
mod parse;
pub mod print;
mod templates;
mod text;
pub mod time;
mod token;
mod value;

pub use budget::{Budget, Limits, NESTING_MAX, Spent, deeper};
pub use error::{Error, Execution, Frame, Location};
pub use execute::Scope;
pub use function::{
    Arguments, Callable, Failure, Function, InScope, Library, NoLibrary, Outcome, Parameter, Rest, Signature,
    Type,
};
pub use number::{parse_float, parse_signed};
pub use parse::unquote;
pub use templates::{MissingKey, Parsed, Templates};
pub use text::{Rune, Text, runes};
pub use value::{Element, InJson, Kind, List, Map, Named, Object, Shape, Value, deep_equal};

#[cfg(test)]
mod tests;
