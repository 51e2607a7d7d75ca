//! Going on where somebody was stopped.

use super::failure::Remedy;
use super::hooks::Progress;
use super::options::{Options, Uninstall};
use super::work::{Work, supersede_deployed};
use super::{Action, Plan, PlanError, rollback, uninstall};
use crate::release::{History, ReleaseRecord, Status};

/// The rest of what was being done; nothing, if nothing was. `options` and `request` are what it was begun with: the
/// first counts for what makes or changes a release, the second for what takes it away. The caller makes sure that nobody
/// else is at work.
///
/// # Errors
/// A record holds something else than manifests.
pub fn resume(history: &History, options: &Options, request: &Uninstall) -> Result<Option<Plan>, PlanError> {
    let Some(record) = history.last() else { return Ok(None) };
    let progress = Progress::Since(record.info.last_deployed);
    let work = |action, original| Work { action, record, original, options, progress };
    let plan = match record.info.status {
        Status::PendingInstall => work(Action::Install, None).plan(Vec::new(), Vec::new())?,
        Status::PendingUpgrade => {
            let before = history.before(record.revision);
            let original =
                original(&before).ok_or_else(|| PlanError::NoDeployedRelease(record.name.clone()))?;
            // A revision that failed stays failed: which one the upgrade started from is no longer certain.
            work(Action::Upgrade, Some(original)).plan(Vec::new(), supersede_deployed(&before))?
        }
        Status::PendingRollback => rollback::go_on(record, history, options)?,
        Status::Uninstalling => {
            uninstall::work(record, history, request, Progress::Since(record.info.deleted))?
        }
        Status::Failed if options.rollback_on_failure => match Remedy::of(record) {
            Some(remedy) => remedy.plan(history, options, record.info.last_deployed.unwrap_or_default())?,
            None => return Ok(None),
        },
        _ => return Ok(None),
    };
    Ok(Some(plan))
}

/// What the upgrade started from. That may have been superseded in the meantime: it is the upgrade's last step but one.
fn original(before: &History) -> Option<&ReleaseRecord> {
    let current = before.last().and_then(|last| before.current(last));
    current.or_else(|| before.last_successful()).map(AsRef::as_ref)
}
