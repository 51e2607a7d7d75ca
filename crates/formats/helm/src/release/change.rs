//! What becomes of a record while its plan is carried out.

use jiff::Timestamp;

use super::{HookPhase, HookRun, ReleaseRecord, Status};

/// A change of a record. It says all that is needed beyond the record and the time, so that it can be carried out on
/// what the cluster holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The object of a hook is about to be made.
    HookStarted {
        /// Its place in the record's list.
        hook: usize,
    },
    /// A hook ended.
    HookEnded {
        /// Its place in the record's list.
        hook: usize,
        /// How.
        phase: HookPhase,
    },
    /// It is done.
    Deployed {
        /// In words; nothing leaves those that are there.
        description: Option<String>,
    },
    /// It failed.
    Failed {
        /// Why.
        description: String,
    },
    /// A later revision takes its place.
    Superseded {
        /// In words; nothing leaves those that are there.
        description: Option<String>,
    },
    /// Its objects are about to be taken away.
    Uninstalling,
    /// They are gone.
    Uninstalled {
        /// In words.
        description: String,
    },
}

impl ReleaseRecord {
    /// The record after a change. A hook that is not there changes nothing.
    #[must_use]
    pub fn changed(&self, change: &Change, now: Timestamp) -> ReleaseRecord {
        let mut record = self.clone();
        match change {
            Change::HookStarted { hook } => {
                if let Some(hook) = record.hooks.get_mut(*hook) {
                    hook.last_run =
                        HookRun { started_at: Some(now), completed_at: None, phase: HookPhase::Running };
                }
            }
            Change::HookEnded { hook, phase } => {
                if let Some(hook) = record.hooks.get_mut(*hook) {
                    hook.last_run.completed_at = Some(now);
                    hook.last_run.phase = *phase;
                }
            }
            Change::Deployed { description } => record.set(Status::Deployed, description.as_deref()),
            Change::Failed { description } => record.set(Status::Failed, Some(description)),
            Change::Superseded { description } => record.set(Status::Superseded, description.as_deref()),
            Change::Uninstalling => {
                record.info.deleted = Some(now);
                record.set(Status::Uninstalling, Some("Deletion in progress (or silently failed)"));
            }
            Change::Uninstalled { description } => record.set(Status::Uninstalled, Some(description)),
        }
        record
    }

    fn set(&mut self, status: Status, description: Option<&str>) {
        self.info.status = status;
        if let Some(description) = description {
            description.clone_into(&mut self.info.description);
        }
    }
}
