//! What clients read about kinds before they send them: `/openapi/v2` and `/openapi/v3`.
//!
//! A document is made when it is asked for, kind by kind and straight into its compressed form (`document`), in which
//! it is kept until a CustomResourceDefinition changes what it says. No document is ever in memory as a tree. Built-in
//! kinds are described by the schema library, custom ones by their definitions as they are stored (`definitions`);
//! what can be done to a kind follows from its row of the table (`operations`).
//!
//! Left out: the operations of discovery itself (`/apis/`, `/version/`) and those that open a connection (`exec`,
//! `proxy` and their like), and the protobuf form of version 3, which
//! clients ask for together with JSON.

mod definitions;
mod document;
mod operations;
mod parameters;
pub(crate) mod v2;
pub(crate) mod v3;

pub(crate) use document::Documents;

use crate::paths::GIT_VERSION;

const TITLE: &str = "Kubernetes";

/// The `info` of every document.
fn info() -> serde_json::Value {
    serde_json::json!({ "title": TITLE, "version": GIT_VERSION })
}
