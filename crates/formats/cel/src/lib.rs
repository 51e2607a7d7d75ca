//! CEL, the Common Expression Language, as Kubernetes speaks it: rules of custom resources and admission policies.
//!
//! ```text
//! text ─> token ─> parse ─> check ────────────────────────> Program ─> eval ─> value
//!                           │ names, types, functions                  │ pays for every step
//!                           └ what it can cost, by the schema's bounds └ stops where its budget ends
//! ```
//!
//! The semantics are those of cel-go as the API server configures it: macros with one and two variables, optionals,
//! comparisons across number types, the extensions for strings (2), lists (3) and sets, and Kubernetes' libraries for
//! lists, regular expressions, URLs, quantities, addresses, semantic versions and named formats. Costs are reckoned as
//! upstream reckons them, since they decide which rules a definition may have; work that upstream's reckoning does not
//! see is paid in addition, so that no expression from outside can hold up the one who evaluates it.
//!
//! Values are borrowed from the JSON of an object and read along its schema only where an expression looks at them.
//!
//! [`Rules`] are the `x-kubernetes-validations` of a schema, compiled and held against objects.
//!
//! Left out: making messages (`Type{...}`), the authorizer of admission policies, moments after
//! `9999-12-30T22:00:00Z`, and what the API server does not switch on either (the math, encoders and bindings
//! extensions).

#![cfg_attr(
    test,
    allow(clippy::needless_pass_by_value, reason = "tests hand over the literals that they write")
)]

mod ast;
mod check;
mod cost;
mod declared;
mod environment;
mod error;
mod escape;
mod eval;
mod functions;
mod meter;
mod parse;
mod price;
mod program;
mod rules;
mod token;
mod types;
mod value;

pub use declared::{as_resource, declared};
pub use environment::Environment;
pub use error::{ExpressionError, Fault};
pub use escape::{escape, unescape};
pub use eval::{Binding, Lazy};
pub use program::Program;
pub use rules::{CostLimits, OBJECT_BUDGET, Rules, declared_path};
pub use types::{Library, Type};
pub use value::Value;

pub(crate) use meter::Meter;
