//! Bringing an earlier revision back.

use std::sync::Arc;

use jiff::Timestamp;

use super::hooks::Progress;
use super::options::Rollback;
use super::work::{Work, check_idle, create, supersede_deployed};
use super::{Action, Plan, PlanError};
use crate::release::{History, Info, ReleaseRecord, Status, check_release_name};

const DESCRIPTION_MAX: usize = 256;

/// How an earlier revision is brought back, as a new one.
///
/// As in Helm, a rollback is how one gets away from a revision whose maker was killed and never comes back: it does not
/// ask whether the last one is pending.
///
/// # Errors
/// There is no such revision, a manifest is none, or options stand against each other.
pub fn rollback(
    name: &str,
    history: &History,
    request: &Rollback,
    now: Timestamp,
) -> Result<Plan, PlanError> {
    let options = &request.options;
    check_release_name(name)?;
    check_description(options.description.as_deref())?;
    let current = history.last().ok_or_else(|| PlanError::NotFound(name.to_owned()))?;
    let wanted = request.revision.unwrap_or(current.revision - 1);
    let target = history.revision(wanted).ok_or_else(|| PlanError::NoRevision {
        name: name.to_owned(),
        revision: wanted,
        there: history.records().iter().map(|record| record.revision).collect(),
    })?;
    let apply_method = options.method(target.apply_method);
    options.check(apply_method)?;
    let description = options.description.clone().unwrap_or_else(|| format!("Rollback to {wanted}"));
    let record = Arc::new(ReleaseRecord {
        namespace: current.namespace.clone(),
        revision: current.revision + 1,
        info: Info {
            first_deployed: current.info.first_deployed,
            last_deployed: Some(now),
            deleted: None,
            description,
            status: Status::PendingRollback,
            rollback_revision: wanted,
            notes: target.info.notes.clone(),
        },
        apply_method,
        created_at: None,
        ..ReleaseRecord::clone(target)
    });
    let first = create(&record, history, options);
    let work = Work {
        action: Action::Rollback,
        record: &record,
        original: Some(current),
        options,
        progress: Progress::Fresh,
    };
    work.plan(first, supersede_deployed(history))
}

fn check_description(description: Option<&str>) -> Result<(), PlanError> {
    let found = description.map_or(0, |description| description.chars().count());
    if found > DESCRIPTION_MAX {
        return Err(PlanError::DescriptionTooLong { max: DESCRIPTION_MAX, found });
    }
    Ok(())
}

/// Goes on with a rollback that was stopped.
pub(super) fn go_on(
    record: &Arc<ReleaseRecord>,
    history: &History,
    options: &super::Options,
) -> Result<Plan, PlanError> {
    let before = history.before(record.revision);
    let current = before.last().ok_or_else(|| PlanError::NotFound(record.name.clone()))?;
    // What it starts from may have been left pending; only one that comes after this one is somebody else's work.
    if let Some(last) = history.last().filter(|last| last.revision > record.revision) {
        check_idle(last)?;
    }
    let progress = Progress::Since(record.info.last_deployed);
    let work = Work { action: Action::Rollback, record, original: Some(current), options, progress };
    work.plan(Vec::new(), supersede_deployed(&before))
}
