//! Taking a release away.

use std::sync::Arc;

use super::hooks::{Progress, Run};
use super::object::{Home, Object, ObjectKey, keys, read};
use super::options::{Uninstall, Wait};
use super::ownership::Policy;
use super::step::{DeleteIf, Step};
use super::work::{home, supersede_deployed};
use super::{Action, Plan, PlanError};
use crate::manifest::{HookEvent, uninstall_order};
use crate::release::{ApplyMethod, Change, History, ReleaseRecord, Status, check_release_name};

/// An object that outlives its release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
}

/// How a release is taken away. One that is gone with its history kept loses its history.
///
/// # Errors
/// There is no release, it is gone already and its history is to be kept, or a manifest is none.
pub fn uninstall(name: &str, history: &History, request: &Uninstall) -> Result<Plan, PlanError> {
    check_release_name(name)?;
    let record = history.last().ok_or_else(|| PlanError::NotFound(name.to_owned()))?;
    if record.info.status == Status::Uninstalled {
        if request.keep_history {
            return Err(PlanError::AlreadyDeleted(name.to_owned()));
        }
        return Ok(plan(record, request, delete_records(history)));
    }
    work(record, history, request, Progress::Fresh)
}

pub(super) fn work(
    record: &Arc<ReleaseRecord>,
    history: &History,
    request: &Uninstall,
    progress: Progress,
) -> Result<Plan, PlanError> {
    let mut steps = Vec::new();
    if matches!(progress, Progress::Fresh) {
        steps.push(change(record, Change::Uninstalling));
    }
    steps.extend(hooks(record, request, HookEvent::PreDelete, progress)?);
    let deleted: Vec<Object> = objects(record)?
        .into_iter()
        .filter(|object| matches!(Policy::of(&object.value), Policy::Delete))
        .collect();
    let names = keys(&deleted);
    let delete = |object: &ObjectKey| Step::Delete {
        object: object.clone(),
        only_if: DeleteIf::Owned,
        propagation: request.propagation,
    };
    steps.extend(names.iter().map(delete));
    if request.options.wait() != Wait::Hooks {
        steps.push(Step::AwaitGone { objects: names });
    }
    steps.extend(hooks(record, request, HookEvent::PostDelete, progress)?);
    if request.keep_history {
        let description = request.options.description.clone();
        let description = description.unwrap_or_else(|| "Uninstallation complete".to_owned());
        let deployed = supersede_deployed(history).into_iter();
        // This one says that it is deployed only in the history that was read before the first step.
        steps.extend(deployed.filter(|step| !is_about(step, record.revision)));
        steps.push(change(record, Change::Uninstalled { description }));
    } else {
        steps.extend(delete_records(history));
    }
    Ok(plan(record, request, steps))
}

/// What outlives the release because its manifest asks for it: what the user is to be told.
///
/// # Errors
/// A manifest is none.
pub fn kept(record: &ReleaseRecord) -> Result<Vec<Kept>, PlanError> {
    let kept =
        objects(record)?.into_iter().filter(|object| matches!(Policy::of(&object.value), Policy::Keep));
    Ok(kept.map(|object| Kept { kind: object.key.kind, name: object.key.name }).collect())
}

/// In the order in which they are taken away.
fn objects(record: &ReleaseRecord) -> Result<Vec<Object>, PlanError> {
    let Home { release, .. } = home(record);
    let mut objects = read(&record.manifest, &format!("the manifest of release {release:?}"), home(record))?;
    objects.sort_by(|left, right| uninstall_order(&left.key.kind, &right.key.kind));
    Ok(objects)
}

fn hooks(
    record: &ReleaseRecord,
    request: &Uninstall,
    event: HookEvent,
    progress: Progress,
) -> Result<Vec<Step>, PlanError> {
    if request.options.no_hooks {
        return Ok(Vec::new());
    }
    let earlier = (event == HookEvent::PostDelete).then_some(HookEvent::PreDelete);
    Run { record, event, earlier, progress, method: ApplyMethod::ServerSide }.steps()
}

/// The newest last: it says what is being done until nothing else is left.
fn delete_records(history: &History) -> Vec<Step> {
    history.records().iter().map(|record| Step::DeleteRecord { revision: record.revision }).collect()
}

fn is_about(step: &Step, revision: i64) -> bool {
    matches!(step, Step::ChangeRecord { revision: about, .. } if *about == revision)
}

fn change(record: &ReleaseRecord, change: Change) -> Step {
    Step::ChangeRecord { revision: record.revision, change }
}

fn plan(record: &Arc<ReleaseRecord>, request: &Uninstall, steps: Vec<Step>) -> Plan {
    Plan {
        action: Action::Uninstall,
        release: record.name.clone(),
        namespace: record.namespace.clone(),
        revision: record.revision,
        steps,
        record: Arc::clone(record),
        options: request.options.clone(),
        original: None,
    }
}
