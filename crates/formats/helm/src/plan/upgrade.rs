//! Changing a release.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::hooks::Progress;
use super::install::asked;
use super::object::{Object, keys, read_marked};
use super::options::Upgrade;
use super::step::Step;
use super::work::{Work, check_idle, create, home, supersede};
use super::{Action, Plan, PlanError};
use crate::release::{History, ReleaseRecord, Status, check_release_name};

/// How a release is changed. `record` is of what was rendered with [`History::next_revision`] and with the values of
/// [`super::upgrade_values`].
///
/// # Errors
/// There is no release, somebody is at work on it, a manifest is none, or options stand against each other.
pub fn upgrade(mut record: ReleaseRecord, history: &History, request: &Upgrade) -> Result<Plan, PlanError> {
    let options = &request.options;
    check_release_name(&record.name)?;
    let missing = || PlanError::NoDeployedRelease(record.name.clone());
    let last = history.last().ok_or_else(missing)?;
    check_idle(last)?;
    let current = history.current(last).ok_or_else(missing)?;
    record.apply_method = options.method(last.apply_method);
    options.check(record.apply_method)?;
    record.revision = last.revision + 1;
    record.namespace.clone_from(&current.namespace);
    record.labels = merged_labels(&last.labels, &record.labels);
    record.info.first_deployed = current.info.first_deployed;
    record.info.status = Status::PendingUpgrade;
    "Preparing upgrade".clone_into(&mut record.info.description);
    let objects = new_objects(&record, current)?;
    let record = Arc::new(record);
    let mut first = vec![Step::CheckOwnership { objects, ownership: asked(request.take_ownership) }];
    first.extend(create(&record, history, options));
    let work = Work {
        action: Action::Upgrade,
        record: &record,
        original: Some(current),
        options,
        progress: Progress::Fresh,
    };
    work.plan(first, supersede(current))
}

/// A label that is to become `null` goes away.
fn merged_labels(
    last: &BTreeMap<String, String>,
    given: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let mut labels = last.clone();
    labels.extend(given.iter().map(|(name, label)| (name.clone(), label.clone())));
    labels.retain(|_, label| label != "null");
    labels
}

/// What the release does not have yet.
fn new_objects(record: &ReleaseRecord, current: &ReleaseRecord) -> Result<Vec<super::ObjectKey>, PlanError> {
    let had = read_marked(&current.manifest, home(current))?;
    let is_new = |object: &Object| !had.iter().any(|had| had.key.is_same(&object.key));
    let new: Vec<Object> = read_marked(&record.manifest, home(record))?.into_iter().filter(is_new).collect();
    Ok(keys(&new))
}
