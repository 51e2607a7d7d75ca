//! The table of built-in kinds: names, scope, columns, defaults, validation.
//!
//! A kind is data. The API server's one request path goes through a [`Kind`] for built-in and custom kinds alike;
//! where a built-in kind truly differs, its row names small pure functions. Nothing here knows HTTP or the store.
//!
//! A write goes through a kind in this order:
//!
//! ```text
//! decoded object ─> Kind::schema: prune, fill_defaults, validate ─> Rules::default
//!    ─> Rules::prepare_create | Rules::prepare_update
//!    ─> validate_metadata [+ validate_metadata_update], Rules::validate [+ Rules::validate_update] ─> store
//! ```
//!
//! Who does what: the API server sets what it knows of every kind alike (`uid`, `creationTimestamp`, `generation`:
//! 1 at first, one more whenever anything outside `metadata` and `status` changes), makes a name from `generateName`,
//! and keeps the status of the old object when a kind with [`Subresource::Status`] is updated through its main door.
//! The rules clear the status of a new object where only the system writes it, and set what a kind alone knows:
//! a Pod's phase and class of service, a Secret's data, a Namespace's finalizer.
//!
//! A kind of a CustomResourceDefinition has its rules in CEL ([`CustomRules`]) in the place of functions; they are held
//! once everything else is well. Policies of the cluster's owner ([`AdmissionPolicy`]) are compiled and held here, too;
//! the API server hands them what they ask for.
//!
//! Reads go through the columns of a [`Kind`] and [`cell()`] for tables, and through [`LabelSelector`] and
//! [`FieldSelector`].
//!
//! To add a kind, add its row in `table/<group>.rs`; a row alone serves, stores and validates it by its schema.
//! What it needs beyond goes to `defaults/`, `validation/` and `columns/` in a file of its name.

#![cfg_attr(
    test,
    allow(clippy::needless_pass_by_value, reason = "tests hand over the literals that they write")
)]

mod admission_policy;
mod cell;
mod columns;
mod conversion;
mod defaults;
mod definition;
mod duration;
mod fields;
mod json_path;
mod kind;
mod names;
mod selector;
mod spot;
mod table;
mod update;
mod validation;

pub use admission_policy::{
    AdmissionOperation, AdmissionPolicy, Denial, DenialReason, Findings, MatchResources, Matched, PolicyInput,
};
pub use bythos_quantity::Quantity;
pub use cell::cell;
pub use conversion::Conversion;
pub use definition::{from_definition, rule_errors};
pub use duration::human_duration;
pub use kind::{
    Cell, Column, Custom, CustomRules, Kind, NameRule, Rules, SchemaSource, SelectableField, Subresource,
    Text,
};
pub use selector::{FieldSelector, LabelSelector, SelectorError};
pub use table::built_in;
pub use validation::metadata::{validate_metadata, validate_metadata_update};
