//! What an install, an upgrade, a rollback or an uninstall must do, as ordered steps that somebody else carries out.
//!
//! ```text
//! History, ReleaseRecord, Options ──install, upgrade, rollback, uninstall, test──> Plan ──> Step, Step, ...
//! History, Options ──resume──> the Plan that goes on, if the one before was stopped     │ a step failed
//!                                        steps of the failure, and a Remedy <──after_failure
//! ```
//!
//! The record in the cluster is the journal. It says what is being done (its status), with which objects (its manifest)
//! and how far each hook came; every step may be carried out twice. So who was killed between any two steps reads the
//! history and asks [`resume()`] for the rest. Before the first record is written there is nothing to go on with: the same
//! request is planned again.
//!
//! [`definitions()`] comes before all that, even before rendering: templates ask which kinds the cluster serves.
//!
//! **How objects are applied.** A new release is applied server-side as the field manager `helm`. An upgrade or rollback
//! with [`ServerSide::Auto`] keeps the way of the revision that it starts from, so that a release of Helm 3 goes on with
//! [`Manner::ThreeWay`] ([`three_way_patch`]): what the revision before had and this one has not is taken away, what this one says is set, and
//! all else in the cluster stays. Lists of built-in kinds are merged by their keys (a strategic merge patch); those of
//! other kinds are replaced. With [`ServerSide::On`] a release of Helm 3 is taken over: first, all fields that `helm` owns
//! by updates become fields that it owns by apply ([`applied_managed_fields`]), so that it conflicts with nobody and what
//! a later revision leaves out goes away.
//!
//! Different from Helm, for the sake of who comes after a kill: the end of each hook is recorded when it comes, a
//! rollback that a hook stops is recorded as failed, and a failed install is recorded as failed before it is taken away.
//! And as Helm's documentation has it, not its code: definitions in `crds/` that are in the cluster stay as they are.
//!
//! Nothing here knows a cluster, and no step is carried out here.

mod definitions;
mod failure;
mod hooks;
mod install;
mod managed_fields;
mod object;
mod options;
mod ownership;
mod resume;
mod rollback;
mod step;
mod test;
mod three_way;
mod uninstall;
mod upgrade;
mod values;
mod work;

pub use definitions::{CrdPolicy, definitions, take_others};
pub use failure::{FailedPlan, Remedy};
pub use install::install;
pub use managed_fields::applied_managed_fields;
pub use object::{Object, ObjectKey};
pub use options::{Install, Options, Propagation, Rollback, ServerSide, Uninstall, Upgrade, Wait};
pub use ownership::{Ownership, is_kept};
pub use resume::resume;
pub use rollback::rollback;
pub use step::{Apply, DeleteIf, HookStep, Manner, Step};
pub use test::test;
pub use three_way::{ThreeWayPatch, three_way_patch};
pub use uninstall::{Kept, kept, uninstall};
pub use upgrade::upgrade;
pub use values::{UpgradeValues, ValuesPolicy, coalesced_values, upgrade_values};

use std::sync::Arc;

use crate::release::{InvalidName, ReleaseRecord, Status};

/// Who owns what is applied server-side, as `managedFields` shows it.
pub const FIELD_MANAGER: &str = "helm";

/// What a plan does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Makes a release.
    Install,
    /// Changes it.
    Upgrade,
    /// Brings an earlier revision back.
    Rollback,
    /// Takes it away.
    Uninstall,
    /// Runs its tests.
    Test,
}

/// What is to be done, in this order.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What it does.
    pub action: Action,
    /// The release's name.
    pub release: String,
    /// The namespace that the release lives in.
    pub namespace: String,
    /// The revision that its records are about.
    pub revision: i64,
    /// The steps.
    pub steps: Vec<Step>,
    /// The record as it is when the steps begin; its notes are what the user is to be told.
    pub record: Arc<ReleaseRecord>,
    options: Options,
    /// What an upgrade or rollback starts from.
    original: Option<i64>,
}

/// The objects of a revision, hooks apart, as they are applied: with the marks of the release.
///
/// # Errors
/// The record holds something else than manifests.
pub fn objects(record: &ReleaseRecord) -> Result<Vec<Object>, PlanError> {
    object::read_marked(&record.manifest, work::home(record))
}

impl Plan {
    /// How long each wait may take.
    pub fn timeout(&self) -> std::time::Duration {
        self.options.timeout
    }

    /// What was asked for.
    pub fn options(&self) -> &Options {
        &self.options
    }
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The name is none.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// Something of the name is there.
    #[error("cannot reuse a name that is still in use: {name:?} is {status}")]
    NameInUse {
        /// The name.
        name: String,
        /// The newest revision's status.
        status: Status,
    },
    /// Somebody else is at work, or was stopped.
    #[error(
        "another operation (install/upgrade/rollback) is in progress: revision {revision} of {name:?} is {status}"
    )]
    Pending {
        /// The release.
        name: String,
        /// The newest revision.
        revision: i64,
        /// Its status.
        status: Status,
    },
    /// There is no release.
    #[error("release {0:?} not found")]
    NotFound(String),
    /// Nothing of it is in the cluster.
    #[error("{0:?} has no deployed releases")]
    NoDeployedRelease(String),
    /// There is no such revision.
    #[error("release {name:?} has no {revision} version; there are {there:?}")]
    NoRevision {
        /// The release.
        name: String,
        /// The revision that was asked for.
        revision: i64,
        /// Those that are there.
        there: Vec<i64>,
    },
    /// It is gone already.
    #[error("the release named {0:?} is already deleted")]
    AlreadyDeleted(String),
    /// A manifest in a record, in a hook or in crds/ is none.
    #[error("{place}: {message}")]
    Manifest {
        /// Where it stands.
        place: String,
        /// What is wrong.
        message: String,
    },
    /// The description of a rollback is too long.
    #[error("description must be {max} characters or less, got {found}")]
    DescriptionTooLong {
        /// How long it may be.
        max: usize,
        /// How long it is.
        found: usize,
    },
    /// Two options stand against each other.
    #[error("{0}")]
    Options(&'static str),
}

#[cfg(test)]
mod tests;
