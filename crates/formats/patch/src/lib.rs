//! The four Kubernetes patch types and field ownership, on JSON values.
//!
//! The API server hands in what is stored, what was sent and the kind's [`bythos_schema::Schema`]; it gets back what
//! is to be stored. kustomize uses the patches alone.
//!
//! ```text
//! JSON Patch (RFC 6902) ──────> json_patch ──────┐
//! JSON Merge Patch (RFC 7386) ─> merge_patch ────┼─> new object ─> track_update ─> new object with managedFields
//! strategic merge patch ───────> strategic_merge ┘
//! server-side apply ───────────> server_side_apply ────────────────────────────> new object with managedFields
//! ```
//!
//! Ownership follows `sigs.k8s.io/structured-merge-diff`: a value is compared, merged and pruned along its schema, and
//! the paths it holds are kept as sets (`FieldsV1`) in `metadata.managedFields`, one entry for each manager, operation
//! and subresource. One thing differs: entries of other API versions of the same kind are read as if they spoke this
//! one, since kinds are stored and compared in one version.
//!
//! Nothing here knows which door a request came through: what a door does not write (the status at the main resource)
//! is taken out of the applied object by the caller. Nothing here validates values.

mod apply;
mod compare;
mod field_set;
mod json_patch;
mod managed_fields;
mod merge;
mod merge_patch;
mod owned;
mod ownership;
mod remove;
mod shape;
mod strategic;
mod track;

pub use apply::{ApplyError, Conflict, server_side_apply};
pub use json_patch::{is_json_patch, json_patch};
pub use merge_patch::merge_patch;
pub use strategic::strategic_merge;
pub use track::track_update;

/// A patch that cannot be carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct PatchError {
    /// Where in the patch, or in the object.
    pub path: String,
    /// What was found and what was expected.
    pub message: String,
}

impl PatchError {
    fn new(path: &(impl ToString + ?Sized), message: impl Into<String>) -> Self {
        PatchError { path: path.to_string(), message: message.into() }
    }
}

/// Who writes, when, and through which door: what a `managedFields` entry says besides the fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Writer {
    /// `fieldManager`
    pub manager: String,
    /// `apiVersion` that the manager speaks.
    pub api_version: String,
    /// Empty, `status` or `scale`.
    pub subresource: String,
    /// RFC 3339, whole seconds, `Z`.
    pub time: String,
}
