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
//! Three things are left out on purpose. Descriptions are dropped, since they are most of what a schema weighs and
//! nothing reads them here. CEL rules (`x-kubernetes-validations`) are kept as they are written and not evaluated.
//! What a kind demands beyond its types (a Service needs a port) is the business of the kinds' own rules.
//!
//! Nothing here knows the network, the store, or which kinds are served.

mod built_in;
mod defaults;
mod openapi;
mod path;
mod pattern;
mod prune;
mod refusal;
mod tree;
mod validate;

pub use built_in::built_in;
pub use openapi::from_openapi_v3;
pub use path::{FieldPath, Step};
pub use pattern::Pattern;
pub use refusal::{FieldError, Refusal};
pub use tree::{Bounds, Combinations, ListType, PatchStrategy, Schema, Type};
