//! Structural schemas: what a kind's fields are, and how their lists and maps merge.
//!
//! The API server, field ownership and kustomize ask three things of a kind: which fields it has and of what type,
//! which defaults and bounds they have, and how two versions of a list become one. A [`Schema`] answers all three.
//!
//! ```text
//! k8s-openapi's types ─┐
//! table of list types ─┴─> built_in ────┐
//!                                       ├─> Schema ─> prune ─> fill_defaults ─> validate
//! CustomResourceDefinition ─> from_openapi_v3 ─┘  └─> read by formats/patch: apply, ownership, strategic merge
//! ```
//!
//! A write goes through [`Schema::prune`], [`Schema::fill_defaults`] and [`Schema::validate`], in this order: `prune`
//! also takes away the `null`s that clients send for empty fields, so that the other two never meet them.
//!
//! For people and for clients the same kinds are published as OpenAPI [`Definitions`], with their descriptions; these
//! are made when they are asked for, and kept by nobody here.
//!
//! Three things are left out of a [`Schema`] on purpose. Descriptions are dropped, since they are most of what a schema
//! weighs and no write reads them. CEL rules (`x-kubernetes-validations`) are kept as they are written; `formats/cel`
//! compiles and evaluates them. What a kind demands beyond its types (a Service needs a port) is the business of the kinds' own rules.
//!
//! Nothing here knows the network, the store, or which kinds are served.

#![cfg_attr(
    test,
    allow(clippy::needless_pass_by_value, reason = "tests hand over the literals that they write")
)]

mod built_in;
mod defaults;
mod openapi;
mod path;
mod pattern;
mod prune;
mod publish;
mod refusal;
mod tree;
mod validate;

pub use built_in::{Definitions, built_in, definition_name};
pub use openapi::from_openapi_v3;
pub use path::{FieldPath, Step};
pub use pattern::{Pattern, PatternError};
pub use publish::{Dialect, custom_definition};
pub use refusal::{FieldError, Refusal};
pub use tree::{Bounds, Combinations, ListType, PatchStrategy, Schema, Type};
pub use validate::Counterparts;
