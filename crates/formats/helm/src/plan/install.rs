//! Making a release.

use std::sync::Arc;

use super::hooks::Progress;
use super::object::{keys, read_marked};
use super::options::Install;
use super::ownership::Ownership;
use super::step::Step;
use super::work::{Work, create, home};
use super::{Action, Plan, PlanError};
use crate::release::{ApplyMethod, Change, History, ReleaseRecord, Status, check_release_name};

/// How a release is made. `record` is of what was rendered as revision 1, which is what templates see even where an
/// earlier release of the name left records.
///
/// # Errors
/// The name is none or in use, a manifest is none, or options stand against each other.
pub fn install(mut record: ReleaseRecord, history: &History, request: &Install) -> Result<Plan, PlanError> {
    let options = &request.options;
    check_release_name(&record.name)?;
    check_free(&record.name, history, request.replace)?;
    record.apply_method = options.method(ApplyMethod::ServerSide);
    options.check(record.apply_method)?;
    record.revision = history.next_revision();
    record.info.status = Status::PendingInstall;
    "Initial install underway".clone_into(&mut record.info.description);
    let objects = read_marked(&record.manifest, home(&record))?;
    let record = Arc::new(record);
    let mut first =
        vec![Step::CheckOwnership { objects: keys(&objects), ownership: asked(request.take_ownership) }];
    if request.create_namespace {
        first.push(Step::EnsureNamespace(record.namespace.clone()));
    }
    first.extend(supersede_last(history));
    first.extend(create(&record, history, options));
    let work =
        Work { action: Action::Install, record: &record, original: None, options, progress: Progress::Fresh };
    work.plan(first, Vec::new())
}

pub(super) fn asked(take_ownership: bool) -> Ownership {
    if take_ownership { Ownership::Taken } else { Ownership::Required }
}

fn check_free(name: &str, history: &History, replace: bool) -> Result<(), PlanError> {
    let Some(last) = history.last() else { return Ok(()) };
    let status = last.info.status;
    if replace && matches!(status, Status::Uninstalled | Status::Failed) {
        return Ok(());
    }
    Err(PlanError::NameInUse { name: name.to_owned(), status })
}

/// What failed stays failed; anything else gives way.
fn supersede_last(history: &History) -> Option<Step> {
    let last = history.last().filter(|last| last.info.status != Status::Failed)?;
    let description = Some("superseded by new release".to_owned());
    Some(Step::ChangeRecord { revision: last.revision, change: Change::Superseded { description } })
}
